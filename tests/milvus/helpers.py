"""What the tests call. SPDX-License-Identifier: Apache-2.0"""

import os
import subprocess

import vreclib

QUICK = {"timeout": 2, "connect_timeout": 1, "insert_timeout": 2, "build_timeout": 3}


def build(mock, items, progress=None, **options):
    return vreclib.Builder("milvus", **mock.options, **options).from_embeddings(items, progress)


def fails(kind, *words):
    """The call raises that status, with these words in its sentence."""
    class Check:
        def __enter__(self):
            return self

        def __exit__(self, _, error, trace):
            assert isinstance(error, vreclib.VrecError), "it succeeded"
            self.text = str(error)
            assert error.status == kind, self.text
            for word in words:
                assert word in self.text
            assert "\n" not in self.text
            return True

    return Check()


def vrec(*arguments, **options):
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run([os.environ["VREC_BIN"], *map(str, arguments)], **options)


def flags(options):
    """Options as the command's flags."""
    return [word for key, value in options.items() for word in (f"--{key}", value)]
