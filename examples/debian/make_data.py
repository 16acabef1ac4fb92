#!/usr/bin/env python3
"""Make a small recommender data set from Debian's package index.

Users are packages, items are the packages they depend on. One dependency per
user is held out; implicit ALS (Hu, Koren, Volinsky 2008) on the others gives
vectors whose inner product ranks the items for a user.
"""

import argparse
import os
import subprocess
from collections import Counter
from pathlib import Path

# One BLAS thread: a thread count can change the order of a sum, and so bytes.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from scipy.sparse import csr_matrix

ARCHITECTURES = ("amd64", "all")
RELATIONS = ("Pre-Depends", "Depends", "Recommends")
FIELDS = RELATIONS + ("Package", "Architecture", "Section")
CORE = 5            # least items per user and users per item
DIM = 64
ALPHA = 20.0        # an observed dependency has confidence 1 + ALPHA
REGULARISATION = 1.0
ITERATIONS = 12
HELD_OUT_SEED = 1
FACTOR_SEED = 2
TOP = 50


def main():
    args = parse_args()
    users, items, full = five_core(read_index(args.dumpavail))
    seen, held_out = hold_out(full)
    user_vectors, item_vectors = als(seen)
    write(args.out, users, items, user_vectors, item_vectors, seen, held_out)
    report(args.out, seen, held_out)


def parse_args():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dumpavail", nargs="?", type=Path,
                        help="saved output of `apt-cache dumpavail`; "
                             "without it the command is run")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent,
                        help="output folder (default: this script's folder)")
    return parser.parse_args()


# Package index -> interactions

def read_index(path):
    """Return {package: set of the packages it depends on}."""
    if path:
        text = path.read_text(encoding="utf-8")
    else:
        text = subprocess.run(["apt-cache", "dumpavail"], check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout
    index = {}
    for stanza in text.split("\n\n"):
        fields = read_fields(stanza)
        # Foreign architectures repeat every package; a section with a slash
        # ("non-free/admin") lies outside main.
        if fields.get("Architecture") not in ARCHITECTURES:
            continue
        if "/" in fields.get("Section", ""):
            continue
        name = fields["Package"]
        index[name] = dependencies(fields) - {name}
    if not index:
        raise SystemExit("no amd64 packages of main found; run `apt-get update`?")
    return index


def read_fields(stanza):
    fields = {}
    for line in stanza.splitlines():
        key, _, value = line.partition(":")
        if key in FIELDS:
            fields[key] = value.strip()
    return fields


def dependencies(fields):
    """Names in "a (>= 1) | b, c:any": the first alternative of each, bare."""
    names = set()
    for relation in RELATIONS:
        for clause in fields.get(relation, "").split(","):
            first = clause.split("|")[0].split("(")[0].split(":")[0].strip()
            if first:
                names.add(first)
    return names


def five_core(index):
    """Drop rare users and items until each has CORE of the other.

    Without this thousands of items have the same few users and one vector.
    Returns sorted user names, sorted item names, and their 0/1 matrix.
    """
    while True:
        index = {user: deps for user, deps in index.items() if len(deps) >= CORE}
        count = Counter(item for deps in index.values() for item in deps)
        rare = {item for item, n in count.items() if n < CORE}
        if not rare:
            break
        index = {user: deps - rare for user, deps in index.items()}

    users, items = sorted(index), sorted(count)
    row = {item: i for i, item in enumerate(items)}
    ids = [row[item] for user in users for item in sorted(index[user])]
    offsets = np.cumsum([0] + [len(index[user]) for user in users])
    return users, items, csr_matrix((np.ones(len(ids)), ids, offsets),
                                    shape=(len(users), len(items)))


def hold_out(full):
    """Take one random item from each user; return the others and the taken."""
    rng = np.random.default_rng(HELD_OUT_SEED)
    taken = full.indptr[:-1] + rng.integers(np.diff(full.indptr))
    kept = np.delete(full.indices, taken)
    offsets = full.indptr - np.arange(len(full.indptr))
    seen = csr_matrix((np.ones(len(kept)), kept, offsets), shape=full.shape)
    return seen, full.indices[taken]


# Interactions -> vectors

def als(seen):
    by_item = seen.T.tocsr()
    rng = np.random.default_rng(FACTOR_SEED)
    item_vectors = rng.normal(scale=0.1, size=(seen.shape[1], DIM))
    for _ in range(ITERATIONS):
        user_vectors = solve_side(seen, item_vectors)
        item_vectors = solve_side(by_item, user_vectors)
    return user_vectors, item_vectors


def solve_side(interactions, fixed):
    """Best vector for each row of interactions, the other side held fixed."""
    base = fixed.T @ fixed + REGULARISATION * np.eye(DIM)
    solved = np.zeros((interactions.shape[0], DIM))
    for i in range(len(solved)):
        start, end = interactions.indptr[i:i + 2]
        known = fixed[interactions.indices[start:end]]
        solved[i] = np.linalg.solve(base + ALPHA * known.T @ known,
                                    (1 + ALPHA) * known.sum(axis=0))
    return solved


def write(out, users, items, user_vectors, item_vectors, seen, held_out):
    out.mkdir(parents=True, exist_ok=True)
    (out / "users.txt").write_text("\n".join(users) + "\n", encoding="utf-8")
    (out / "items.txt").write_text("\n".join(items) + "\n", encoding="utf-8")
    np.save(out / "users.npy", user_vectors.astype(np.float16, order="C"))
    np.save(out / "items.npy", item_vectors.astype(np.float16, order="C"))
    np.save(out / "seen_offsets.npy", seen.indptr.astype(np.int64))
    np.save(out / "seen_ids.npy", seen.indices.astype(np.int32))
    np.save(out / "held_out.npy", held_out.astype(np.int32))


# Vectors -> quality

def report(out, seen, held_out):
    # Read the vectors back: float16 is what a user of the files gets.
    user_vectors = np.load(out / "users.npy").astype(np.float32)
    item_vectors = np.load(out / "items.npy").astype(np.float32)
    n_users, n_items = seen.shape

    # Popularity as vectors of one dimension: a score that ignores the user.
    popularity = np.bincount(seen.indices, minlength=n_items)
    everyone = np.ones((n_users, 1))

    ranked = hit_rate(user_vectors, item_vectors, seen, held_out)
    popular = hit_rate(everyone, popularity[:, None], seen, held_out)

    print(f"users              {n_users}")
    print(f"items              {n_items}")
    print(f"interactions       {seen.nnz + n_users} ({n_users} held out)")
    print(f"hit@{TOP} ALS         {ranked:.4f}")
    print(f"hit@{TOP} popularity  {popular:.4f}")


def hit_rate(user_vectors, item_vectors, seen, held_out):
    """Share of users whose held-out item ranks in the TOP, seen items masked."""
    hits = 0
    for i, wanted in enumerate(held_out):
        scores = item_vectors @ user_vectors[i]
        scores[seen.indices[seen.indptr[i]:seen.indptr[i + 1]]] = -np.inf
        # Equal scores rank by row, so that popularity has one ranking.
        ahead = np.count_nonzero(scores > scores[wanted])
        ahead += np.count_nonzero(scores[:wanted] == scores[wanted])
        hits += ahead < TOP
    return hits / len(held_out)


if __name__ == "__main__":
    main()
