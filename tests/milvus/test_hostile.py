"""Servers that never come to an end: whatever they send, a call is over at its deadline, and at once when its
caller wants that.

SPDX-License-Identifier: Apache-2.0
"""

import os
import signal
import subprocess
import threading
import time

import h2.config
import h2.connection
import h2.events
import pytest
import vreclib
from helpers import fails, flags
from wire import Http2, Listener

TIMEOUT = 1
NEVER = 30  # what a flood lasts that nobody ends
SOON = 5  # far above a tenth of a second, since the machine may be busy, and far below NEVER


def frame(kind, stream, payload=b"", marks=0):
    return len(payload).to_bytes(3, "big") + bytes([kind, marks]) + stream.to_bytes(4, "big") + payload


# What is sent for ever, once the request has come; and whether the reply's headers come first.
FLOODS = {
    "empty DATA": (True, frame(0, 1)),
    "padded DATA": (True, frame(0, 1, b"\3\0\0\0", marks=8)),
    "WINDOW_UPDATE": (True, frame(8, 0, (1).to_bytes(4, "big"))),
    "WINDOW_UPDATE before the reply": (False, frame(8, 1, (1).to_bytes(4, "big"))),
    "PRIORITY": (False, frame(2, 1, b"\0\0\0\3\0")),
    "unknown frames": (False, frame(0xEE, 0, b"x" * 16)),
    "unknown frames of the stream": (True, frame(0xEE, 1)),
    "large unknown frames": (False, frame(0xEE, 0, b"x" * 16384)),
}
# Each of these wants an answer, so that nghttp2 takes a flood of them for what it is.
ANSWERED = {"SETTINGS": frame(4, 0), "PING": frame(6, 0, b"12345678")}


class Flood(Listener):
    """Answers the first request with a frame that it repeats until somebody hangs up."""

    def __init__(self, headers, repeated, pause=0):
        self.headers, self.repeated, self.pause = headers, repeated, pause
        self.flooding = threading.Event()
        super().__init__()

    def serve(self, connection):
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        ended = False
        while not ended and (data := connection.recv(65536)):
            ended = any(isinstance(event, h2.events.StreamEnded) for event in state.receive_data(data))
            if ended and self.headers:
                state.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
            connection.sendall(state.data_to_send())
        block = self.repeated if self.pause else self.repeated * max(1, 65536 // len(self.repeated))
        # Without reading: the kernel's buffers take what the client answers.
        end = time.monotonic() + NEVER
        while time.monotonic() < end:
            for part in [block[i:i + 1] for i in range(len(block))] if self.pause else [block]:
                connection.sendall(part)
                self.flooding.set()
                time.sleep(self.pause)


@pytest.fixture(params=FLOODS)
def flood(request):
    server = Flood(*FLOODS[request.param])
    yield server
    server.stop()


def dribble():
    """A byte at a time, of a frame that is large."""
    return Flood(True, frame(0, 1, b"\0\0\0\x20\0" + b"x" * 200), 0.02)


def attach(server):
    builder = vreclib.Builder("milvus", **server.options, collection="films", timeout=TIMEOUT, connect_timeout=TIMEOUT)
    return builder.attach()


def test_a_deadline_is_kept(flood):
    start = time.monotonic()
    with fails(vreclib.TIMEOUT, "got no answer within 1.0 s") as check:
        attach(flood)
    assert time.monotonic() - start < TIMEOUT + SOON, check.text


@pytest.mark.parametrize("kind", ANSWERED)
def test_a_flood_that_wants_answers(kind):
    server = Flood(False, ANSWERED[kind])
    start = time.monotonic()
    with pytest.raises(vreclib.VrecError) as raised:
        attach(server)
    assert raised.value.status in (vreclib.TIMEOUT, vreclib.UNAVAILABLE)
    assert time.monotonic() - start < TIMEOUT + SOON
    server.stop()


def test_a_deadline_is_kept_by_the_slow():
    server = dribble()
    start = time.monotonic()
    with fails(vreclib.TIMEOUT, "got no answer within 1.0 s"):
        attach(server)
    assert time.monotonic() - start < TIMEOUT + SOON
    server.stop()


def test_a_flood_of_headers():
    """Interim replies without end."""
    def act(state, stream):
        state.send_headers(stream, [(":status", "103"), ("link", "x" * 100)])

    server = Http2(lambda state, stream: [act(state, stream) for _ in range(20_000)])
    start = time.monotonic()
    with pytest.raises(vreclib.VrecError) as error:  # some libcurls put up with it until the deadline
        attach(server)
    assert error.value.status in (vreclib.TIMEOUT, vreclib.UNAVAILABLE)
    assert time.monotonic() - start < TIMEOUT + SOON
    server.stop()


def test_a_callers_stop(flood):
    """The callback is asked on the thread that called, while the flood goes on."""
    asked = []

    def report(what, done, total):
        asked.append(threading.get_ident())
        return flood.flooding.is_set()

    start = time.monotonic()
    with fails(vreclib.CANCELLED, "stopped by the caller"):
        vreclib.Builder("milvus", **flood.options, collection="films", timeout=NEVER).attach(report)
    assert time.monotonic() - start < SOON
    assert set(asked) == {threading.get_ident()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_command(flood, number):
    words = ["info", "milvus", "--collection", "films", "--timeout", NEVER, *flags(flood.options)]
    process = subprocess.Popen([os.environ["VREC_BIN"], *map(str, words)], stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert flood.flooding.wait(30)
    process.send_signal(number)
    start = time.monotonic()
    assert process.communicate(timeout=30)[1] == f"vrec: stopped by signal {number.value} ({signal.strsignal(number)})\n"
    assert time.monotonic() - start < SOON
    assert process.returncode == 128 + number.value


def test_the_next_call_dials_anew():
    """A connection that has been cut isn't used again."""
    server = Flood(*FLOODS["empty DATA"])
    for _ in range(3):
        with fails(vreclib.TIMEOUT):
            attach(server)
    assert server.accepted == 3
    server.stop()


def test_threads(flood):
    """Each call by itself."""
    ended = []

    def call():
        with fails(vreclib.TIMEOUT):
            attach(flood)
        ended.append(time.monotonic())

    start = time.monotonic()
    threads = [threading.Thread(target=call) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(ended) == 4 and max(ended) - start < TIMEOUT + 2 * SOON
