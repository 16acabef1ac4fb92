"""Run beside check_root.py in a root with libcurl: whom the Milvus client trusts there.

    check_tls.py FOLDER BUNDLE    FOLDER: what tests/milvus/certificates.py has made; BUNDLE: the system's certificates

The authority's certificate is added to BUNDLE in the end, and stays there. SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import ssl
import socket
import sys
import threading

import vrec
from vrec.serving import builder_factory

folder, bundle = map(pathlib.Path, sys.argv[1:])
authority = folder / "localhost-ca.pem"


def trusted(path):
    """Whether a client that is told SSL_CERT_FILE=path finishes a handshake; what it says in the end. The server hangs up
    then, so it always ends in an error."""
    os.environ.pop("SSL_CERT_FILE", None)
    if path:
        os.environ["SSL_CERT_FILE"] = str(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "localhost-server.pem", folder / "localhost-server.key")
    context.set_alpn_protocols(["h2"])
    accepted = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True):
                    accepted.append(True)
            except OSError:
                accepted.append(False)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        builder = builder_factory("milvus", uri=f"https://localhost:{server.getsockname()[1]}", connect_timeout=2)
        try:
            builder.from_embeddings([[0.0, 1.0]])
            sys.exit("what hung up is no Milvus server")
        except vrec.Error as error:
            said = str(error)
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert accepted and len(set(accepted)) == 1, accepted
    print(f"SSL_CERT_FILE={path}: {said}")
    assert accepted[0] or "certificate" in said
    return accepted[0]


assert not trusted(None)
assert trusted(authority)
assert not trusted(bundle)
with open(bundle, "ab") as file:
    file.write(authority.read_bytes())
assert trusted(None)
print("root: TLS by SSL_CERT_FILE and by the system's certificates, refused without")
