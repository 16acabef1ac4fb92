"""Help and manual page.

SPDX-License-Identifier: Apache-2.0
"""

import os
import re
import shutil
import subprocess

import pytest
from command import COMMANDS, VREC, backends, fail, groups, succeed


def test_help_of_everything(folder):
    overview = succeed("help")
    assert overview == succeed("--help") == succeed("-h")
    for command in COMMANDS:
        assert f"  {command} " in overview
        assert succeed("help", command) == succeed(command, "--help") == succeed(command, "-h")
    assert "faiss" in backends()
    for text in [overview, succeed("help", "faiss")] + [succeed("help", c) for c in COMMANDS]:
        assert max(map(len, text.splitlines())) <= 100


def test_every_option_is_in_the_help_of_its_backend(folder):
    text = succeed("help", "faiss")
    options = re.findall(r"^  --(\w+) (?:N|NAME) +\S.*\n +(\S.*); default (\w+)", text, re.M)
    assert [name for name, _, _ in options] == ["index_type", "metric", "codes", "threads", "load", "fill", "m", "efSearch",
                                               "efConstruction", "nlists", "nprobe", "budget", "seed", "asked", "memory"]
    for name, values, default in options[:4] + options[5:6]:  # load is of no use to a build, others for kinds of their own
        succeed("build", "faiss", f"--{name}", default, "items.npy", "-o", "x.index")
        fail(2, values, "build", "faiss", f"--{name}", "nonsense", "items.npy", "-o", "x.index")


def test_an_alias_that_is_a_flag_of_the_command_is_not_named(folder):
    assert "also --queries" not in succeed("help", "faiss") and "also --M" in succeed("help", "faiss")
    assert "also --dim" in succeed("help", "annoy")
    page = succeed("man")
    assert r"also \fB\-\-queries" not in page and r"also \fB\-\-dim" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_the_help_work(index, command):
    if command == "man" and not shutil.which("man"):
        pytest.skip("man is not installed")
    succeed("build", "faiss", "--metric", "IP", "items.npy", "-o", "items.index")
    examples = succeed("help", command).split("Examples:\n")[1].splitlines()
    assert examples
    for example in examples:
        if " milvus " in example:
            continue  # needs a server: tests/milvus
        environment = {**os.environ, "PATH": f"{os.path.dirname(VREC)}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", f"set -e -o pipefail; {example}"], env=environment,
                              capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), example


def test_help_groups_options_by_kind_and_stage(folder):
    milvus = list(groups("milvus"))
    assert ({"build"}, ["HNSW"], ["--m", "--efConstruction"]) in milvus
    assert ({"query"}, ["HNSW"], ["--ef"]) in milvus
    assert ({"build"}, ["IVF_FLAT"], ["--nlist"]) in milvus
    kinds = [bool(kinds) for _, kinds, _ in milvus]
    assert kinds == sorted(kinds)  # what is for all kinds comes first
    annoy = list(groups("annoy"))
    assert ({"open"}, [], ["--load", "--prefault"]) in annoy
    assert ({"query"}, [], ["--searchk", "--fill"]) in annoy
    assert ({"build", "query"}, [], ["--target_recall"]) in annoy
    assert succeed("help", "ANNOY") == succeed("help", "annoy")


@pytest.mark.parametrize("backend", ["annoy", "milvus"])
def test_manual_page_has_the_groups_of_the_help(folder, backend):
    titles = [line for line in succeed("help", backend).splitlines() if line.startswith("To ")]
    page = succeed("man").split(f'.SS "{backend}"')[1].split(".SS")[0].split(".SH")[0]
    assert [line for line in page.splitlines() if line.startswith("To ")] == titles


def test_manual_page(folder):
    page = succeed("man")
    for command in COMMANDS:
        assert f'.SS "vrec {command}"' in page
    for option in ("index_type", "metric", "codes", "threads"):
        assert f"\\-\\-{option}" in page
    if not shutil.which("groff"):
        pytest.skip("groff is not installed: the page was not rendered")
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--exclude OFFSETS IDS" in re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)  # without bold
