"""A certificate authority and a server's certificate for localhost, made by openssl.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make(folder, host="localhost"):
    """Paths of the authority's certificate, the server's, and the server's key."""
    path = pathlib.Path(folder)
    ca, ca_key, key, request, cert = (str(path / f"{host}-{name}") for name in
                                      ("ca.pem", "ca.key", "server.key", "server.csr", "server.pem"))
    extensions = path / f"{host}-extensions"
    names = f"DNS:{host}" + (",IP:127.0.0.1" if host == "localhost" else "")
    extensions.write_text(f"subjectAltName={names}\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=vrec test authority",
            "-keyout", ca_key, "-out", ca)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}", "-keyout", key, "-out", request)
    openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
            "-extfile", str(extensions), "-out", cert)
    return ca, cert, key
