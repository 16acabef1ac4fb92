"""Command lines that make no sense.

SPDX-License-Identifier: Apache-2.0
"""

import os

import pytest
from command import fail


@pytest.mark.parametrize("message, args", [
    ("a command is missing", []),
    ("there is no command biuld; did you mean \"build\"? There are build, query, eval, info,", ["biuld"]),
    ("there is no command qeury; did you mean \"query\"?", ["help", "qeury"]),
    ("there is no command frobnicate; there are build, query, eval, info,", ["frobnicate"]),
    ("eval has no flag --itmes; did you mean --items? (see vrec help eval)", ["eval", "--itmes", "items.npy"]),
    ("annoy is a backend, and comes after a command: vrec build annoy, vrec help annoy", ["annoy", "--help"]),
    ("ANNOY is a backend", ["ANNOY"]),
    ("flat is a kind of index, and comes after a command: vrec build faiss --index_type Flat", ["flat"]),
    ("ivf_flat is a kind of index, and", ["help", "ivf_flat"]),
    ("BACKEND is missing: vrec query faiss items.index users.npy (", ["query", "items.index", "users.npy"]),
    ("BACKEND is missing: vrec build faiss ./items (", ["build", "./items", "-o", "x.index"]),
    ("QUERIES; BACKEND is missing (", ["query", "items.index", "users.npy", "more.npy"]),
    ("there is no backend \"index\"; there are annoy, faiss, milvus (", ["query", "index", "users"]),
    ("IVF_FLAT is a kind of index; its backend is missing: vrec build milvus --index_type IVF_FLAT",
     ["build", "IVF_FLAT", "items.npy", "-o", "x.index"]),
    ("build has no flag --searchkey (it has --output, --from, --ids, --queries, --quiet, --help), and faiss has no option \"searchkey\" (",
     ["build", "--searchkey", "5", "faiss", "items.npy", "-o", "x.index"]),
    ("and annoy has no option \"serchk\"; did you mean \"searchk\"?",
     ["query", "annoy", "i.ann", "users.npy", "--serchk", "5"]),
    ("and no backend has that option", ["build", "--frobnicate"]),
    ("faiss has no option \"searchk\" (see vrec help faiss)",
     ["query", "faiss", "i.index", "users.npy", "--searchk", "5"]),
    ("scale items and queries to unit length and take IP, or take backend annoy with metric=angular",
     ["build", "faiss", "--metric", "cosine", "items.npy", "-o", "x.index"]),
    ("there is no command --frobnicate", ["--frobnicate"]),
    ("faiss has no option \"metrc\"; did you mean \"metric\"?", ["build", "faiss", "--metrc", "IP", "items.npy", "-o", "x.index"]),
    ("build has no flag --quite; did you mean --quiet?", ["build", "--quite", "faiss", "items.npy", "-o", "x.index"]),
    ("it has --top_k, --ids, --distances, --exclude, --without, --allow, --names, --interests, --valid, --merge, --json, --quiet, --help", ["query", "faiss", "i.index", "users.npy", "--frobnicate=d.npy"]),
    ("build has no flag -z; it has --output", ["build", "-z"]),
    ("build has no flag -k", ["build", "faiss", "items.npy", "-o", "x.index", "-k", "3"]),
    ("did you mean \"faiss\"?", ["build", "fais", "items.npy", "-o", "x.index"]),
    ("ITEMS is missing", ["build", "faiss", "-o", "x.index"]),
    ("-o INDEX is missing", ["build", "faiss", "items.npy"]),
    ("more.npy is one too many", ["build", "faiss", "items.npy", "more.npy", "-o", "x.index"]),
    ("QUERIES is missing", ["query", "faiss", "i.index"]),
    ("INDEX is missing", ["info"]),
    ("--output is given twice", ["build", "faiss", "items.npy", "-o", "x.index", "-o", "y.index"]),
    ("--metric is given twice", ["build", "faiss", "--metric=IP", "--metric_type=IP", "items.npy", "-o", "x.index"]),
    ("--threads is given twice", ["build", "FAISS", "--threads=1", "--n_jobs=1", "items.npy", "-o", "x.index"]),
    ("--metric needs a value: L2, IP", ["build", "faiss", "items.npy", "-o", "x.index", "--metric"]),
    ("--ids needs a value, but --distances follows", ["query", "faiss", "i", "u.npy", "--ids", "--distances", "d"]),
    ("--exclude needs a value: OFFSETS IDS", ["query", "faiss", "i", "u.npy", "--exclude", "offsets.npy"]),
    ("--quiet takes no value", ["build", "faiss", "items.npy", "-o", "x.index", "--quiet=yes"]),
    ("L2, IP", ["build", "faiss", "--metric", "cosine", "items.npy", "-o", "x.index"]),
    ("-1..256", ["build", "faiss", "--threads", "many", "items.npy", "-o", "x.index"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "0"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "16385"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "-1"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "3x"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "99999999999999999999"]),
    ("build: --gamma counts when an index is opened or queried, and would change nothing here; give it to vrec query (",
     ["build", "faiss", "--index_type", "HNSW", "--gamma", "0.1", "items.npy", "-o", "x.index"]),
    ("query: --efConstruction counts when an index is built, and would change nothing here; give it to vrec build (",
     ["query", "faiss", "--ef_construction", "200", "i.index", "users.npy"]),
    ("build: --searchk counts when an index is queried, and would", ["build", "annoy", "--searchk", "9", "items.npy", "-o", "x"]),
    ("info: --searchk counts when an index is queried, and would", ["info", "annoy", "--searchk", "9", "items.ann"]),
    ("tune: --seed counts when an index is built, and would", ["tune", "faiss", "--seed", "9", "i.index"]),
    ("query: --n_trees counts when an index is built", ["query", "annoy", "--d", "8", "--n_trees", "9", "i", "users.npy"]),
    ("there is no command nothing", ["help", "nothing"]),
    ("bash, zsh or fish, not for tcsh", ["completion", "tcsh"]),
    ("build has no flag -k", ["build", "faiss", "items.npy", "-qk5", "-o", "x.index"]),
    ("--quiet is given twice", ["build", "faiss", "items.npy", "-qq", "-o", "x.index"]),
    ("--quiet takes no value, but one is attached", ["build", "faiss", "items.npy", "-q=1", "-o", "x.index"]),
])
def test_usage_errors(folder, message, args):
    before = sorted(os.listdir())
    done = fail(2, message, *args)
    assert "(see vrec help" in done.stderr and done.stdout == ""
    assert sorted(os.listdir()) == before
