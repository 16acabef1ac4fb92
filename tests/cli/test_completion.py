"""What shells offer.

SPDX-License-Identifier: Apache-2.0
"""

import re
import subprocess

import pytest
from command import COMMANDS, VREC, backends, groups, succeed


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("completion")
    for shell in ("bash", "zsh", "fish"):
        (folder / shell).write_text(succeed("completion", shell))
    return folder


@pytest.fixture(scope="module")
def completion(scripts):
    return scripts / "bash"


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def complete(script, *words):
    """What bash would offer for the last of these words, as it parts them."""
    code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vrec; printf "%s\\n" "${COMPREPLY[@]-}"'
    return run("bash", "-u", "-c", code, "bash", script, VREC, *words[1:])


def complete_zsh(scripts, *words):
    """The same of zsh, whose own functions are stood in for: one takes what is offered, one is for files."""
    code = ('compadd() { print -l -- "${(@P)2}" }; _files() { print FILES }; compdef() { : }; source "$1"; shift; '
            'words=("$@"); CURRENT=$#; _vrec')
    return run("zsh", "-f", "-c", code, "zsh", scripts / "zsh", VREC, *words)


def complete_fish(scripts, line):
    return run("fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete -C '{VREC} {line}'")


@pytest.mark.parametrize("offered, words", [
    (COMMANDS, ["vrec", ""]),
    (["build"], ["vrec", "bu"]),
    (["faiss"], ["vrec", "build", "fa"]),
    (["--metric", "--memory"], ["vrec", "build", "faiss", "--me"]),
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
    (["bash", "zsh", "fish"], ["vrec", "completion", ""]),
    (["angular"], ["vrec", "build", "annoy", "--metric", "=", "a"]),
    (["angular"], ["vrec", "build", "annoy", "--metric", "a"]),
    (["--n-trees"], ["vrec", "build", "annoy", "--n-"]),
    (["--top-k"], ["vrec", "query", "faiss", "--top-"]),
    (["per_tree"], ["vrec", "build", "annoy", "--stream", "p"]),
    ([], ["vrec", "build", "faiss", "-o", ""]),
    ([], ["vrec", "query", "faiss", "--ids", ""]),
    ([], ["vrec", "nonsense", ""]),
])
def test_completion(completion, offered, words):
    assert complete(completion, *words) == offered


@pytest.mark.parametrize("offered, words", [
    (COMMANDS, [""]),
    (["--metric=angular"], ["build", "annoy", "--metric=a"]),
    (["--n-trees"], ["build", "annoy", "--n-"]),
    (["FILES"], ["build", "annoy", "items.npy", "-o", ""]),
])
def test_completion_of_zsh_and_fish(scripts, offered, words):
    assert complete_zsh(scripts, *words) == offered
    if offered != ["FILES"]:
        assert sorted(complete_fish(scripts, " ".join(words))) == sorted(offered)


@pytest.mark.parametrize("words", [[], ["build"], ["build", "--"], ["nonsense", "--", ""], ["build", "--=", "="],
                                   ["build", "-", ""], ["--", "x"], ["build", "--" + "m" * 500 + "=", ""],
                                   ["build", "faiss", "--index_type", "x" * 500, "--"]])
def test_any_words_are_taken(words):
    succeed("complete", *words)


PLACES = {"build": {"build"}, "estimate": {"build", "open"}, "query": {"open", "query"}}  # where options count; elsewhere: where one opens


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
