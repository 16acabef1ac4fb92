"""Real Milvus servers, started and stopped by the tests: milvus-lite, and the embedded Milvus 2.3.5 plain or
with TLS and authorization.

SPDX-License-Identifier: Apache-2.0
"""

import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import certificates


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Server:
    """One server process, with a data folder of its own. options: what vrec needs to reach it."""

    START_SECONDS = 30
    kind = ""

    def __init__(self):
        self.process = None

    def start(self):
        """Once more if it doesn't come up."""
        try:
            self.start_once()
        except AssertionError:
            self.stop()
            time.sleep(5)
            self.start_once()

    def start_once(self):
        self.folder = tempfile.mkdtemp(prefix="vrec-milvus-")
        self.log = pathlib.Path(self.folder, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                # it is stopped by this signal, which a parent in the background has it ignore
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            wait_for(self.is_ready, self.START_SECONDS, f"the {self.kind} server")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says:\n{self.log.read_text()[-2000:]}") from None

    def is_ready(self):
        assert self.process.poll() is None, f"the {self.kind} server has ended"
        return listens(self.port)

    def kill(self):
        """As a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(8)
            except subprocess.TimeoutExpired:
                pass
            if self.process.poll() is None:
                self.kill()
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # what it left running
            except ProcessLookupError:
                pass
            shutil.rmtree(self.folder, ignore_errors=True)


class Lite(Server):
    kind = "lite"

    def command(self):
        self.port = free_port()
        self.options = {"host": "127.0.0.1", "port": self.port}
        self.uri = f"http://127.0.0.1:{self.port}"
        self.token = ""
        return [pathlib.Path(sys.executable).with_name("milvus-lite"), "server", "--data-dir", f"{self.folder}/data",
                "--host", "127.0.0.1", "--port", str(self.port)]


class Real(Server):
    """The Go server. It takes a dozen ports, some of them fixed: one on a machine at a time. It won't take a
    port that its predecessor had a minute ago, so every start has one of its own."""

    kind = "real"
    START_SECONDS = 50
    ports = itertools.cycle(range(19531, 19631, 10))

    def command(self):
        self.port = next(Real.ports)
        self.options = {"host": "127.0.0.1", "port": self.port}
        self.uri = f"http://127.0.0.1:{self.port}"
        self.token = ""
        return [os.environ["MILVUS_SERVER"], "--data", f"{self.folder}/data", "--proxy-port", str(self.port)]

    def is_ready(self):
        return super().is_ready() and "Ctrl+C to exit" in self.log.read_text()


class RealTls(Real):
    kind = "real-tls"

    def command(self):
        self.ca, cert, key = certificates.make(self.folder)
        command = super().command() + ["--tls-mode", "1", "--server-pem-path", cert, "--server-key-path", key,
                                       "--ca-pem-path", self.ca, "--authorization-enabled", "true"]
        self.uri, self.token = f"https://localhost:{self.port}", "root:Milvus"
        self.options = {"uri": self.uri, "ca_file": self.ca, "token": self.token}
        return command


class Foreign:
    """Whatever VREC_MILVUS_URI and VREC_MILVUS_TOKEN name."""

    kind = "foreign"

    def __init__(self):
        self.uri = os.environ["VREC_MILVUS_URI"]
        self.token = os.environ.get("VREC_MILVUS_TOKEN", "")
        self.options = {"uri": self.uri} | ({"token": "env:VREC_MILVUS_TOKEN"} if self.token else {})

    def start(self):
        pass

    def stop(self):
        pass
