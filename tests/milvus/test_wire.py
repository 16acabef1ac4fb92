"""The client and what can happen between it and a server: connections cut, held, counted, shared with a
child; TLS; peers that speak something else.

SPDX-License-Identifier: Apache-2.0
"""

import os
import threading
import time

import certificates
import grpc
import numpy as np
import pytest
import vreclib
from helpers import QUICK, build, fails
from mock import Mock, abort
from wire import Http1, Http2, Wire


@pytest.fixture
def wire(mock):
    between = Wire(mock.port)
    yield between
    between.stop()


# ---- Connections ----

def test_thousand_calls_one_connection(mock, wire, items):
    indexer = build(wire, items, threads=1)
    for _ in range(1000):
        indexer.query(items[:1], 1)
    assert mock.count("Search") == 1000
    indexer.close()
    assert wire.accepted == 1


def test_connection_lost_between_calls(mock, wire, items):
    indexer = build(wire, items, threads=1)
    for _ in range(3):
        wire.cut()
        assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
    assert wire.accepted == 4 and mock.count("Search") == 3


@pytest.mark.parametrize("settings", [[("grpc.max_connection_age_ms", 500), ("grpc.max_connection_age_grace_ms", 500)],
                                      [("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_timeout_ms", 500),
                                       ("grpc.http2.max_pings_without_data", 0)]])
def test_connection_ages(items, settings):
    mock = Mock(options=settings)
    indexer = build(mock, items)
    for _ in range(4):
        time.sleep(0.7)
        assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
    indexer.close()
    mock.stop()


def test_restart_between_calls(mock, items):
    indexer = build(mock, items)
    mock.stop()
    threading.Timer(1, mock.start).start()
    assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()


def test_unix_socket(items, tmp_path):
    mock = Mock(address=f"unix:{tmp_path}/milvus.sock")
    for uri in (f"unix:{tmp_path}/milvus.sock", f"unix://{tmp_path}/milvus.sock"):
        indexer = vreclib.Builder("milvus", uri=uri).from_embeddings(items)
        assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
        indexer.close()
    mock.stop()
    with fails(vreclib.UNAVAILABLE, "milvus.sock"):
        vreclib.Builder("milvus", uri=uri, connect_timeout=1).from_embeddings(items)


def test_nobody_listens(items):
    with fails(vreclib.UNAVAILABLE, "server at 127.0.0.1:9: no connection within 1.0 s: Connection refused"):
        vreclib.Builder("milvus", host="127.0.0.1", port=9, connect_timeout=1).from_embeddings(items)


def test_unknown_host(items):
    start = time.monotonic()
    with fails(vreclib.UNAVAILABLE, "no-such-host.invalid"):
        vreclib.Builder("milvus", host="no-such-host.invalid", connect_timeout=5).from_embeddings(items)
    assert time.monotonic() - start < 20


# ---- Cut in the middle ----

def cut(wire):
    """A scripted answer: the request has arrived, and then the wire is cut."""
    def act(mock, request, context):
        mock.Insert(request)
        wire.cut()
        context.abort(grpc.StatusCode.ABORTED, "nobody hears this")
    return act


def test_insert_is_not_repeated(mock, wire, items):
    mock.script["Insert"] = [cut(wire)]
    build(wire, items, threads=1, collection="films")
    assert (mock.count("Insert"), mock.count("Upsert")) == (1, 1)
    assert mock.named("Insert")[0].request == mock.named("Upsert")[0].request
    assert len(mock.collections["films"]["rows"]) == 200


def test_insert_without_upsert(mock, wire, items):
    mock.script["Insert"] = [cut(wire)]
    mock.script["Upsert"] = [abort(grpc.StatusCode.UNIMPLEMENTED, "unknown method Upsert")]
    with fails(vreclib.UNSUPPORTED, "the first 0 of 200 rows", "perhaps", "kept"):
        build(wire, items, threads=1, collection="films")
    assert mock.count("Insert") == 1


def test_cut_during_upload(mock, wire, rng):
    items = rng.standard_normal((50_000, 16), dtype=np.float32)
    wire.cut_after = 1_000_000
    build(wire, items, threads=1, collection="films")
    assert len(mock.collections["films"]["rows"]) == 50_000


def test_search_is_repeated(mock, wire, items):
    indexer = build(wire, items, threads=1)
    mock.script["Search"] = [lambda m, r, c: wire.cut() or c.abort(grpc.StatusCode.ABORTED, "")]
    assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
    assert mock.count("Search") == 2


@pytest.mark.parametrize("phase", ["Insert", "DescribeIndex", "GetLoadingProgress", "Search"])
def test_plug_pulled(mock, wire, items, phase):
    """From that call on nothing passes, and no packet says so."""
    mock.script[phase] = [lambda m, r, c: wire.held.set() or c.abort(grpc.StatusCode.ABORTED, "")]
    start = time.monotonic()
    with fails(vreclib.TIMEOUT, phase):
        build(wire, items, **QUICK).query(items[:1], 1)
    assert time.monotonic() - start < 20
    wire.held.clear()


def test_close_never_hangs(mock, wire, items):
    indexer = build(wire, items)
    wire.held.set()
    start = time.monotonic()
    indexer.close()
    assert time.monotonic() - start < 15
    wire.held.clear()


# ---- Threads and processes ----

def test_threads_share_an_indexer(mock, wire, items):
    indexer = build(wire, items)
    failures = []

    def ask():
        for _ in range(50):
            if (indexer.query(items, 1)[0].ravel() != np.arange(200)).any():
                failures.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failures and wire.accepted <= 10


def test_forked_child(mock, wire, items):
    indexer = build(wire, items)
    child = os.fork()
    if child == 0:
        try:
            good = (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
            indexer.close()
            os._exit(0 if good else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(mock.collections) == 1, "the child has dropped its parent's collection"
    accepted = wire.accepted
    assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
    assert wire.accepted == accepted, "the child has closed its parent's connection"


# ---- TLS ----

@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("tls"))


def secure(keys, client=False):
    _, cert, key = keys
    pair = (open(key, "rb").read(), open(cert, "rb").read())
    root = open(keys[0], "rb").read() if client else None
    return Mock("localhost:0", grpc.ssl_server_credentials([pair], root, client))


def test_tls(keys, items):
    mock = secure(keys)
    indexer = vreclib.Builder("milvus", uri=f"https://localhost:{mock.port}", ca_file=keys[0], token="t").from_embeddings(items)
    for _ in range(20):
        assert (indexer.query(items[:2], 1)[0].ravel() == [0, 1]).all()
    indexer.close()
    with fails(vreclib.UNAVAILABLE, "certificate"):
        vreclib.Builder("milvus", uri=f"https://localhost:{mock.port}").from_embeddings(items)
    with fails(vreclib.UNAVAILABLE, "no-such-file"):
        vreclib.Builder("milvus", uri=f"https://localhost:{mock.port}", ca_file="no-such-file").from_embeddings(items)
    with fails(vreclib.UNAVAILABLE, "https://HOST:PORT"):
        vreclib.Builder("milvus", uri=f"http://localhost:{mock.port}", connect_timeout=1).from_embeddings(items)
    mock.stop()


def test_tls_trusts_what_the_environment_names(keys, items, monkeypatch):
    """SSL_CERT_FILE in place of the system's certificates; ca_file in place of both."""
    mock = secure(keys)
    uri = f"https://localhost:{mock.port}"
    monkeypatch.setenv("SSL_CERT_FILE", keys[0])
    vreclib.Builder("milvus", uri=uri).from_embeddings(items).close()
    monkeypatch.setenv("SSL_CERT_FILE", "no-such-file")
    with fails(vreclib.UNAVAILABLE, "no-such-file"):
        vreclib.Builder("milvus", uri=uri).from_embeddings(items)
    vreclib.Builder("milvus", uri=uri, ca_file=keys[0]).from_embeddings(items).close()
    monkeypatch.setenv("SSL_CERT_FILE", "long" * 2048)
    with fails(vreclib.INVALID, "SSL_CERT_FILE has 8192 bytes"):
        vreclib.Builder("milvus", uri=uri).from_embeddings(items)
    monkeypatch.setenv("SSL_CERT_FILE", "")
    with fails(vreclib.UNAVAILABLE, "certificate"):
        vreclib.Builder("milvus", uri=uri).from_embeddings(items)
    mock.stop()


def test_tls_to_a_plain_server(mock, items):
    with fails(vreclib.UNAVAILABLE, "Connect"):
        vreclib.Builder("milvus", uri=f"https://localhost:{mock.port}", connect_timeout=1).from_embeddings(items)


def test_tls_wrong_host(items, tmp_path):
    keys = certificates.make(tmp_path, "elsewhere.example")
    mock = secure(keys)
    with fails(vreclib.UNAVAILABLE, "localhost"):
        vreclib.Builder("milvus", uri=f"https://localhost:{mock.port}", ca_file=keys[0]).from_embeddings(items)
    mock.stop()


def test_client_certificate(keys, items):
    mock = secure(keys, client=True)
    options = {"uri": f"https://localhost:{mock.port}", "ca_file": keys[0], "connect_timeout": 1}
    vreclib.Builder("milvus", **options, cert_file=keys[1], key_file=keys[2]).from_embeddings(items)
    with fails(vreclib.UNAVAILABLE, "Connect"):
        vreclib.Builder("milvus", **options).from_embeddings(items)
    mock.stop()


# ---- Peers that aren't gRPC servers ----

def headers(state, stream, *more, end=False):
    state.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc"), *more], end_stream=end)


def answer(body, *trailers, content="application/grpc", code="200"):
    def act(state, stream):
        state.send_headers(stream, [(":status", code), ("content-type", content)])
        state.send_data(stream, body, end_stream=not trailers)
        if trailers:
            state.send_headers(stream, list(trailers), end_stream=True)
    return act


OK = ("grpc-status", "0")
EMPTY = b"\0\0\0\0\0"


@pytest.mark.parametrize("act, words", [
    (lambda s, i: headers(s, i, ("grpc-status", "5"), ("grpc-message", "trailers%20only"), end=True), "trailers only"),
    (answer(EMPTY), "without a grpc-status"),
    (answer(EMPTY, ("x", "y")), "without a grpc-status"),
    (answer(EMPTY, ("grpc-status", "nonsense")), "without a grpc-status"),
    (answer(EMPTY, ("grpc-status", "99")), "unknown status"),
    (answer(EMPTY, OK, content="text/html"), "not a gRPC server"),
    (answer(b"<html>", OK, content="text/html", code="404"), "Connect"),
    (answer(b"", content="text/html", code="500"), "not a gRPC server"),
    (answer(b"\1\0\0\0\0", OK), "compressed"),
    (answer(b"\0\0\0\0\5ab", OK), "announced"),
    (answer(b"\0\0\0\0\1" + b"x" + EMPTY, OK), "announced"),
    (answer(b"\0\0", OK), "no message"),
    (answer(b"", OK), "no message"),
    (answer(b"\0\xff\xff\xff\xff" + b"x" * 1000, OK), "larger than"),
    (answer(b"\0\x20\0\0\0" + b"x", OK), "larger than")])
def test_bad_replies(items, act, words):
    peer = Http2(act)
    with fails(vreclib.UNAVAILABLE, words):
        vreclib.Builder("milvus", **peer.options, **QUICK).from_embeddings(items)
    assert peer.requests == 1
    peer.stop()


def test_reset_stream(items):
    peer = Http2(lambda state, stream: state.reset_stream(stream, 11))
    with fails(vreclib.UNAVAILABLE, "Connect"):
        vreclib.Builder("milvus", **peer.options, **QUICK).from_embeddings(items)
    peer.stop()


def test_http1_server(items):
    peer = Http1()
    start = time.monotonic()
    with fails(vreclib.UNAVAILABLE, "Connect"):
        vreclib.Builder("milvus", **peer.options, **QUICK).from_embeddings(items)
    assert time.monotonic() - start < 10
    peer.stop()
