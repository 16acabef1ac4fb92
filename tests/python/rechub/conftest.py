"""Torch, and Milvus servers: milvus-lite, and the embedded Milvus where MILVUS_SERVER names its program.

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import sys

import pytest
import torch

sys.path.append(str(pathlib.Path(__file__).parents[2] / "milvus"))

import servers  # noqa: E402

KINDS = {"lite": servers.Lite, "real": servers.Real}


class Standard(servers.Lite):
    """Where an example expects it that names no server."""

    def command(self):
        command = super().command()
        assert not servers.listens(19530), "something else listens on Milvus's port"
        self.port, command[-1] = 19530, "19530"
        return command


def pytest_report_header():
    return f"torch {torch.__version__}; servers: {', '.join(kinds())}"


def kinds():
    return list(KINDS) if "MILVUS_SERVER" in os.environ else ["lite"]


def running(server):
    try:
        server.start()
        yield server
    finally:
        server.stop()


def pytest_configure(config):
    config.addinivalue_line("markers", "servers(*kinds): run on these only")


def pytest_generate_tests(metafunc):
    """A test that takes server runs on all of them, or on those that its mark names."""
    if "server" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("servers")
        wanted = [kind for kind in kinds() if not mark or kind in mark.args]
        metafunc.parametrize("server", wanted, indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request):
    yield from running(KINDS[request.param]())


@pytest.fixture(scope="session")
def standard_server():
    yield from running(Standard())


@pytest.fixture
def torch_items(items):
    return torch.from_numpy(items)


@pytest.fixture
def torch_users(users):
    return torch.from_numpy(users)
