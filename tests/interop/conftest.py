"""What the interop tests share. SPDX-License-Identifier: Apache-2.0"""

import numpy as np
import pytest
import vreclib


def pytest_report_header():
    return f"vrec {vreclib.version()}, {vreclib.cpu()}, {vreclib.LIBRARY}"


@pytest.fixture
def rng():
    return np.random.default_rng(20240229)
