"""No message repeats a secret, wherever on a command line it has come to stand.

SPDX-License-Identifier: Apache-2.0
"""

import pytest
from command import backends, vrec

SECRET = "hunter2hunter2"


@pytest.mark.skipif("milvus" not in backends(), reason="milvus isn't built in")
@pytest.mark.parametrize("line", [
    "info milvus --collection c --tokn=@", "info milvus --collection c --tokn @", "info --tokn=@ milvus",
    "info milvus --collection c --passwrod=@", "info milvus --collection c --passwrod @",
    "info milvus --collection c --token:@", "info milvus --collection c --token-@", "info milvus --collection c --token@",
    "info milvus --collection c --token=a --token=@", "info milvus --collection c --token --@",
    "info milvus --collection c --token a @", "info milvus --token a @ --collection c", "info --token a @ milvus",
    "info --token a ./@", "build milvus x.npy --token a @ --collection c", "drop milvus --collection c --token a @",
    "query milvus --token a @ u.npy --collection c", "upsert milvus --password a @ i.npy x.npy --collection c",
    "info milvus --collection c --uri http://root:@@host:1", "info milvus --collection c --uri https://@@host:1",
    "info milvus --collection c --uri http://host:1?token=@", "info milvus --collection c --uri http://host:1/@",
    "info milvus --collection c --uri root:@@host", "info milvus --collection c --host root:@@host",
    "info milvus --collection c,token=@", "info milvus --collection c --user u:@", "info milvus --yes=@",
    "info milvus --json=@", "info faiss --token @ x", "milvus --token=@", "--token=@ info", "help --token @"])
def test_a_secret_is_not_repeated(line):
    done = vrec(*line.replace("@", SECRET, 1).split())
    assert done.returncode in (1, 2) and done.stderr.count("\n") == 1
    assert SECRET not in done.stderr


def test_addresses_are_shown_without_secrets():
    done = vrec("info", "milvus", "--collection", "c", "--uri", f"http://root:{SECRET}@host:1/{SECRET}?t={SECRET}")
    assert 'uri is "http://***@host:1/..."' in done.stderr
    assert "user and password are options of their own" in done.stderr
