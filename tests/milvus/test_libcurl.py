"""libcurl is opened at run time: where it is missing or can't serve, one sentence says so, and all else works.

SPDX-License-Identifier: Apache-2.0
"""

import os
import re
import subprocess
import pathlib

import pytest
from helpers import vrec

SOURCE = pathlib.Path(__file__).parents[2] / "src/milvus/curl.c"
NAMES = ("libcurl.so.4", "libcurl-gnutls.so.4")


def imported():
    return re.findall(r'\{ "(curl_\w+)", offsetof', SOURCE.read_text())


def fake(path, functions, version, features):
    """A library that has these functions and says that it is of this version."""
    text = "struct info { int age; const char *version; unsigned number; const char *host; int features; };\n"
    text += f'static struct info info = {{ 1, "fake", {version}, "", {features} }};\n'
    text += "".join(f"void *{name}(void) {{ return 0; }}\n" for name in functions if name != "curl_version_info")
    text += "struct info *curl_version_info(int age) { (void)age; return &info; }\n"
    path.with_suffix(".c").write_text(text)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(path), str(path.with_suffix(".c"))], check=True)


HTTP2 = 1 << 16


@pytest.mark.parametrize("make, words", [
    (lambda path: path.write_text("no library"), "libcurl.so.4"),
    (lambda path: fake(path, imported(), 0x074100, HTTP2), "libcurl-gnutls.so.4 is fake, older than 7.66"),
    (lambda path: fake(path, imported(), 0x075801, 0), "built without HTTP/2"),
    (lambda path: fake(path, [n for n in imported() if n != "curl_multi_poll"], 0x075801, HTTP2),
     "it has no curl_multi_poll")])
def test_without_libcurl(tmp_path, make, words):
    for name in NAMES:
        make(tmp_path / name)
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    done = vrec("info", "milvus", "--collection", "films", env=environment)
    assert done.returncode == 1 and done.stdout == ""
    assert words in done.stderr and "apt install libcurl4" in done.stderr and done.stderr.count("\n") == 1
    assert vrec("version", env=environment).returncode == 0
    assert vrec("help", "milvus", env=environment).returncode == 0


def test_the_other_libcurl_serves(tmp_path, mock):
    """The first can't; the next one that can is taken."""
    (tmp_path / NAMES[0]).write_text("no library")
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    done = vrec("info", "milvus", "--collection", "films", "--port", mock.port, env=environment)
    assert "there is no collection" in done.stderr


def test_nothing_links_it():
    for path in (os.environ["VREC_BIN"], os.environ["VREC_LIB"]):
        needed = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
        assert "libcurl" not in needed and "libprotobuf" not in needed
