"""How the tests of the command start it, disturb it, and read what it says.

Runs the binary that the environment variable VREC_BIN names.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import numpy as np

VREC = os.path.abspath(os.environ["VREC_BIN"])
SANITIZED = b"__asan_init" in open(VREC, "rb").read() or b"__tsan_init" in open(VREC, "rb").read()
HOLD = pathlib.Path(VREC).parents[1] / "tests/libhold.so"  # meson builds it beside the command
COMMANDS = ["build", "query", "eval", "info", "estimate", "tune", "add", "optimize", "verify", "upsert", "delete", "list", "drop", "version", "help", "completion", "man"]


def vrec(*args, **options):
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run([VREC, *map(str, args)], **options)


def succeed(*args, **options):
    done = vrec(*args, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fail(code, message, *args, **options):
    """The command ends with that code, and one line on standard error that contains the message."""
    done = vrec(*args, **options)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("vrec: ") and done.stderr.count("\n") == 1
    assert message in done.stderr
    return done


def start(*args, **options):
    """In the background, with Ctrl-C not ignored even if pytest itself runs in the background."""
    return subprocess.Popen([VREC, *map(str, args)], stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


def start_and_hold(*args, **places):
    """The same, stopped once at a place that tests/support/hold.c knows. Goes on after SIGCONT."""
    process = start(*args, env={**os.environ, "LD_PRELOAD": str(HOLD), **places})
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.stderr.read()
    return process


def wait_until(condition, pid):
    """Until condition holds for the process's line in /proc, split: [0] is its state, [11] its ticks of CPU."""
    deadline = time.monotonic() + 60
    while not condition(stat := open(f"/proc/{pid}/stat").read().rpartition(") ")[2].split()):
        assert stat[0] != "Z", "it ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.001)


def waits(stat):
    return stat[0] == "S"


def has_worked(stat):
    """For longer than it takes until there is a bar."""
    return int(stat[11]) > 1.5 * os.sysconf("SC_CLK_TCK")


def backends():
    return re.findall(r"^  (\w+)", succeed("help").split("Backends:\n")[1].split("\n\n")[0], re.M)


def integers(rows, dim, seed):
    """Vectors of small whole numbers: every distance is exact, in any order of summation."""
    return np.random.default_rng(seed).integers(-8, 9, (rows, dim)).astype(np.float32)


def nearest(items, queries, k, metric, excluded=None):
    """Brute force, ties by smaller id: ids and distances, unpadded, one list per query."""
    results = []
    for i, q in enumerate(queries.astype(np.float64)):
        x = items.astype(np.float64)
        distances = x @ q if metric == "IP" else ((x - q) ** 2).sum(axis=1)
        order = np.lexsort((np.arange(len(x)), -distances if metric == "IP" else distances))
        if excluded is not None:
            order = order[~np.isin(order, excluded[i])]
        results.append((order[:k].tolist(), distances[order[:k]].tolist()))
    return results


def parse_text(text, queries):
    results = [([], []) for _ in range(queries)]
    for line in text.splitlines():
        query, rank, item, distance = line.split("\t")
        ids, distances = results[int(query)]
        ids.append(int(item))
        distances.append(float(distance))
        assert int(rank) == len(ids)
    return results


def parse_json(text):
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["query"] for line in lines] == list(range(len(lines)))
    return [(line["ids"], line["distances"]) for line in lines]


def big_items(path, megabytes):
    """Zeros that take no room on the disk."""
    np.lib.format.open_memmap(path, "w+", np.float32, (megabytes * 2048, 128))
    return path


def groups(backend):
    """The help of a backend: (stages, kinds, options) of each group."""
    for title in succeed("help", backend).split("\nTo ")[1:]:
        head, *lines = title.split(":\n", 1)
        stages, kinds = re.fullmatch(r"((?:build|open|query)(?:, \w+)?(?: or \w+)?) (.*)", head).groups()
        options = re.findall(r"^  (--\w+) ", lines[0], re.M)
        yield set(re.split(", | or ", stages)), [] if kinds == "an index" else kinds.split(", "), options
