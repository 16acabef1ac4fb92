"""Which answers are right, computed in float64. SPDX-License-Identifier: Apache-2.0"""

import numpy as np

CHECKED = 50  # queries
BLOCK = 16384  # items
TIE = 1e-6  # of |q|^2 + |x|^2: what float32 can't tell apart


class Truth:
    """For the first CHECKED queries, how far their nearest items are."""

    def __init__(self, data, metric, top_k):
        self.items, self.metric = data.items, metric
        self.queries = data.queries[:CHECKED].astype(np.float64)
        nearest = np.empty((len(self.queries), 0))
        for first in range(0, len(self.items), BLOCK):
            found = np.hstack([nearest, self.farness(self.items[first:first + BLOCK].astype(np.float64))])
            keep = min(top_k, found.shape[1])
            nearest = np.partition(found, keep - 1, axis=1)[:, :keep]
        self.nearest = np.sort(nearest, axis=1)

    def farness(self, items):
        """One row for each query: L2, or minus the inner product."""
        dot = self.queries @ items.T
        if self.metric == "IP":
            return -dot
        return self.norms(self.queries)[:, None] + self.norms(items) - 2 * dot

    @staticmethod
    def norms(vectors):
        return np.einsum("ij,ij->i", vectors, vectors)

    def recall(self, ids):
        """The share of true neighbours among the ids found for the first queries, ties counted as found."""
        hits = 0
        for q, found in enumerate(ids[:len(self.queries)]):
            items = self.items[np.unique(found[found >= 0])].astype(np.float64)
            farness = self.farness(items)[q]
            tolerance = TIE * (self.queries[q] @ self.queries[q] + self.norms(items))
            hits += np.count_nonzero(farness <= self.nearest[q, ids.shape[1] - 1] + tolerance)
        return hits / (len(self.queries) * ids.shape[1])
