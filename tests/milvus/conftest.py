"""What the tests of the milvus backend share.

The same tests run against every server that there is: milvus-lite; the embedded Milvus where MILVUS_SERVER
names its program, plain and with TLS and authorization; or, instead of these, the one at VREC_MILVUS_URI.

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))

import servers  # noqa: E402
import vreclib  # noqa: E402
import mock as mocks  # noqa: E402

KINDS = {"lite": servers.Lite, "real": servers.Real, "real-tls": servers.RealTls, "foreign": servers.Foreign}


def kinds():
    if "VREC_MILVUS_URI" in os.environ:
        return ["foreign"]
    return ["lite", "real", "real-tls"] if "MILVUS_SERVER" in os.environ else ["lite"]


def pytest_generate_tests(metafunc):
    """A test that takes server runs on all of them, or on those that its mark names."""
    if "server" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("servers")
        wanted = [kind for kind in kinds() if not mark or kind in mark.args]
        metafunc.parametrize("server", wanted, indirect=True, scope="session")


def pytest_configure(config):
    config.addinivalue_line("markers", "servers(*kinds): run on these only")


def pytest_report_header():
    return f"vrec {vreclib.version()}, {vreclib.cpu()}, {vreclib.LIBRARY}; servers: {', '.join(kinds())}"


@pytest.fixture(scope="session")
def server(request):
    running = KINDS[request.param]()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def mock():
    running = mocks.Mock()
    yield running
    running.stop()


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)


@pytest.fixture
def items(rng):
    return rng.standard_normal((200, 8), dtype=np.float32)


@pytest.fixture
def name(request):
    """A name for a collection that no other test has."""
    return "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:60] + f"_{os.getpid()}"
