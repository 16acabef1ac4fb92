"""Standard output that fails, signals, and inputs that change.

SPDX-License-Identifier: Apache-2.0
"""

import os
import signal
import subprocess

import pytest
from command import VREC, big_items, start, start_and_hold, wait_until, waits


@pytest.mark.parametrize("k", [1, 300])
def test_standard_output_on_a_full_disk(index, k):
    with open("/dev/full", "w") as full:
        done = subprocess.run([VREC, "query", "faiss", index, "users.npy", "-k", str(k)], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        1, "vrec: writing to standard output: No space left on device\n")


def test_standard_output_that_is_closed(index):
    done = subprocess.run([VREC, "info", index], stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (1, "vrec: writing to standard output: Bad file descriptor\n")


def test_a_reader_that_has_seen_enough(index):
    process = start("query", "faiss", index, "users.npy", "-k", "300", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_old_index(folder, number):
    big_items("big.npy", megabytes=256)
    open("x.index", "w").write("old")
    before = sorted(os.listdir())
    process = start_and_hold("build", "faiss", "big.npy", "-o", "x.index", HOLD_WRITTEN=".tmp")
    assert len(os.listdir()) == len(before) + 1
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 128 + number
    assert process.stderr.read().startswith(f"vrec: stopped by signal {int(number)} ")
    assert open("x.index").read() == "old" and sorted(os.listdir()) == before


def test_a_write_that_is_stuck_can_be_stopped(index):
    process = start("query", "faiss", index, "users.npy", "-k", "300", "--threads", "1", stdout=subprocess.PIPE)
    process.stdout.readline()  # the rest fills the pipe
    wait_until(waits, process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    process.stdout.close()
    process.stderr.close()


def test_an_input_that_is_cut_short_while_being_read(folder):
    big_items("big.npy", megabytes=256)
    process = start_and_hold("build", "faiss", "big.npy", "-o", "x.index", HOLD_MAPPED="big.npy")
    os.truncate("big.npy", 4096)
    process.send_signal(signal.SIGCONT)
    assert process.stderr.read() == "vrec: an input file was cut short while being read\n"
    assert process.wait(60) == 1
    assert not os.path.exists("x.index")
