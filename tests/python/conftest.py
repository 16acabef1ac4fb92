"""What the tests of the Python package share. They run against the package that is installed, never the sources.

SPDX-License-Identifier: Apache-2.0
"""

import faulthandler
import pathlib
import subprocess
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

import vrec  # noqa: E402

faulthandler.enable()


def pytest_configure(config):
    config.addinivalue_line("markers", "once: in one environment alone, without sanitizers: no other could tell more")


def pytest_report_header():
    place = pathlib.Path(vrec.__file__).parent
    assert HERE.parents[1] / "python" not in place.parents, "these are the sources: install the wheel"
    return f"vrec {vrec.__version__}, {vrec.cpu()}, {place}; numpy {np.__version__}"


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture
def items(rng):
    return rng.standard_normal((300, 8), dtype=np.float32)


@pytest.fixture
def users(rng):
    return rng.standard_normal((20, 8), dtype=np.float32)


@pytest.fixture
def indexer(items):
    with vrec.builder_factory("faiss").from_embeddings(items) as made:
        yield made


@pytest.fixture(scope="session")
def mypy(tmp_path_factory):
    """Runs mypy --strict, with the settings of nobody."""
    cache = tmp_path_factory.mktemp("mypy")

    def run(*arguments):
        done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", cache,
                               "--no-error-summary", *arguments], capture_output=True, text=True, cwd=cache)
        return done.stdout + done.stderr

    return run
