"""The progress bar: when there is one, and Ctrl-C.

SPDX-License-Identifier: Apache-2.0
"""

import os
import pty
import re
import signal

import numpy as np
import pytest
from command import VREC, has_worked, integers, start, succeed, wait_until


def run_on_terminal(args, until=None):
    """Runs with a terminal as all three streams; presses Ctrl-C once the text is on it."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(VREC, [VREC, *args])
    seen = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        if not more:
            break
        seen += more
        if until and until in seen:
            os.write(terminal, b"\x03")
            until = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


@pytest.fixture
def long_work(folder):
    """A query that takes minutes on the fastest machine: nobody waits for its end."""
    np.save("many.npy", integers(100_000, 64, seed=12))
    np.lib.format.open_memmap("endless.npy", "w+", np.float32, (20_000_000, 64))  # zeros that take no room
    succeed("build", "faiss", "many.npy", "-o", "many.index")
    return ["query", "faiss", "many.index", "endless.npy", "--ids", "ids.npy", "--threads", "1"]


def test_a_bar_on_a_terminal_and_ctrl_c(long_work):
    code, seen = run_on_terminal(long_work, until=b" left")
    assert code == 130
    line = re.search(rb"\rsearching  \[#*\.*\]  +\d+ %  [\d.e+]+k? queries/s  0:\d\d, (\d+:)?\d+:\d\d left\x1b\[K", seen)
    assert line and len(line[0]) < 85
    assert seen.endswith(b"\r\x1b[Kvrec: stopped by signal 2 (Interrupt)\r\n")
    assert not os.path.exists("ids.npy")


def test_no_bar_for_quick_work(index):
    code, seen = run_on_terminal(["build", "faiss", "items.npy", "-o", "x.index"])
    assert code == 0
    seconds = float(re.search(rb"x\.index: faiss Flat L2, 300 x 16, (\d+\.\d\d) s\r\n$", seen)[1])
    assert seconds >= 1 or seen.count(b"\r") == 1  # on a machine so busy that it is long work, a bar is right


@pytest.mark.slow
@pytest.mark.parametrize("how", ["a pipe", "--quiet", "results on the same screen"])
def test_no_bar(long_work, how):
    if how == "a pipe":
        process = start(*long_work)
        wait_until(has_worked, process.pid)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "vrec: stopped by signal 2 (Interrupt)\n"
        assert process.wait(60) == 130
    elif how == "--quiet":
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(VREC, [VREC, *long_work, "--quiet"])
        wait_until(has_worked, pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.set_blocking(terminal, False)
        with pytest.raises(OSError):  # there is nothing to read
            os.read(terminal, 1)
        os.close(terminal)
    else:
        code, seen = run_on_terminal(long_work[:4] + ["-k", "1", "--threads", "1"], until=b"\n5000\t")
        assert code == 130 and b"searching" not in seen
