"""The backend on real servers, beside pymilvus and brute force.

SPDX-License-Identifier: Apache-2.0
"""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import vreclib
from helpers import fails, flags, vrec
from pymilvus import DataType, MilvusClient, MilvusException

METRICS = ["L2", "IP", "COSINE"]
PLAIN = pytest.mark.servers("lite", "real", "foreign")  # encryption would add nothing but time
REAL = pytest.mark.servers("real", "foreign")


def builder(server, **options):
    return vreclib.Builder("milvus", **server.options, **options)


def scores_of(items, queries, metric):
    x, q = items.astype(np.float64), queries.astype(np.float64)
    if metric == "COSINE":
        x, q = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, q))
    return ((q[:, None] - x[None]) ** 2).sum(2) if metric == "L2" else q @ x.T


def check(items, queries, metric, found, recall):
    """Distances are right, order is right, and enough of the nearest are there."""
    ids, distances, counts = found
    k = ids.shape[1]
    scores = scores_of(items, queries, metric)
    sign = 1 if metric == "L2" else -1
    assert (counts == k).all()
    assert np.allclose(np.take_along_axis(scores, ids, 1), distances, rtol=1e-4, atol=1e-4)
    assert (np.diff(sign * distances, axis=1) >= -1e-5).all()
    best = np.argsort(sign * scores, axis=1)[:, :k]
    got = np.mean([len(set(a) & set(b)) / k for a, b in zip(ids, best)])
    assert got >= recall, f"recall {got}"


@pytest.fixture(scope="module")
def items():
    return np.random.default_rng(1).standard_normal((3_000, 32), dtype=np.float32)


@pytest.fixture(scope="module")
def queries():
    return np.random.default_rng(2).standard_normal((50, 32), dtype=np.float32)


@pytest.fixture(scope="module")
def client(server):
    made = MilvusClient(uri=server.uri, token=server.token, server_pem_path=getattr(server, "ca", ""),
                        server_name="localhost")
    yield made
    made.close()


@pytest.fixture(scope="module")
def films(server, items):
    """A collection that tests may read."""
    name = "films_of_the_tests"
    try:
        builder(server, collection=name).drop()
    except vreclib.VrecError:
        pass
    builder(server, collection=name, metric="IP").from_embeddings(items)
    yield name
    builder(server, collection=name).drop()


# ---- Every kind of index ----

@PLAIN
def test_exact(server, items, queries):
    def run(metric):
        indexer = builder(server, metric=metric).from_embeddings(items)
        check(items, queries, metric, indexer.query(queries, 10), 1.0)
        assert indexer.larger_is_nearer == (metric != "L2")
        indexer.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, METRICS))


@REAL
def test_search_options_work(server, items, queries):
    """Not on milvus-lite, which ignores them."""
    def run(options, wide):
        indexer = builder(server, **options).from_embeddings(items)
        check(items, queries, "L2", indexer.query(queries, 10, **wide), 0.98)
        indexer.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda case: run(*case), [
            ({"index_type": "HNSW"}, {"ef": 512}), ({"index_type": "IVF_FLAT"}, {"nprobe": 128}),
            ({"index_type": "IVF_FLAT", "params": '{"nlist":16}'}, {"search_params": '{"nprobe":16}'}),
            ({"index_type": "HNSW", "ef": 1, "params": '{"M":48,"efConstruction":500}'}, {"ef": 600})]))


@REAL
@pytest.mark.parametrize("kind, metric, option", [("HNSW", "COSINE", "ef"), ("IVF_FLAT", "L2", "nprobe"),
                                                  ("IVF_SQ8", "IP", "nprobe")])
def test_tuning(server, name, kind, metric, option, tmp_path):
    """The least ef or nprobe that suffices, by items of which the server only knows the ids."""
    rng = np.random.default_rng(5)
    items, asked = rng.standard_normal((20_000, 32), np.float32), rng.standard_normal((400, 32), np.float32)
    ids = 7 * rng.permutation(len(items)) + 1
    for what, array in {"items": items, "ids": ids, "asked": asked}.items():
        np.save(tmp_path / f"{what}.npy", array)
    params = '{"M":4,"efConstruction":60}' if kind == "HNSW" else '{"nlist":100}'
    indexer = builder(server, collection=name, index_type=kind, metric=metric, params=params).from_embeddings(items, ids=ids)
    tune = ("tune", "milvus", *flags(server.options), "--collection", name, "--items", tmp_path / "items.npy", "--json")
    own = ("--ids", tmp_path / "ids.npy")
    try:
        found = json.loads(vrec(*tune, *own, "--recall", 0.9, "--queries", tmp_path / "asked.npy").stdout)
        key, value = found["options"].split("=")
        assert key == option and found["file_options"] == found["options"] and found["recall"] >= 0.9
        exact = -scores_of(items, asked, metric) if metric != "L2" else scores_of(items, asked, metric)
        best = np.argsort(exact, axis=1)[:, :10]

        def recall(setting):
            got = indexer.query(asked, 10, **{option: setting})[0]
            return np.mean([len(set(a) & set(ids[b])) / 10 for a, b in zip(got, best)])

        assert abs(recall(int(value)) - found["recall"]) < 0.005
        assert recall(int(value) // 2) < 0.9
        of_items = json.loads(vrec(*tune, *own, "--recall", 0.9).stdout)
        assert of_items["of_items"] and of_items["queries"] == 1000 and 0.9 <= of_items["recall"]
        assert "isn't among the 20000 items given" in vrec(*tune).stderr
        if kind != "HNSW":  # up to all lists, and no further than the server takes
            most = vrec(*tune, *own, "--recall", 0.9999)
            assert "is out of reach" in most.stderr if kind == "IVF_SQ8" else json.loads(most.stdout)["recall"] == 1
    finally:
        builder(server, collection=name).drop()


@REAL
def test_a_build_says_the_recall(server, items, queries):
    exact = scores_of(items, queries, "L2").argsort(axis=1)[:, :10]
    indexer = builder(server, index_type="IVF_FLAT", nlist=60, target_recall=0.9).from_embeddings(items)

    def recall(**options):
        return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(indexer.query(queries, 10, **options)[0], exact)])

    assert recall(nprobe=1) < 0.5 < 0.86 < recall()
    assert recall() == recall(target_recall=0.9) >= recall(target_recall=0.6) >= 0.5
    indexer.close()
    with fails(vreclib.INVALID, "target_recall is for index_type="):
        builder(server, index_type="DISKANN", target_recall=0.9).from_embeddings(items)


@PLAIN
def test_index_that_the_server_lacks(server, items):
    if server.kind == "lite":
        pytest.skip("milvus-lite takes any name")
    with fails(vreclib.UNAVAILABLE, "NO_SUCH", "dropped"):
        builder(server, index_type="no_such").from_embeddings(items)


def test_document_example(server):
    """Torch-RecHub's document, section Milvus."""
    rng = np.random.default_rng(3)
    items = rng.standard_normal((10_000, 64), dtype=np.float32)
    users = rng.standard_normal((100, 64), dtype=np.float32)
    indexer = builder(server, d=64, index_type="HNSW", metric="COSINE", m=32, ef=64).from_embeddings(items)
    check(items, users, "COSINE", indexer.query(users, 10), 0.4)
    indexer.close()


# ---- Beside pymilvus ----

def test_same_ids_as_pymilvus(server, client, films, queries):
    ids, distances, _ = builder(server, collection=films).attach().query(queries, 20)
    theirs = client.search(films, queries.tolist(), limit=20, anns_field="embedding", consistency_level="Strong")
    for row, hits in enumerate(theirs):
        assert [hit["id"] for hit in hits] == ids[row].tolist()
        assert np.allclose([hit["distance"] for hit in hits], distances[row], rtol=1e-6)


@PLAIN
def test_collection_of_pymilvus(server, client, name, items, queries):
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("key", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=32)
    schema.add_field("year", DataType.INT64)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection(name, schema=schema, index_params=index, consistency_level="Strong")
    client.insert(name, [{"key": i * 3, "vector": items[i], "year": 1999} for i in range(500)])
    indexer = builder(server, collection=name).attach()
    ids, _, counts = indexer.query(queries, 10, consistency="strong")
    check(items[:500], queries, "L2", (ids // 3, *indexer.query(queries, 10)[1:]), 1.0)
    facts = dict(indexer.info())
    assert (facts["id_field"], facts["vector_field"], facts["index_type"], facts["rows"]) == ("key", "vector", "FLAT", "500")
    with fails(vreclib.UNSUPPORTED, "more fields"):
        indexer.upsert([1], items[:1])
    client.drop_collection(name)


@PLAIN
@pytest.mark.parametrize("more", ["dynamic", "nullable", "default", "partition key"])
def test_upsert_erases_nothing(server, client, name, items, more):
    """What a row holds besides id and vector, even if it needn't."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=more == "dynamic")
    schema.add_field("key", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=32)
    if more == "partition key":
        schema.add_field("title", DataType.VARCHAR, max_length=50, is_partition_key=True)
    elif more != "dynamic":
        schema.add_field("title", DataType.VARCHAR, max_length=50,
                         **({"nullable": True} if more == "nullable" else {"default_value": "none"}))
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    try:
        client.create_collection(name, schema=schema, index_params=index, consistency_level="Strong")
        client.insert(name, [{"key": 1, "vector": items[0], "title": "Alien"}])
    except MilvusException as error:
        pytest.skip(f"this server: {error}")
    indexer = builder(server, collection=name).attach()
    with fails(vreclib.UNSUPPORTED, "can't upsert", "would be gone"):
        indexer.upsert([1], items[1:2])
    assert client.get(name, [1], output_fields=["title"])[0]["title"] == "Alien"
    indexer.delete([1])
    assert client.query(name, "key == 1", output_fields=["title"], consistency_level="Strong") == []
    client.drop_collection(name)


@REAL
def test_upsert_of_a_row_in_a_partition(server, client, name, items):
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("key", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=32)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    client.create_collection(name, schema=schema, index_params=index, consistency_level="Strong")
    client.create_partition(name, "horror")
    client.insert(name, [{"key": 1, "vector": items[0]}], partition_name="horror")
    client.load_partitions(name, ["_default", "horror"])
    indexer = builder(server, collection=name).attach()
    with fails(vreclib.UNSUPPORTED, "can't upsert", "several partitions"):
        indexer.upsert([1], items[1:2])
    assert dict(indexer.info())["note"].startswith("nothing can be upserted: it has several partitions")
    assert client.query(name, "key == 1", output_fields=["count(*)"], consistency_level="Strong")[0]["count(*)"] == 1
    client.drop_collection(name)


@PLAIN
def test_ids_that_are_texts(server, client, name):
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=10)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    client.create_collection(name, schema=schema)
    with fails(vreclib.UNSUPPORTED, "not int64", "key"):
        builder(server, collection=name).attach()
    client.drop_collection(name)


@PLAIN
def test_collection_without_index(server, client, name):
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    client.create_collection(name, schema=schema)
    with fails(vreclib.UNSUPPORTED, "no index", name):
        builder(server, collection=name).attach()
    client.drop_collection(name)


# ---- Named, made-up, attached ----

def test_generated_collection_is_dropped(server, client, items):
    indexer = builder(server, name="gone").from_embeddings(items[:100])
    assert [c for c in client.list_collections() if c.startswith("gone_")]
    indexer.close()
    assert not [c for c in client.list_collections() if c.startswith("gone_")]


def test_named_collection_is_kept(server, films, items):
    with fails(vreclib.INVALID, films, "exists already"):
        builder(server, collection=films).from_embeddings(items)
    for options in ({"metric": "L2"}, {"index_type": "HNSW"}, {"d": 31}):
        with fails(vreclib.INVALID, "collection's"):
            builder(server, collection=films, **options).attach()
    indexer = builder(server, collection=films, metric="ip", index_type="flat", d=32).attach()
    assert (indexer.rows, indexer.dim, indexer.larger_is_nearer) == (3_000, 32, True)
    indexer.close()
    builder(server, collection=films).attach()


def test_no_such_collection(server, name):
    for verb in ("attach", "drop"):
        with fails(vreclib.INVALID, "no collection", name):
            getattr(builder(server, collection=name), verb)()


def test_changes(server, name, items):
    indexer = builder(server, collection=name).from_embeddings(items[:200])
    ids = [1 - (1 << 63), (1 << 63) - 1, -2, 7]  # Milvus 2.3 can't read a filter with -2^63
    indexer.upsert(ids, items[200:204] + 50)
    assert indexer.query(items[200:204] + 50, 1)[0].ravel().tolist() == ids
    assert builder(server, collection=name).attach().rows == 203
    indexer.delete(ids)
    assert not np.isin(indexer.query(items[200:204] + 50, 100)[0], ids).any()
    indexer.delete(np.arange(150))
    ids, distances, counts = indexer.query(items[:3], 100)
    assert counts.tolist() == [50] * 3 and (ids[:, 50:] == -1).all() and np.isposinf(distances[:, 50:]).all()
    builder(server, collection=name).drop()
    with fails(vreclib.INVALID, name):
        indexer.query(items[:3], 1)


@PLAIN
def test_many_rows(server, name):
    rng = np.random.default_rng(5)
    items = rng.standard_normal((40_000, 16), dtype=np.float32)
    indexer = builder(server, collection=name, threads=4, batch_bytes=300_000).from_embeddings(items)
    assert builder(server, collection=name).attach().rows == 40_000
    probe = rng.integers(0, 40_000, 300 if server.kind == "lite" else 2_500)
    found = indexer.query(items[probe], 1, threads=4)
    assert (found[0].ravel() == probe).all()
    assert (indexer.query(items[probe], 1)[0] == found[0]).all()
    builder(server, collection=name).drop()


@PLAIN
def test_exclusions(server, films, items, queries):
    indexer = builder(server, collection=films).attach()
    all_ids, _, _ = indexer.query(queries, 30)
    ids, _, counts = indexer.query(queries, 10, exclude=[row[:20] for row in all_ids])
    assert (ids == all_ids[:, 20:]).all() and (counts == 10).all()


@PLAIN
def test_filters(server, films, items, queries):
    """Exclusions of all queries, and allowance, which the server is told of."""
    indexer = builder(server, collection=films).attach()
    exact = np.argsort(-(queries.astype(float) @ items.T.astype(float)), axis=1)
    out = np.unique(exact[:, :3])
    ids, _, counts = indexer.query(queries, 10, exclude=out)
    for row, found in enumerate(ids):
        assert found.tolist() == [i for i in exact[row] if i not in set(out)][:10]
    only = np.unique(exact[:, 100:104])
    ids, _, _ = indexer.query(queries, 10, allow_ids=only, exclude=only[:2])
    for row, found in enumerate(ids):
        assert found.tolist() == [i for i in exact[row] if i in set(only[2:])][:10]
    of_each = [np.sort(row[50:55]) for row in exact[:4]]
    ids, _, counts = indexer.query(queries[:4], 10, allow_ids=of_each)
    assert (counts == 5).all() and all(ids[row, :5].tolist() == exact[row, 50:55].tolist() for row in range(4))


@PLAIN
def test_longest_filter(server, films, items, queries):
    """As many ids as are taken; the server must read that."""
    indexer = builder(server, collection=films).attach()
    many = np.arange(100_000_000, 100_000_000 + 100_000)
    assert (indexer.query(queries[:2], 5, exclude=many)[0] == indexer.query(queries[:2], 5)[0]).all()
    with fails(vreclib.UNSUPPORTED, "holds the first"):
        indexer.query(queries[:2], 5, exclude=np.arange(100_000_000, 100_000_000 + 110_000))


@PLAIN
def test_largest_k(server, films, queries):
    ids, _, counts = builder(server, collection=films).attach().query(queries[:2], 16384)
    assert counts.tolist() == [3000, 3000] and all(len(set(row[:3000])) == 3000 for row in ids)


# ---- The rest ----

@PLAIN
def test_database(server, client, items, name):
    try:
        client.create_database(name)
    except Exception as error:  # noqa: BLE001 # whatever this server says
        pytest.skip(f"no databases here: {error}")
    indexer = builder(server, database=name, collection="inside").from_embeddings(items[:50])
    assert indexer.query(items[:2], 1)[0].ravel().tolist() == [0, 1]
    with fails(vreclib.INVALID, "no collection"):
        builder(server, collection="inside").attach()
    builder(server, database=name, collection="inside").drop()
    client.drop_database(name)


@PLAIN
def test_unknown_database(server, items):
    with pytest.raises(vreclib.VrecError) as failure:
        builder(server, database="no_such", collection="x").attach()
    assert "no_such" in str(failure.value)


@pytest.mark.servers("real-tls")
def test_who_may_enter(server, items, tmp_path):
    given = server.options
    for wrong, words in (({"token": "root:wrong-secret"}, "auth"), ({"user": "root", "password": "wrong-secret"}, "auth"),
                         ({}, "authorization")):
        options = {k: v for k, v in given.items() if k != "token"} | wrong
        with fails(vreclib.INVALID, words, "token") as failure:
            vreclib.Builder("milvus", **options).from_embeddings(items)
        assert "secret" not in failure.text
    options = {k: v for k, v in given.items() if k != "token"} | {"user": "root", "password": "Milvus"}
    assert vreclib.Builder("milvus", **options).from_embeddings(items[:10]).rows == 10
    with fails(vreclib.UNAVAILABLE, "certificate"):
        vreclib.Builder("milvus", uri=given["uri"], token="root:Milvus").from_embeddings(items)


def test_command(server, name, items, queries, tmp_path):
    np.save(tmp_path / "items.npy", items)
    np.save(tmp_path / "users.npy", items[:5])
    np.save(tmp_path / "ids.npy", np.array([5_000, 5_001]))
    np.save(tmp_path / "more.npy", items[:2] * 0 + 9)
    where = ["milvus", "--collection", name, *flags(server.options)]

    def run(command, *arguments):
        done = vrec(command, *where, *arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert run("build", "items.npy", "--index_type", "HNSW").startswith(f"{name}: milvus HNSW L2, 3000 x 32")
    lines = run("query", "users.npy", "-k", "1").split("\n")
    assert [line.split("\t")[2] for line in lines[:-1]] == ["0", "1", "2", "3", "4"]
    assert run("upsert", "ids.npy", "more.npy").startswith("written: 2 ids")
    found = json.loads(run("query", "more.npy", "-k", "2", "--json", "--consistency", "Strong").split("\n")[0])
    assert sorted(found["ids"]) == [5_000, 5_001]
    assert json.loads(run("info", "--json"))["rows"] == 3_002
    assert run("delete", "ids.npy").startswith("deleted: 2 ids")
    assert "rows         3000" in run("info")
    again = vrec("build", *where, "items.npy", cwd=tmp_path)
    assert again.returncode == 1 and "exists already" in again.stderr
    assert vrec("drop", *where).returncode == 2
    listed = vrec("list", "milvus", *flags(server.options))
    assert (listed.returncode, listed.stderr) == (0, "") and name in listed.stdout.split("\n")
    assert run("drop", "--yes").startswith("dropped")
    assert name not in vrec("list", "milvus", *flags(server.options)).stdout.split("\n")
    assert vrec("info", *where).returncode == 1


# ---- Last, since the real server is slow for a minute after so many collections ----

def torch_rechub():
    """The combinations of Torch-RecHub's own tests."""
    for metric in METRICS:
        yield {"index_type": "FLAT", "metric": metric}
        for m, ef in itertools.product((16, 32), ("none", 50)):
            yield {"index_type": "HNSW", "metric": metric, "m": m, "ef": ef}
        for nlist, nprobe in itertools.product((1, 2), ("none", 5)):
            yield {"index_type": "IVF_FLAT", "metric": metric, "nlist": nlist, "nprobe": nprobe}


@PLAIN
def test_torch_rechub(server, rng):
    items = rng.standard_normal((100, 5), dtype=np.float32)
    queries = rng.standard_normal((100, 5), dtype=np.float32)

    def run(options):
        indexer = builder(server, d=5, **options).from_embeddings(items)
        check(items, queries, options["metric"], indexer.query(queries, 5), 0.9)
        indexer.close()

    with ThreadPoolExecutor(9) as pool:
        runs = [(options, pool.submit(run, options)) for options in torch_rechub()]
    failed = [(options, error) for options, done in runs if (error := done.exception())]
    assert len(runs) == 27 and not failed
