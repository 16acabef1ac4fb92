"""What bash offers.

SPDX-License-Identifier: Apache-2.0
"""

import re
import subprocess

import pytest
from command import COMMANDS, backends, groups, succeed


@pytest.fixture(scope="module")
def completion(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "vrec"
    path.write_text(succeed("completion", "bash"))
    return path


def complete(script, *words):
    """What bash would offer for the last of these words."""
    code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vrec; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-u", "-c", code, "bash", script, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_script_is_bash(completion):
    done = subprocess.run(["bash", "-n", completion], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("offered, words", [
    (COMMANDS, ["vrec", ""]),
    (["build"], ["vrec", "bu"]),
    (["faiss"], ["vrec", "build", "fa"]),
    (["--metric"], ["vrec", "build", "faiss", "--me"]),
    (["--metric"], ["vrec", "info", "--me"]),
    (["L2", "IP"], ["vrec", "build", "faiss", "--metric", ""]),
    (["IP"], ["vrec", "build", "faiss", "--metric_type", "I"]),
    (["L2", "IP"], ["vrec", "build", "faiss", "--metric", "="]),
    (["Flat"], ["vrec", "build", "faiss", "--index_type", "=", "F"]),
    ([], ["vrec", "build", "faiss", "--threads", ""]),
    ([], ["vrec", "build", "faiss", "items.npy", "-o", ""]),
    ([], ["vrec", "query", "faiss", ""]),
    (["--ids"], ["vrec", "query", "faiss", "i.index", "--id"]),
    (["faiss"], ["vrec", "help", "fa"]),
    (["query"], ["vrec", "help", "qu"]),
    (["bash"], ["vrec", "completion", ""]),
    ([], ["vrec", "nonsense", ""]),
])
def test_completion(completion, offered, words):
    assert complete(completion, *words) == offered


PLACES = {"build": {"build"}, "query": {"open", "query"}}  # where options count; elsewhere: where one opens


@pytest.mark.parametrize("words, offered, hidden", [
    (["build", "milvus"], ["--m", "--nlist", "--shards"], ["--ef", "--nprobe"]),
    (["query", "milvus"], ["--ef", "--nprobe", "--timeout"], ["--m", "--nlist", "--shards"]),
    (["build", "milvus", "--index_type", "hnsw"], ["--m", "--shards"], ["--nlist"]),
    (["build", "milvus", "--index_type", "=", "IVF_FLAT"], ["--nlist", "--shards"], ["--m"]),
    (["query", "MILVUS", "--index_type", "IVF_PQ"], ["--nprobe"], ["--ef"]),
    (["build", "--index_type", "FLAT", "milvus"], ["--shards"], ["--m", "--nlist"]),
    (["info", "annoy"], ["--prefault", "--d"], ["--n_trees", "--searchk"]),
])
def test_completion_offers_what_counts_there(completion, words, offered, hidden):
    found = complete(completion, "vrec", *words, "--")
    assert not set(offered) - set(found) and not set(hidden) & set(found)


def test_completion_offers_all_that_the_help_says(completion):
    assert complete(completion, "vrec", "build", "") == backends()
    assert complete(completion, "vrec", "help", "") == COMMANDS + backends()
    for command in COMMANDS:
        flags = re.findall(r"^  .{4}(--[a-z_]+) ", succeed("help", command), re.M)
        if "--OPTION VALUE" not in succeed("help", command):
            assert complete(completion, "vrec", command, "-") == flags
            continue
        for backend in backends():
            options = [option for stages, _, found in groups(backend)
                       for option in found if stages & PLACES.get(command, {"open"})]
            assert complete(completion, "vrec", command, backend, "-") == flags + options
