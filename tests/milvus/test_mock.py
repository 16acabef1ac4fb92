"""The client against a server that answers as a script says.

SPDX-License-Identifier: Apache-2.0
"""

import base64
import json
import time

import grpc
import numpy as np
import pytest
import vreclib
from helpers import QUICK, build, fails, flags, vrec
from mock import Mock, abort, reply, sleep, status
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

State = common_pb2.IndexState


def nearest(items, queries, k):
    distances = ((queries[:, None] - items[None]) ** 2).sum(2)
    return np.argsort(distances, 1)[:, :k]


# ---- The way it should go ----

def test_happy_path(mock, items):
    indexer = build(mock, items)
    ids, distances, counts = indexer.query(items[:20], 5)
    assert (ids == nearest(items, items[:20], 5)).all() and (counts == 5).all()
    assert np.allclose(distances[:, 0], 0) and (np.diff(distances, axis=1) >= 0).all()
    assert (indexer.rows, indexer.dim, indexer.larger_is_nearer) == (200, 8, False)
    assert len(mock.collections) == 1 and next(iter(mock.collections)).startswith("rechub_")
    indexer.close()
    assert not mock.collections
    sequence = [call.rpc for call in mock.calls]
    assert sequence[:3] == ["Connect", "GetVersion", "CreateCollection"]
    assert mock.count("Flush") == 0 and sequence[-1] == "DropCollection"


def test_own_ids(mock, items):
    own = np.arange(200)[::-1] * 10 - 5
    builder = vreclib.Builder("milvus", **mock.options)
    indexer = builder.from_embeddings(items, ids=own)
    assert (indexer.query(items[:20], 5)[0] == own[nearest(items, items[:20], 5)]).all()
    found = indexer.query(items[:20], 5, exclude=[[i] for i in own[:20]])[0]
    assert not (found == own[:20, None]).any()
    indexer.close()
    calls = len(mock.calls)
    with fails(vreclib.UNSUPPORTED, "an item's id is an int64 there, and no name"):
        builder.from_embeddings(items, names=b"a\n" * 200)
    own[3] = own[7]
    with fails(vreclib.INVALID, "ids: rows 3 and 7 both have the id"):
        builder.from_embeddings(items, ids=own)
    assert len(mock.calls) == calls


def test_what_is_sent(mock, items):
    build(mock, items, index_type="HNSW", m=32, ef=64, metric="IP", name="films", shards=3).query(items[:3], 7)
    index = milvus_pb2.CreateIndexRequest.FromString(mock.named("CreateIndex")[0].request)
    assert {p.key: p.value for p in index.extra_params} == {
        "index_type": "HNSW", "metric_type": "IP", "params": '{"M":32,"efConstruction":360}'}
    search = milvus_pb2.SearchRequest.FromString(mock.named("Search")[0].request)
    assert {p.key: p.value for p in search.search_params} == {
        "anns_field": "embedding", "topk": "7", "params": '{"ef":64}', "metric_type": "IP", "round_decimal": "-1"}
    assert (search.guarantee_timestamp, search.consistency_level) == (4711, common_pb2.Session)
    create = milvus_pb2.CreateCollectionRequest.FromString(mock.named("CreateCollection")[0].request)
    assert create.shards_num == 3 and create.collection_name.startswith("films_")
    metadata = mock.named("Search")[0].metadata
    assert "authorization" not in metadata and "dbname" not in metadata
    assert metadata["content-type"] == "application/grpc" if "content-type" in metadata else True


@pytest.mark.parametrize("options, params", [
    ({"index_type": "IVF_FLAT", "nlist": 7}, '{"nlist":7}'),
    ({"index_type": "flat"}, "{}"),
    ({"index_type": "DISKANN", "params": '{"a":"b, \\"c\\""}'}, '{"a":"b, \\"c\\""}'),
    ({"index_type": "GPU_CAGRA"}, "{}")])
def test_index_parameters(mock, items, options, params):
    build(mock, items, **options)
    index = milvus_pb2.CreateIndexRequest.FromString(mock.named("CreateIndex")[0].request)
    sent = {p.key: p.value for p in index.extra_params}
    assert sent["index_type"] == options["index_type"].upper() and sent["params"] == params


@pytest.mark.parametrize("given, level, timestamp", [
    ("Strong", common_pb2.Strong, 0), ("Bounded", common_pb2.Bounded, 2),
    ("Eventually", common_pb2.Eventually, 1), ("Session", common_pb2.Session, 4711)])
def test_consistency(mock, items, given, level, timestamp):
    build(mock, items).query(items[:1], 1, consistency=given)
    search = milvus_pb2.SearchRequest.FromString(mock.named("Search")[0].request)
    assert (search.consistency_level, search.guarantee_timestamp) == (level, timestamp)


def test_attached_reads_are_bounded(mock, items):
    build(mock, items, collection="films")
    indexer = vreclib.Builder("milvus", **mock.options, collection="films").attach()
    indexer.query(items[:1], 1)
    assert milvus_pb2.SearchRequest.FromString(mock.named("Search")[0].request).guarantee_timestamp == 2
    indexer.upsert([7], items[:1])
    indexer.query(items[:1], 1)
    assert milvus_pb2.SearchRequest.FromString(mock.named("Search")[1].request).guarantee_timestamp == 4712
    assert "films" in mock.collections


def test_connect_is_not_implemented(mock, items):
    mock.script["Connect"] = [abort(grpc.StatusCode.UNIMPLEMENTED, "unknown method Connect")]
    assert build(mock, items).rows == 200


# ---- Names ----

def test_names_of_all_collections(mock, items):
    builder = vreclib.Builder("milvus", **mock.options)
    assert builder.list() == []
    kept = [build(mock, items, collection=name) for name in ("films", "actors", "zoo")]
    temporary = build(mock, items)
    left = dict(temporary.info())["collection"]
    assert left.startswith("rechub_") and builder.list() == ["actors", "films", left, "zoo"]
    mock.script["ShowCollections"] = [reply(milvus_pb2.ShowCollectionsResponse(collection_names=["b\x1b[2J\n", "a"]))]
    done = vrec("list", "milvus", *flags(mock.options))
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\nb\\x1b[2J\\x0a\n", "")
    mock.script["ShowCollections"] = [status(code=1401, reason="permission deny")]
    with fails(vreclib.INVALID, "ShowCollections", "permission deny"):
        builder.list()
    with fails(vreclib.UNSUPPORTED, "can't list indexes", "is a file"):
        vreclib.Builder("faiss").list()
    del kept


# ---- Statuses, old and new ----

def test_old_statuses(mock, items):
    mock.script["DescribeCollection"] = [status(legacy=1, reason="can't find collection: films")]
    mock.script["Flush"] = [status(legacy=49, reason="rate limit")]
    build(mock, items, collection="films")
    assert mock.count("Flush") == 2


@pytest.mark.parametrize("fields, kind, words", [
    ({"code": 65535, "reason": "boom"}, vreclib.UNAVAILABLE, ["boom", "code 65535"]),
    ({"legacy": 5, "reason": "boom"}, vreclib.UNAVAILABLE, ["boom", "code 5"]),
    ({"code": 1100, "legacy": 5}, vreclib.INVALID, ["gives no reason", "code 1100"]),
    ({"code": 1100, "detail": "the\ndetail"}, vreclib.INVALID, ["the detail"]),
    ({"code": 1 << 20 | 1 << 16 | 1100, "reason": "flags above"}, vreclib.INVALID, ["code 1100"])])
def test_statuses(mock, items, fields, kind, words):
    mock.script["CreateCollection"] = [status(bare=True, **fields)]
    with fails(kind, "CreateCollection", *words):
        build(mock, items)


def test_retriable_status(mock, items):
    indexer = build(mock, items)
    mock.script["Search"] = [status(code=503), status(code=65535, retriable=True), status(code=8)]
    assert (indexer.query(items[:1], 1)[0] == 0).all()
    assert mock.count("Search") == 4


# ---- Waiting ----

def test_index_takes_time(mock, items):
    mock.script["DescribeIndex"] = [lambda m, r, c: m.described(r, State.InProgress).SerializeToString(),
                                    lambda m, r, c: m.described(r, State.Finished, pending=7).SerializeToString()]
    build(mock, items)
    assert mock.count("DescribeIndex") == 3


def test_index_fails(mock, items):
    mock.script["DescribeIndex"] = [lambda m, r, c: m.described(r, State.Failed, "no disk").SerializeToString()]
    with fails(vreclib.UNAVAILABLE, "no disk", "dropped"):
        build(mock, items)
    assert not mock.collections


def test_index_never_ends(mock, items):
    slow = lambda m, r, c: m.described(r, State.InProgress).SerializeToString()
    mock.script["DescribeIndex"] = [slow] * 1000
    start = time.monotonic()
    with fails(vreclib.TIMEOUT, "indexing", "3 s", "kept"):
        build(mock, items, collection="films", **QUICK)
    assert time.monotonic() - start < 6 and "films" in mock.collections


def test_load_takes_time(mock, items):
    mock.script["GetLoadingProgress"] = [reply(milvus_pb2.GetLoadingProgressResponse(progress=p)) for p in (0, 50, 100)]
    seen = []
    build(mock, items, lambda what, done, total: seen.append((what, done, total)) and False, collection="films")
    assert mock.count("GetLoadingProgress") == 3
    assert {what for what, _, _ in seen} >= {"inserting", "flushing", "indexing", "loading"}
    assert ("loading", 50, 100) in seen


def test_small_temporary_collections_are_not_flushed(mock, rng):
    for rows, collection, flushes in ((1023, None, 0), (1024, None, 1), (10, "films", 1)):
        mock.calls.clear()
        items = rng.standard_normal((rows, 4), dtype=np.float32)
        indexer = build(mock, items, **({"collection": collection} if collection else {}))
        assert mock.count("Flush") == flushes
        assert indexer.query(items[:1], 1)[0][0, 0] == 0


def test_flush_names_segments(mock, items):
    flushed = milvus_pb2.FlushResponse()
    flushed.coll_segIDs["films"].data.extend([7, 8])
    flushed.coll_flush_ts["films"] = 99
    mock.script["Flush"] = [reply(flushed)]
    mock.script["GetFlushState"] = [reply(milvus_pb2.GetFlushStateResponse(flushed=False))] * 2
    build(mock, items, collection="films")
    sent = milvus_pb2.GetFlushStateRequest.FromString(mock.named("GetFlushState")[0].request)
    assert (list(sent.segmentIDs), sent.flush_ts, sent.collection_name) == ([7, 8], 99, "films")
    assert mock.count("GetFlushState") == 3


# ---- Replies that lie ----

def hits(topks, ids, scores, queries=2):
    data = schema_pb2.SearchResultData(num_queries=queries, top_k=3, scores=scores, topks=topks)
    if ids and isinstance(ids[0], str):
        data.ids.str_id.data.extend(ids)
    else:
        data.ids.int_id.data.extend(ids)
    return reply(milvus_pb2.SearchResults(results=data))


@pytest.mark.parametrize("topks, ids, scores, kind, words", [
    ([2, 2], [1, 2, 3], [0, 0, 0], vreclib.CORRUPT, "4 results"),
    ([2, 1], [1, 2, 3], [0, 0], vreclib.CORRUPT, "2 distances"),
    ([2, 1], [1, 2], [0, 0, 0], vreclib.CORRUPT, "2 ids"),
    ([-1, 4], [1, 2, 3], [0, 0, 0], vreclib.CORRUPT, "-1 results"),
    ([4, 0], [1, 2, 3, 4], [0] * 4, vreclib.CORRUPT, "3 were asked for"),
    ([1 << 62, 1], [1, 2, 3], [0] * 3, vreclib.CORRUPT, "were asked for"),
    ([1], [1], [0], vreclib.CORRUPT, "1 counts for 2 queries"),
    ([1, 1, 1], [1, 2, 3], [0] * 3, vreclib.CORRUPT, "3 counts"),
    ([], [1, 2, 3], [0] * 3, vreclib.CORRUPT, "0 counts"),
    ([1, 1], ["a", "b"], [0, 0], vreclib.UNSUPPORTED, "texts")])
def test_hits_that_lie(mock, items, topks, ids, scores, kind, words):
    indexer = build(mock, items)
    mock.script["Search"] = [hits(topks, ids, scores)]
    with fails(kind, words):
        indexer.query(items[:2], 3)
    assert indexer.query(items[:2], 3)[0].shape == (2, 3)


@pytest.mark.parametrize("topks, ids, scores, expected", [
    ([2, 0], [5, -9], [1, 2], [[5, -9, -1], [-1, -1, -1]]),
    ([0, 3], [1, 2, 3], [0, np.nan, np.inf], [[-1, -1, -1], [1, -1, -1]]),
    ([], [], [], [[-1, -1, -1], [-1, -1, -1]])])
def test_short_rows(mock, items, topks, ids, scores, expected):
    indexer = build(mock, items)
    mock.script["Search"] = [hits(topks, ids, scores)]
    found, distances, counts = indexer.query(items[:2], 3)
    assert found.tolist() == expected
    for row, count in zip(distances, counts):
        assert np.isfinite(row[:int(count)]).all() and np.isposinf(row[int(count):]).all()


@pytest.mark.parametrize("rpc", ["Connect", "GetVersion", "CreateCollection", "Insert", "Flush", "CreateIndex",
                                 "DescribeIndex", "LoadCollection", "GetLoadingProgress"])
@pytest.mark.parametrize("junk", [b"\xff" * 40, b"\x0a\x05ab", b"\x0a\x02\x12\x7f", b"\x08" + b"\xff" * 11])
def test_junk(mock, rng, rpc, junk):
    items = rng.standard_normal((1024, 4), dtype=np.float32)  # enough to be flushed
    mock.script[rpc] = [lambda m, r, c: junk]
    with fails(vreclib.UNAVAILABLE, rpc, "can't be read"):
        build(mock, items, **QUICK)
    assert not mock.collections


@pytest.mark.parametrize("taken", [0, 199, 1 << 40])
def test_rows_not_taken(mock, items, taken):
    mock.script["Insert"] = [reply(milvus_pb2.MutationResult(insert_cnt=taken))] * 2
    with fails(vreclib.UNAVAILABLE, f"took {taken} of"):
        build(mock, items)


# ---- Who we are, and where ----

@pytest.mark.parametrize("given, sent", [
    ({"token": "key-123"}, "key-123"), ({"token": "root:Mil"}, "root:Mil"),
    ({"user": "root", "password": "a,b=\"c\""}, 'root:a,b="c"'), ({"token": "env:VREC_TEST_TOKEN"}, "from-env"),
    ({"token": "file:TOKEN"}, "from-file")])
def test_credentials(mock, items, given, sent, monkeypatch, tmp_path):
    monkeypatch.setenv("VREC_TEST_TOKEN", "from-env")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "TOKEN").write_text("from-file\n")
    build(mock, items, database="films", **given)
    for call in mock.calls:
        assert call.metadata["authorization"] == base64.b64encode(sent.encode()).decode()
        assert call.metadata["dbname"] == "films"


def test_credentials_refused(mock, items):
    mock.script["Connect"] = [abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure")]
    with fails(vreclib.INVALID, "auth check failure", "token", "UNAUTHENTICATED") as failure:
        build(mock, items, token="hushhush", database="x")
    assert "hush" not in failure.text and mock.count("Connect") == 1


@pytest.mark.parametrize("options", ["token=hush", "password=hush,user=u", "token=hu=sh", "token=hush,", 'token="hush',
                                     "token=x,hush", "user=u,token=hush", "token=hush,token=hush"])
def test_secrets_are_not_repeated(options):
    try:
        vreclib.call(vreclib.library.vrec_builder_factory, b"milvus", options.encode() + b",m=0",
                     vreclib.ctypes.byref(vreclib.ctypes.c_void_p()))
    except vreclib.VrecError as error:
        assert "hu" not in str(error)


# ---- Trouble ----

def test_unavailable_once(mock, items):
    for rpc in ("Connect", "CreateCollection", "Insert", "Flush", "CreateIndex", "LoadCollection", "Search"):
        mock.script[rpc] = [abort(grpc.StatusCode.UNAVAILABLE, "starting")]
    indexer = build(mock, items, threads=1)
    assert (indexer.query(items[:3], 1)[0].ravel() == [0, 1, 2]).all()
    assert mock.count("Insert") == 2 and mock.count("Upsert") == 0 and mock.count("Search") == 2


def test_message_is_decoded(mock, items):
    mock.script["CreateCollection"] = [abort(grpc.StatusCode.INVALID_ARGUMENT, "größe 100%\nis too %41 much")]
    with fails(vreclib.UNAVAILABLE, "größe 100% is too %41 much", "INVALID_ARGUMENT"):
        build(mock, items)


def test_slow_server(mock, items):
    indexer = build(mock, items, timeout=1)
    mock.script["Search"] = [sleep(10)]
    start = time.monotonic()
    with fails(vreclib.TIMEOUT, "Search", "1.0 s"):
        indexer.query(items[:1], 1)
    assert time.monotonic() - start < 8


def test_request_too_large(items, rng):
    mock = Mock(options=[("grpc.max_receive_message_length", 100_000)])
    large = rng.standard_normal((20_000, 8), dtype=np.float32)
    with fails(vreclib.UNAVAILABLE, "RESOURCE_EXHAUSTED", "the first 0 of 20000 rows are in", "dropped"):
        build(mock, large, threads=1)
    build(mock, large, threads=1, batch_bytes=65536)
    mock.stop()


def test_some_rows_are_in(mock, rng):
    items = rng.standard_normal((5_000, 16), dtype=np.float32)
    mock.script["Insert"] = [lambda m, r, c: m.Insert(r).SerializeToString(), status(code=9, reason="disk full")]
    with fails(vreclib.UNAVAILABLE, "disk full", "of 5000 rows are in", "kept") as failure:
        build(mock, items, threads=1, batch_bytes=65536, collection="films")
    assert f"the first {len(mock.collections['films']['rows'])} of" in failure.text


# ---- Queries ----

def test_exclusions(mock, items):
    indexer = build(mock, items)
    exclude = [[0, 5], [], list(range(190))]
    ids, _, counts = indexer.query(items[:3], 12, exclude=exclude)
    for row, (out, count) in enumerate(zip(exclude, counts)):
        left = [i for i in nearest(items, items[row:row + 1], 200)[0] if i not in out][:12]
        assert ids[row, :int(count)].tolist() == left
    assert counts.tolist() == [12, 12, 10]


def last_searches(mock, count):
    return [milvus_pb2.SearchRequest.FromString(call.request) for call in mock.named("Search")[-count:]]


def test_exclusions_beyond_the_largest_k(mock, items):
    """Whose list is too long to ask for more and drop them is asked alone, with a filter."""
    indexer = build(mock, items)
    long = list(range(50, 16440))
    ids, _, counts = indexer.query(items[:3], 12, exclude=[[], long, [1]])
    assert mock.count("Search") == 3
    asked = sorted((r.nq, len(r.dsl) > 0, limit_of(r)) for r in last_searches(mock, 3))
    assert asked == [(1, False, 12), (1, False, 13), (1, True, 12)]
    for row, out in enumerate(([], long, [1])):
        assert ids[row].tolist() == [i for i in nearest(items, items[row:row + 1], 200)[0] if i not in out][:12]
    with fails(vreclib.UNSUPPORTED, "query 1 excludes 200000 items", "1048576 bytes holds the first"):
        indexer.query(items[:2], 12, exclude=[[], list(range(200000))])


def limit_of(request):
    return int({pair.key: pair.value for pair in request.search_params}["topk"])


def test_what_goes_to_the_server(mock, items):
    """A list for several queries is a filter; for one, it is asked for and dropped."""
    indexer = build(mock, items)
    out = np.array([3, 7])
    indexer.query(items[:5], 4, exclude=out)
    indexer.query(items[:1], 4, exclude=out)
    shared, alone = last_searches(mock, 2)
    assert (shared.dsl, limit_of(shared)) == ("id not in [3,7]", 4)
    assert (alone.dsl, limit_of(alone)) == ("", 6)


def test_allowance(mock, items):
    """By id; of all queries, or of each; without what is excluded."""
    indexer = build(mock, items)
    allowed = [list(range(40, 60)), [5], [], [-9, 700]]
    ids, _, counts = indexer.query(items[:4], 12, allow_ids=allowed, exclude=[[41], [], [], []])
    for row, only in enumerate(([i for i in range(40, 60) if i != 41], [5], [], [])):
        left = [i for i in nearest(items, items[row:row + 1], 200)[0] if i in only][:12]
        assert ids[row].tolist() == left + [-1] * (12 - len(left)) and counts[row] == len(left)
    assert mock.count("Search") == 3  # whom nobody is allowed isn't asked for
    ids, _, counts = indexer.query(items[:4], 3, allow_ids=np.arange(20), exclude=np.array([1]))
    shared, = last_searches(mock, 1)
    assert shared.nq == 4 and shared.dsl == f"id in [0,{','.join(map(str, range(2, 20)))}]"
    assert (ids != 1).all() and (ids < 20).all() and (counts == 3).all()
    assert (indexer.query(items[:4], 3, allow_ids=np.array([], np.int64))[2] == 0).all()
    with fails(vreclib.UNSUPPORTED, "allows 200000 items", "a collection of their own"):
        indexer.query(items[:4], 3, allow_ids=np.arange(200000))


def test_a_server_that_takes_no_notice(mock, items):
    """What it wasn't to find isn't given on."""
    indexer = build(mock, items)
    def act(mock, request, context):
        request = milvus_pb2.SearchRequest.FromString(request)
        request.dsl = ""
        return mock.Search(request.SerializeToString()).SerializeToString()
    for given in ({"exclude": np.array([1])}, {"allow_ids": np.array([0, 5])}):
        mock.script["Search"] = [act]
        ids, _, _ = indexer.query(items[:2], 5, **given)
        assert 1 not in ids and not (set(ids.ravel()) - {0, 5, -1} and "allow_ids" in given)


def test_exclusions_of_all_queries(mock, items):
    indexer = build(mock, items)
    out = np.array([190, 3, 7])
    ids, _, counts = indexer.query(items[:5], 12, exclude=out)
    for row in range(5):
        assert ids[row].tolist() == [i for i in nearest(items, items[row:row + 1], 200)[0] if i not in out][:12]
    assert (counts == 12).all()


def test_interests(mock, items):
    """Merged here; users' exclusions hold for each of their interests. A sum would want the items' vectors."""
    indexer = build(mock, items)
    users, exclude = items[:6].reshape(3, 2, -1), [[0, 5], [], [7]]
    for merge in ("best", "round_robin"):
        ids, _, counts = indexer.query(items[:6], 12, interests=2, valid=[2, 1, 2], merge=merge, exclude=exclude)
        for u in range(3):
            far = ((users[u][:[2, 1, 2][u], None] - items) ** 2).sum(2)
            far[:, exclude[u]] = np.inf
            lists = np.argsort(far, axis=1)[:, :12]
            turns = list(dict.fromkeys(lists.T.ravel().tolist()))[:12]
            found = np.unique(lists)
            best = found[np.argsort(far[:, found].min(0))][:12].tolist()
            assert ids[u].tolist() == (best if merge == "best" else turns) and counts[u] == 12
    with fails(vreclib.UNSUPPORTED, "a sum over interests wants the vectors of items", "merge by best"):
        indexer.query(items[:6], 12, interests=2, merge="sum")


def test_no_bitmaps(mock, items):
    with fails(vreclib.UNSUPPORTED, "give their ids, as allow_ids"):
        build(mock, items).query(items[:2], 3, allow=np.ones(200, bool))


def test_queries_with_nan(mock, items):
    queries = items[:4].copy()
    queries[1, 0], queries[3, 2] = np.nan, np.inf
    ids, _, counts = build(mock, items).query(queries, 2)
    assert counts.tolist() == [2, 0, 2, 0] and ids[[0, 2], 0].tolist() == [0, 2] and (ids[[1, 3]] == -1).all()


def test_many_queries(mock, items, rng):
    queries = rng.standard_normal((5_003, 8), dtype=np.float32)
    indexer = build(mock, items)
    one = indexer.query(queries, 3)
    four = indexer.query(queries, 3, threads=4)
    assert (one[0] == nearest(items, queries, 3)).all() and (one[0] == four[0]).all()
    assert mock.count("Search") >= 12


def test_cancel(mock, items):
    started = time.monotonic()
    mock.script["DescribeIndex"] = [lambda m, r, c: m.described(r, State.InProgress).SerializeToString()] * 1000
    with fails(vreclib.CANCELLED, "indexing", "dropped"):
        build(mock, items, lambda what, done, total: what == "indexing" and time.monotonic() > started + 0.5)
    assert not mock.collections
    mock.script.clear()
    mock.script["Insert"] = [sleep(3)]
    with fails(vreclib.CANCELLED, "inserting", "dropped"):
        build(mock, items, lambda what, done, total: time.monotonic() > started + 1)
    assert time.monotonic() < started + 8


def test_changes(mock, items, rng):
    indexer = build(mock, items)
    more = rng.standard_normal((3, 8), dtype=np.float32) + 100
    indexer.upsert([7, -5, 1 << 40], more)
    ids, _, _ = indexer.query(more, 1)
    assert ids.ravel().tolist() == [7, -5, 1 << 40]
    indexer.delete([7, -5, 1 << 40])
    assert not np.isin(indexer.query(more, 199)[0], [7, -5, 1 << 40]).any()
    indexer.delete(np.arange(100_000))
    assert (indexer.query(more, 1)[2] == 0).all()
    with fails(vreclib.INVALID, "7 values each"):
        indexer.upsert([1], np.zeros((1, 7), np.float32))


# ---- Evaluating ----

def test_eval_of_a_collection(mock, items, tmp_path):
    """Beside settings that are built; what it loses is told with the items alone. Secrets are shown nowhere."""
    build(mock, items, collection="films").close()
    np.save(tmp_path / "items.npy", items)
    np.save(tmp_path / "users.npy", items[:5])
    (tmp_path / "truth.csv").write_text("0,0\n1,1\n2,9\n")
    where = f"milvus,host=127.0.0.1,port={mock.port},collection=films,token=hush"
    shown = f"{where.removesuffix('hush')}(hidden)"

    def run(*arguments):
        return vrec("eval", "--users", "users.npy", "--truth", "truth.csv", "-k", "3", *arguments, cwd=tmp_path)

    alone = run("--with", where)
    assert (alone.returncode, alone.stderr) == (0, "")
    assert alone.stdout.endswith(f"\n{shown}: what the index loses is told with --items FILE, as its items are on a server\n")
    beside = run("--with", where, "--with", "faiss", "--items", "items.npy", "--svg", "a.svg")
    assert beside.stdout.count("the model finds 40.0 % (Recall@3), the index loses 0.0 % of that") == 2
    assert run("--with", where, "--json").stdout.count(f'"setting":"{shown}"') == 1
    seen = run("--with", where, "--seen", "truth.csv", "--json")
    assert json.loads(seen.stdout)["settings"][0]["recall"] == [0]
    failures = [run("--with", where.replace("films", "no_films")), run("--with", where.replace("token", "tokn")),
                run("--with", f"{where},m=0")]
    assert [f.returncode for f in failures] == [1, 2, 2] and 'no collection "no_films"' in failures[0].stderr
    for done in (alone, beside, seen, *failures):
        assert "hush" not in done.stdout + done.stderr
    assert "hush" not in (tmp_path / "a.svg").read_text()


# ---- Partitions ----

def test_partitions_that_may_not_be_seen(mock, items):
    build(mock, items, collection="films")
    mock.script["ShowPartitions"] = [status(code=1401, reason="permission deny")]
    attached = vreclib.Builder("milvus", **mock.options, collection="films").attach()
    with fails(vreclib.UNSUPPORTED, "can't upsert", "may not be seen"):
        attached.upsert([1], items[:1])
    mock.script["ShowPartitions"] = [abort(grpc.StatusCode.UNIMPLEMENTED, "unknown method")]
    vreclib.Builder("milvus", **mock.options, collection="films").attach().upsert([1], items[:1])


# ---- Secrets ----

def echo(mock, request, context):
    """A server that repeats what it was sent."""
    sent = dict(context.invocation_metadata())["authorization"]
    context.abort(grpc.StatusCode.UNAUTHENTICATED, f"bad authorization: {sent}, {base64.b64decode(sent).decode()}")


@pytest.mark.parametrize("options", [{"token": "s3cret-s3cret"}, {"token": "root:s3cret-s3cret"},
                                     {"user": "root", "password": "s3cret-s3cret"}])
def test_a_server_that_repeats_secrets(mock, items, options):
    mock.script["Connect"] = [echo]
    with fails(vreclib.INVALID, "bad authorization: ***", "check token") as check:
        build(mock, items, **options)
    coded = base64.b64encode(options.get("token", "root:s3cret-s3cret").encode()).decode()
    assert "s3cret" not in check.text and coded not in check.text
    said = f"denied to {coded}, s3cret-s3cret"
    mock.script["DescribeCollection"] = [status(code=1401, reason=said)]
    with fails(vreclib.INVALID, "denied to ***, ***"):
        build(mock, items, collection="films", **options)
    mock.script["GetVersion"] = [reply(milvus_pb2.GetVersionResponse(version=f"2.3 {coded} s3cret-s3cret"))]
    assert "s3cret" not in str(build(mock, items, **options).info())


@pytest.mark.parametrize("length", [511, 512, 3000, 5500])
def test_long_tokens(mock, items, length, tmp_path):
    """As identity providers make them."""
    token = ("eyJhbGciOi" * 600)[:length]
    (tmp_path / "token").write_text(token + "\n")
    for given in (token, f"file:{tmp_path}/token"):
        build(mock, items, token=given)
        assert base64.b64decode(mock.calls[-1].metadata["authorization"]).decode() == token
