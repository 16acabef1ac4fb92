"""What is installed, and what importing it does.

SPDX-License-Identifier: Apache-2.0
"""

import importlib.metadata
import pathlib
import subprocess

import vrec
from tools import run

FOLDER = pathlib.Path(vrec.__file__).parent


def test_metadata():
    about = importlib.metadata.metadata("vrec")
    assert about["Version"] == vrec.__version__
    assert "Apache-2.0" in (about["License-Expression"] or "") + (about["License"] or "")
    needed = [each.split(";")[0].split()[0].lower() for each in importlib.metadata.requires("vrec") or []
              if "extra ==" not in each]
    assert [each.strip("<>=0123456789.,") for each in needed] == ["numpy"]
    assert about["Requires-Python"] == ">=3.11"


def test_files():
    """The package and its licence; no header, command or library beside it."""
    names = {str(each) for each in importlib.metadata.files("vrec")}
    assert {"vrec/__init__.py", "vrec/py.typed", "vrec/_core.abi3.so", "vrec/_core.pyi",
            "vrec/serving/__init__.py"} <= names
    assert any("LICENSE" in name for name in names)
    assert not [name for name in names if name.startswith("..") or name.endswith((".h", ".a", ".c", ".pc"))
                or "libvrec" in name]


def test_extension_shows_one_symbol():
    said = subprocess.run(["nm", "-D", "--defined-only", FOLDER / "_core.abi3.so"], capture_output=True, text=True,
                          check=True).stdout
    assert [line.split()[-1] for line in said.splitlines()] == ["PyInit__core"]


def test_import_is_light():
    """No torch, no annoy, no faiss, no pymilvus, whatever is called."""
    loaded = run("""
import sys, vrec, vrec.serving
import numpy as np
index = vrec.builder_factory("annoy", d=2, n_trees=1).from_embeddings(np.eye(2, dtype=np.float32))
index.query([[1.0, 2.0]], 1)
index.query(np.eye(2), 1, exclude=[[0], [1]])
print(*sys.modules)
""").split()
    assert not {"torch", "annoy", "faiss", "pymilvus", "torch_rechub", "pandas", "scipy"} & set(loaded)


def test_import_starts_nothing():
    """No thread beside those of numpy."""
    count = "print(len(os.listdir('/proc/self/task')))"
    assert run(f"import os, numpy, vrec; {count}") == run(f"import os, numpy; {count}")


def test_public_names():
    assert set(vrec.serving.__all__) >= {"builder_factory", "BaseBuilder", "BaseIndexer"}
    for module in (vrec, vrec.serving):
        assert all(hasattr(module, name) for name in module.__all__)
    for name in ("builder_factory", "Indexer", "Error", "options", "backends", "cpu", "set_default_threads",
                 "read_fvecs", "write_fvecs"):
        assert name in vrec.__all__, name
    from vrec.serving.annoy import AnnoyBuilder, AnnoyIndexer
    from vrec.serving.base import BaseBuilder, BaseIndexer
    from vrec.serving.faiss import FaissBuilder, FaissIndexer
    from vrec.serving.milvus import MilvusBuilder, MilvusIndexer
    for builder, indexer in ((AnnoyBuilder, AnnoyIndexer), (FaissBuilder, FaissIndexer),
                             (MilvusBuilder, MilvusIndexer)):
        assert issubclass(builder, BaseBuilder) and issubclass(indexer, BaseIndexer)
    assert vrec.serving.AnnoyBuilder is AnnoyBuilder


def test_interpreter_ends_well():
    """With everything still open, threads running, and a bar in the middle."""
    assert run("""
import threading, vrec, numpy as np
items = np.random.default_rng(1).standard_normal((100_000, 64), dtype=np.float32)
index = vrec.builder_factory("faiss").from_embeddings(items)
forest = vrec.builder_factory("annoy", n_trees=1).from_embeddings(items)
threading.Thread(target=lambda: index.query(items[:20_000], 5), daemon=True).start()
cycle = [index]; cycle.append(cycle)
print("end")
""") == "end\n"


def test_imported_by_threads_at_once():
    run("""
import threading
def work():
    import vrec
    vrec.builder_factory("faiss").from_embeddings([[1.0, 2.0]]).query([1.0, 2.0], 1)
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
""")
