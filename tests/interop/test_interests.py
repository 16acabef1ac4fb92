"""Several vectors per user, merged: against numpy.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
from vreclib import INVALID, Builder, VrecError

ROWS, DIM, USERS, EACH, K = 900, 12, 40, 4, 10
MERGES = ["best", "sum", "round_robin"]
every_merge = pytest.mark.parametrize("merge", MERGES)
every_metric = pytest.mark.parametrize("metric", ["L2", "IP"])

faiss.omp_set_num_threads(1)


@pytest.fixture(scope="module")
def data():
    """Some items are there twice, and some interests alike, so that distances tie."""
    rng = np.random.default_rng(11)
    items = rng.integers(-4, 5, (ROWS, DIM)).astype(np.float32)
    items[ROWS // 2:ROWS // 2 + 60] = items[:60]
    users = rng.integers(-4, 5, (USERS, EACH, DIM)).astype(np.float32)
    users[3, 1], users[4, 2] = users[3, 0], users[4, 0]
    return items, users, rng.integers(0, EACH + 1, USERS)


def distances_of(items, query, metric):
    """Of whole numbers, so that they are exact whatever adds them up."""
    q, x = query.astype(np.float64), items.astype(np.float64)
    return ((x - q) ** 2).sum(1) if metric == "L2" else x @ q


def reference(items, interests, k, metric, merge, allowed):
    """What one user gets: the obvious way."""
    sign = -1 if metric == "IP" else 1
    rows = np.flatnonzero(allowed)
    all_of = [distances_of(items, q, metric) for q in interests]
    lists = [rows[np.lexsort((rows, sign * d[rows]))][:k] for d in all_of]
    found = np.unique(np.concatenate(lists)).astype(int) if lists else np.empty(0, int)
    if merge == "round_robin":
        pairs, at = [], [0] * len(lists)
        while len(pairs) < min(k, len(found)):
            for i, ids in enumerate(lists):
                while at[i] < len(ids) and ids[at[i]] in [id for id, _ in pairs]:
                    at[i] += 1
                if at[i] < len(ids) and len(pairs) < k:
                    pairs.append((ids[at[i]], all_of[i][ids[at[i]]]))
        return pairs
    held = {id: [d[id] for d, ids in zip(all_of, lists) if merge == "sum" or id in ids] for id in found}
    score = {id: sum(ds) if merge == "sum" else min(ds, key=lambda d: sign * d) for id, ds in held.items()}
    return sorted(score.items(), key=lambda pair: (sign * pair[1], pair[0]))[:k]


def check(index, items, users, valid, metric, merge, k=K, allowed=None, names=None, **options):
    ids, distances, counts = index.query(users.reshape(-1, DIM), k, interests=users.shape[1], valid=valid, merge=merge,
                                         **options)
    assert ids.shape == (len(users), k)
    for u in range(len(users)):
        ok = np.ones(len(items), bool) if allowed is None else allowed[u]
        some = users[u, :users.shape[1] if valid is None else valid[u]]
        wanted = reference(items, some[np.isfinite(some).all(1)], k, metric, merge, ok)
        got = ids[u, :counts[u]]
        assert counts[u] == len(wanted) and np.all(ids[u, counts[u]:] == -1)
        assert got.tolist() == [id if names is None else names[id] for id, _ in wanted], (u, merge)
        assert distances[u, :counts[u]].tolist() == [d for _, d in wanted]
        assert np.all(distances[u, counts[u]:] == (-np.inf if metric == "IP" else np.inf))


@every_metric
@every_merge
@pytest.mark.parametrize("threads", [1, 3])
def test_exact_search(metric, merge, threads, data):
    items, users, valid = data
    index = Builder("faiss", metric=metric).from_embeddings(items)
    check(index, items, users, valid, metric, merge, threads=threads)
    check(index, items, users, None, metric, merge, threads=threads)


@every_metric
@every_merge
def test_short_rows(metric, merge, data):
    items, users, valid = data[0][:7], data[1], data[2]
    check(Builder("faiss", metric=metric).from_embeddings(items), items, users, valid, metric, merge)


@every_metric
@every_merge
def test_exclusions_and_allowance_are_of_users(metric, merge, data):
    items, users, valid = data
    rng = np.random.default_rng(2)
    allow, allowed = rng.random((USERS, ROWS)) < 0.3, None
    out = [rng.permutation(ROWS)[:rng.integers(0, 300)] for _ in range(USERS)]
    index = Builder("faiss", metric=metric).from_embeddings(items)
    for use_allow, use_out in ((True, False), (False, True), (True, True)):
        allowed = allow.copy() if use_allow else np.ones((USERS, ROWS), bool)
        for u in range(USERS if use_out else 0):
            allowed[u, out[u]] = False
        check(index, items, users, valid, metric, merge, allowed=allowed, exclude=out if use_out else None,
              allow=allow if use_allow else None, threads=2)
    check(index, items, users, valid, metric, merge, allowed=np.tile(allow[0], (USERS, 1)), allow=allow[0])


@every_merge
@pytest.mark.parametrize("index_type", ["Flat", "HNSW", "IVF"])
def test_ids_of_the_callers(merge, index_type, data):
    """Ids that ascend, so that ties go to the same items; lists and graphs that are looked through whole."""
    items, users, valid = data
    names = np.sort(np.random.default_rng(3).permutation(10 ** 6)[:ROWS])
    options = {"HNSW": {"efSearch": ROWS}, "IVF": {"nlists": 10, "nprobe": 10}}.get(index_type, {})
    index = Builder("faiss", index_type=index_type, **options).from_embeddings(items, ids=names)
    check(index, items, users, valid, "L2", merge, names=names)


@every_merge
@pytest.mark.parametrize("metric", ["euclidean", "dot", "angular"])
def test_a_forest(merge, metric, data):
    """Real numbers, as Annoy's distances have roots."""
    rng = np.random.default_rng(4)
    items, users = rng.standard_normal((ROWS, DIM)).astype(np.float32), rng.standard_normal(data[1].shape).astype(np.float32)
    index = Builder("annoy", metric=metric, searchk=10 ** 6).from_embeddings(items)
    ids, distances, counts = index.query(users.reshape(-1, DIM), K, interests=EACH, merge=merge)
    for u in range(USERS):
        pairs = users[u].astype(np.float64) @ items.astype(np.float64).T
        if metric == "euclidean":
            pairs = np.sqrt(((users[u][:, None].astype(np.float64) - items) ** 2).sum(2))
        elif metric == "angular":
            norms = np.linalg.norm(users[u], axis=1)[:, None] * np.linalg.norm(items, axis=1)
            pairs = np.sqrt(2 - 2 * pairs / norms)
        sign = -1 if metric == "dot" else 1
        lists = np.argsort(sign * pairs, axis=1)[:, :K]
        found = np.unique(lists)
        score = sign * pairs[:, found].sum(0) if merge == "sum" else (sign * pairs[:, found]).min(0)
        if merge == "round_robin":
            assert set(lists[:, 0]) <= set(ids[u]) <= set(found) and len(set(ids[u])) == K
        else:
            order = np.argsort(score)[:K]
            assert np.array_equal(ids[u], found[order])
            assert np.allclose(sign * distances[u], score[order], rtol=1e-5, atol=1e-5)


@every_merge
def test_many_users_are_as_each_alone(merge, data):
    """More than are merged at a time."""
    items, users, valid = data
    many, counts = np.tile(users, (60, 1, 1)), np.tile(valid, 60)
    index = Builder("faiss").from_embeddings(items)
    together = index.query(many.reshape(-1, DIM), 800, interests=EACH, valid=counts, merge=merge, threads=2)
    alone = [index.query(users[u], 800, interests=EACH, valid=valid[u:u + 1], merge=merge) for u in range(USERS)]
    for part in range(3):
        assert np.array_equal(together[part], np.tile(np.concatenate([each[part] for each in alone]), (60, 1))
                              if part < 2 else np.tile(np.concatenate([each[part] for each in alone]), 60))


@every_merge
def test_an_interest_that_is_no_number_is_none(merge, data):
    items, users, _ = data
    users = users.copy()
    users[0, 1, 3], users[1] = np.nan, np.inf
    check(Builder("faiss").from_embeddings(items), items, users, None, "L2", merge)


@every_merge
def test_one_interest_is_a_query(merge, data):
    items, users, _ = data
    index = Builder("faiss").from_embeddings(items)
    plain = index.query(users[:, 0], K)
    assert all(map(np.array_equal, index.query(users[:, 0], K, interests=1, merge=merge), plain))


def test_sums_of_pairs_that_overflow_are_no_results(data):
    items = np.full((5, DIM), 1e18, np.float32)
    index = Builder("faiss", metric="IP").from_embeddings(items)
    users = np.full((1, EACH, DIM), 8e18, np.float32)
    assert index.query(users[0], 3, interests=EACH, merge="sum")[2].tolist() == [0]
    assert index.query(users[0], 3, interests=EACH)[2].tolist() == [3]


def test_progress_goes_once_from_start_to_end(data):
    items, users, _ = data
    index = Builder("faiss").from_embeddings(items)
    seen = []
    index.query(np.tile(users, (60, 1, 1)).reshape(-1, DIM), 800, interests=EACH, merge="sum",
                progress=lambda phase, done, total: seen.append((done, total)))
    assert seen == sorted(seen) and {total for _, total in seen} == {60 * USERS} and seen[-1][0] == 60 * USERS
    with pytest.raises(VrecError, match="stopped by the caller"):
        index.query(users[0], 3, interests=EACH, progress=lambda *_: True)


@pytest.mark.parametrize("options, message", [
    ({"interests": 3}, "160 rows of queries aren't those of users with 3 interests each"),
    ({"interests": EACH, "valid": [EACH + 1] + [1] * (USERS - 1)}, "user 0 has 5 valid interests; it takes 0 to 4"),
    ({"interests": EACH, "valid": [1] * (USERS - 1) + [-1]}, "user 39 has -1 valid interests; it takes 0 to 4"),
    ({"interests": EACH, "merge": 3}, "merge is 3; it takes VREC_MERGE_BEST"),
    ({"merge": "sum"}, "merge is set, but interests is 0"),
    ({"valid": [1] * USERS}, "interest_counts is set, but interests is 0"),
    ({"interests": EACH, "exclude": [[1]] * 3}, "exclude_offsets"),
])
def test_what_is_refused(options, message, data):
    items, users, _ = data
    with pytest.raises(VrecError, match=message) as failure:
        Builder("faiss").from_embeddings(items).query(users.reshape(-1, DIM), K, **options)
    assert failure.value.status == INVALID
