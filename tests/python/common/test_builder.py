"""Builders: their options, which the library's table decides.

SPDX-License-Identifier: Apache-2.0
"""

import copy
import ctypes
import inspect
import os
import pickle

import numpy as np
import pytest
import vrec
import vrec.serving
from tools import assert_same, option

CLASSES = {"annoy": "AnnoyBuilder", "faiss": "FaissBuilder", "milvus": "MilvusBuilder"}


class CEntry(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p)
                for name in ("key", "aliases", "type", "default_value", "range", "stage", "help", "kinds")]


@pytest.fixture(scope="module")
def library():
    """The C library of the same sources, as it says its own options."""
    library = ctypes.CDLL(os.environ["VREC_LIB"])
    library.vrec_backend_option.restype = ctypes.POINTER(CEntry)
    library.vrec_backend_name.restype = library.vrec_version.restype = ctypes.c_char_p
    return library


def table(library, backend):
    entries = []
    while entry := library.vrec_backend_option(backend.encode(), ctypes.c_size_t(len(entries))):
        entries.append([getattr(entry.contents, name).decode() for name, _ in CEntry._fields_])
    return entries


def test_one_factory():
    assert vrec.serving.builder_factory is vrec.builder_factory


def test_backends(library):
    names = []
    while name := library.vrec_backend_name(ctypes.c_size_t(len(names))):
        names.append(name.decode())
    assert list(vrec.backends()) == names
    assert vrec.__version__ == library.vrec_version().decode()


@pytest.mark.parametrize("backend", vrec.backends())
def test_options_are_the_librarys(backend, library):
    ours = vrec.options(backend)
    theirs = table(library, backend)
    assert len(ours) == len(theirs) > 0
    for mine, (key, aliases, kind, default, range_, stage, help_, kinds) in zip(ours, theirs):
        assert (mine.key, mine.type, mine.range, mine.help) == (key, kind, range_, help_)
        assert (", ".join(mine.stages), ", ".join(mine.kinds)) == (stage, kinds)
        assert set(mine.stages) <= {"build", "open", "query"} and mine.stages
        assert mine.aliases == tuple(aliases.replace(",", " ").split())
        assert mine.default == (None if default == "none" else int(default) if kind in ("int", "uint") else default)


def test_options_of_no_backend():
    with pytest.raises(NotImplementedError, match="faiss"):
        vrec.options("fais")


@pytest.mark.parametrize("backend", CLASSES)
def test_signature(backend):
    """What help() and an editor show is the table."""
    made = getattr(vrec.serving, CLASSES[backend])
    parameters = inspect.signature(made).parameters
    for each in vrec.options(backend):
        assert parameters[each.key].default == each.default, each.key
    groups = [(table.kinds, table.stages) for key in list(parameters)[len(made._positional):]
              for table in vrec.options(backend) if table.key == key]
    assert len([g for g, before in zip(groups, [None, *groups]) if g != before]) == len(set(groups))


@pytest.mark.parametrize("backend", CLASSES)
def test_documentation_of_a_builder_has_its_options(backend):
    text = inspect.getdoc(getattr(vrec.serving, CLASSES[backend]))
    assert all(text.count(f"- ``{each.key}=") == 1 for each in vrec.options(backend))
    assert "To build or open an index:" in text
    assert ("To build HNSW:" in text) == (backend in ("faiss", "milvus"))


@pytest.mark.parametrize("backend, arguments", [
    ("annoy", (8, "euclidean")), ("faiss", ("Flat", "IP")), ("milvus", (8, "FLAT", "IP"))])
def test_classes(backend, arguments, items):
    kind = getattr(vrec.serving, CLASSES[backend])
    made = kind(*arguments)
    assert isinstance(made, vrec.serving.BaseBuilder) and isinstance(vrec.builder_factory(backend), kind)
    if backend != "milvus":
        with made.from_embeddings(items) as indexer:
            assert isinstance(indexer, getattr(vrec.serving, CLASSES[backend].replace("Builder", "Indexer")))
            assert isinstance(indexer, vrec.serving.BaseIndexer)
            assert indexer.info()["metric"] == arguments[1]


def test_classes_take_options_by_name(items):
    made = vrec.serving.AnnoyBuilder(8, "angular", n_trees=10, seed=3)
    assert made.from_embeddings(items).info()["n_trees"] == 10
    with pytest.raises(TypeError):
        vrec.serving.AnnoyBuilder(8, "angular", 10)
    with pytest.raises(vrec.OptionError, match="n_trees"):
        vrec.serving.AnnoyBuilder(8, n_treees=10)


@pytest.mark.parametrize("backend, options, words", [
    ("annoy", {"d": 64, "n_treees": 50}, ["annoy", "n_treees", "n_trees"]),
    ("annoy", {"d": 64, "serchk": 50}, ["serchk", "searchk"]),
    ("faiss", {"metrics": "L2"}, ["faiss", "metrics", "metric"]),
    ("milvus", {"d": 64, "nprobs": 5}, ["nprobs", "nprobe"]),
    ("annoy", {"d": 64, "metric": "cosine"}, ["metric", "cosine", "angular, euclidean, dot"]),
    ("faiss", {"metric": "cosine"}, ["L2, IP; for cosine, scale", "take IP", "annoy with metric=angular"]),
    ("faiss", {"d": 64}, ["has no option \"d\"; the number of values"]),
    ("annoy", {"d": 0}, ["d", "1..1048576"]),
    ("annoy", {"d": -5}, ["d", "1..1048576"]),
    ("annoy", {"d": 2**40}, ["d", "1..1048576"]),
    ("annoy", {"d": 2**80}, ["d", "1..1048576"]),
    ("annoy", {"d": "many"}, ["d", "many"]),
    ("annoy", {"d": 64.0}, ["d", "64.0"]),
    ("annoy", {"d": 6.5}, ["d", "6.5"]),
    ("annoy", {"d": 64, "seed": -1}, ["seed"]),
    ("annoy", {"d": True}, ["d"]),
    ("annoy", {"d": [64]}, ["d"]),
    ("annoy", {"d": b"64"}, ["d"]),
    ("annoy", {"d": 64, "dim": 64}, ["d"]),
    ("faiss", {"metric": 1}, ["metric"]),
    ("faiss", {"metric": object()}, ["metric"]),
    ("faiss", {"metric": "L2,threads=1"}, ["metric"]),
    ("faiss", {"metric,threads": "1"}, ["metric,threads"]),
    ("faiss", {"": "1"}, []),
    ("faiss", {"metric": ""}, ["metric"]),
    ("faiss", {"metric": "L2\0"}, []),
    ("faiss", {"metric": "\ud800"}, []),
])
def test_bad_options(backend, options, words):
    """Torch-RecHub's callers catch TypeError, everybody else ValueError."""
    with pytest.raises(vrec.OptionError) as error:
        vrec.builder_factory(backend, **options)
    assert isinstance(error.value, ValueError) and isinstance(error.value, TypeError)
    assert isinstance(error.value, vrec.Error)
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value) and " " in str(error.value)


@pytest.mark.parametrize("options, message", [
    ({"filter": [1]}, 'faiss has no option "filter"'),
    ({"serchk": [1]}, 'faiss has no option "serchk"'),
    ({"efsearch": 3}, 'faiss has no option "efsearch"; did you mean "efSearch"?'),
    ({"metrix": object()}, 'faiss has no option "metrix"; did you mean "metric"?')])
def test_no_guess_is_better_than_a_wrong_one(options, message):
    with pytest.raises(vrec.OptionError) as error:
        vrec.builder_factory("faiss", **options)
    assert str(error.value) == message


@pytest.mark.parametrize("options", [{"token": ["hush"]}, {"password": {"a": "hush"}}, {"tokn": "hush"},
                                     {"pasword": ["hush"]}, {"token": "a\0hush"}, {"token": "", "user": "hush"}])
def test_no_message_repeats_what_may_be_secret(options):
    with pytest.raises(vrec.Error) as error:
        vrec.builder_factory("milvus", **options)
    assert "hush" not in str(error.value)


def test_options_of_another_kind_are_dropped_where_one_is_built(items, users, indexer, tmp_path):
    """As Torch-RecHub does, whose callers pass all of them at once."""
    given = {"m": 32, "efSearch": 64, "nlists": 100, "nprobe": 5}
    for each in (given, {"index_type": "Flat", **given}):
        made = vrec.builder_factory("faiss", **each)
        with pickle.loads(pickle.dumps(made)).from_embeddings(items) as flat:
            assert_same(flat.query(users, 5), indexer.query(users, 5))
            flat.save(tmp_path / "flat.index")
    with made.from_index_file(tmp_path / "flat.index") as opened:
        assert opened.info()["index_type"] == "Flat"


def test_nothing_else_is_dropped():
    """milvus refuses before it looks for a server."""
    with pytest.raises(vrec.ArgumentError, match="efConstruction is for index_type=HNSW, but it is FLAT"):
        vrec.builder_factory("milvus", efConstruction=100).from_embeddings(np.ones((3, 4), np.float32))
    with pytest.raises(vrec.ArgumentError, match="efConstruction is for index_type=HNSW, but it is ivf_flat"):
        vrec.builder_factory("milvus", index_type="ivf_flat", efConstruction=100, m=16).from_embeddings(
            np.ones((3, 4), np.float32))


@pytest.mark.parametrize("options", [
    {"metric": None}, {"metric": "l2"}, {"metric_type": "L2"}, {"threads": np.int32(2)}, {"threads": np.uint8(2)},
    {"n_jobs": 2}, {"threads": "2"}, {"index_type": "FLAT"}, {"threads": None}])
def test_good_options(options, items, users, indexer):
    with vrec.builder_factory("faiss", **options).from_embeddings(items) as made:
        assert_same(made.query(users, 5), indexer.query(users, 5))


@pytest.mark.parametrize("name", ["faisss", "FAIS", "hnswlib", "", "annoy ", "a\0b"])
def test_unknown_backend(name):
    with pytest.raises(NotImplementedError) as error:
        vrec.builder_factory(name)
    assert isinstance(error.value, vrec.UnsupportedError)
    assert name != "faisss" or "faiss" in str(error.value)


@pytest.mark.parametrize("name", [None, 5, b"faiss", ["faiss"]])
def test_backend_that_is_no_text(name):
    with pytest.raises((TypeError, NotImplementedError)):
        vrec.builder_factory(name)


def test_model_by_name(items):
    assert len(vrec.builder_factory(model="faiss").from_embeddings(items)) == 300


@pytest.mark.parametrize("index_type", ["HNSW", "IVF"])
def test_kinds_of_index_to_come(index_type):
    """Known to the world, not yet to this library: not a misspelling."""
    if index_type in option("faiss", "index_type").range.split(", "):
        vrec.builder_factory("faiss", index_type=index_type)
        return
    more = {"HNSW": {"m": 32, "efSearch": 50}, "IVF": {"nlists": 100, "nprobe": 10}}[index_type]
    for options in ({}, more):
        for made in (vrec.builder_factory, lambda _, **o: vrec.serving.FaissBuilder(**o)):
            with pytest.raises(NotImplementedError, match=index_type):
                made("faiss", index_type=index_type, metric="L2", **options)
            with pytest.raises(NotImplementedError, match=index_type):
                made("faiss", **options, index_type=index_type)


def test_options_of_other_kinds_mean_nothing_to_flat():
    """As in Torch-RecHub; what the library knows, it judges itself."""
    others = {"m": 32, "efSearch": None, "nlists": 100, "nprobe": 10}
    unknown = [key for key in others if key not in {option.key for option in vrec.options("faiss")}]
    made = vrec.builder_factory("faiss", index_type="Flat", metric="IP", **{key: others[key] for key in unknown})
    assert repr(made) == "builder_factory('faiss', index_type='Flat', metric='IP')"
    with pytest.raises(vrec.OptionError):
        vrec.builder_factory("faiss", nprobs=10)


def test_repr():
    assert repr(vrec.builder_factory("annoy", d=64, metric="dot")) == "builder_factory('annoy', d=64, metric='dot')"
    assert repr(vrec.builder_factory("faiss")) == "builder_factory('faiss')"


@pytest.mark.parametrize("secret", ["token", "password"])
def test_repr_hides_secrets(secret):
    made = vrec.builder_factory("milvus", d=8, user="me", **{secret: "hunter2"})
    assert "hunter2" not in repr(made) + str(made) + format(made)
    assert secret in repr(made) and "user='me'" in repr(made)


def test_repr_is_code(items):
    made = vrec.builder_factory("annoy", d=8, metric="dot", n_trees=3, searchk=None)
    again = eval(repr(made), {"builder_factory": vrec.builder_factory})
    assert_same(again.from_embeddings(items).query(items, 5), made.from_embeddings(items).query(items, 5))


def test_text_with_every_sign():
    name = 'a=b,"c" \'d\' {e} \\f'
    assert eval(repr(vrec.builder_factory("milvus", name=name)), vars(vrec)) is not None


@pytest.mark.parametrize("copier", [lambda b: pickle.loads(pickle.dumps(b)), copy.copy, copy.deepcopy])
def test_pickle(copier, items):
    made = vrec.builder_factory("annoy", d=8, metric="dot", n_trees=3)
    again = copier(made)
    assert type(again) is type(made) and repr(again) == repr(made)
    assert_same(again.from_embeddings(items).query(items, 5), made.from_embeddings(items).query(items, 5))


def test_one_builder_many_indexers(items, users):
    made = vrec.builder_factory("faiss")
    first, second = made.from_embeddings(items), made.from_embeddings(-items)
    expected = second.query(users, 5)
    first.close()
    assert_same(second.query(users, 5), expected)


def test_seed(items):
    def build(**options):
        builder = vrec.builder_factory("annoy", d=8, n_trees=2, searchk=5, **options)
        return builder.from_embeddings(items).query(items, 9)

    assert_same(build(seed=1), build(seed=1))
    assert (build(seed=1)[0] != build(seed=2)[0]).any()
    assert_same(build(seed=2**64 - 1), build(seed=np.uint64(2**64 - 1)))


@pytest.mark.parametrize("backend, key, value, text", [
    ("annoy", "prefault", True, "yes"), ("annoy", "prefault", False, "no"), ("annoy", "codes", False, "off"),
    ("annoy", "codes", True, "auto"), ("faiss", "codes", False, "off")])
def test_truth_values_are_choices(backend, key, value, text):
    assert repr(vrec.builder_factory(backend, **{key: value})) == repr(vrec.builder_factory(backend, **{key: text}))


def test_a_dict_is_json():
    assert "{\"a\": 1}" in repr(vrec.builder_factory("milvus", params={"a": 1}))
    for bad in ({"a": object()}, {b"a": 1}):
        with pytest.raises(vrec.OptionError, match="milvus: params can't be written as JSON"):
            vrec.builder_factory("milvus", params=bad)


class Everything(vrec.serving.BaseIndexer):
    """An index of the user's own: every item, in order."""

    def query(self, embeddings, top_k):
        return np.arange(top_k)[None].repeat(len(embeddings), 0), np.zeros((len(embeddings), top_k))

    def save(self, file_path):
        raise NotImplementedError


class Own(vrec.serving.BaseBuilder):
    def from_embeddings(self, embeddings):
        return Everything()

    def from_index_file(self, index_file):
        return Everything()


class Configured(Own):
    def __init__(self, size, metric="L2"):
        super().__init__()
        self.size = size


@pytest.mark.parametrize("made", [Own, lambda: Configured(5)])
def test_builders_of_the_users_own(made, users):
    builder = made()
    assert type(builder).__name__ in repr(builder) and type(pickle.loads(pickle.dumps(builder))) is type(builder)
    assert vars(copy.copy(builder)) == vars(builder)
    with builder.from_embeddings(users) as indexer:
        assert indexer.query(users, 3)[0].tolist() == [[0, 1, 2]] * len(users)
        assert not indexer.closed and "Everything" in repr(indexer)
        with pytest.raises(NotImplementedError, match="no info of its own"):
            indexer.info()
        with pytest.raises(NotImplementedError, match="no upsert"):
            indexer.upsert([1], users[:1])
    indexer.close()
    with pytest.raises(TypeError):
        Own(5)


def test_a_subclass_of_a_builder_is_still_one(items, users):
    class Mine(vrec.serving.FaissBuilder):
        """With a default of its own."""

        def __init__(self, **config):
            super().__init__(**{"metric": "IP", **config})

    assert_same(Mine().from_embeddings(items).query(users, 5),
                vrec.builder_factory("faiss", metric="IP").from_embeddings(items).query(users, 5))


def test_a_subclass_without_methods_is_no_builder():
    class Empty(vrec.serving.BaseBuilder):
        pass

    with pytest.raises(TypeError, match="builder_factory"):
        Empty()
