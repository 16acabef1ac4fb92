"""What lies between client and server, and can be cut: a forwarder of TCP connections, and a server that
speaks HTTP/2 but not gRPC.

SPDX-License-Identifier: Apache-2.0
"""

import socket
import threading

import h2.config
import h2.connection
import h2.events


class Listener:
    """Runs serve(connection) in a thread for every connection that comes in."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.accepted = 0
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            self.open.append(connection)
            threading.Thread(target=self.guarded, args=(connection,), daemon=True).start()

    def guarded(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def cut(self):
        """Ends every connection, as a crash of the peer does."""
        for connection in self.open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.open = []

    def stop(self):
        self.socket.close()
        self.cut()

    @property
    def options(self):
        return {"host": "127.0.0.1", "port": self.port}


class Wire(Listener):
    """Forwards to a port. held: nothing passes any more, and nobody is told. cut_after: bytes of a
    connection's way up after which it is cut, once."""

    def __init__(self, target):
        self.target = target
        self.held = threading.Event()
        self.cut_after = None
        super().__init__()

    def serve(self, connection):
        upstream = socket.create_connection(("127.0.0.1", self.target))
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open.append(upstream)
        threading.Thread(target=self.pump, args=(upstream, connection, False), daemon=True).start()
        self.pump(connection, upstream, True)

    def pump(self, source, sink, up):
        passed = 0
        try:
            while data := source.recv(65536):
                while self.held.is_set():
                    threading.Event().wait(0.02)
                sink.sendall(data)
                passed += len(data) if up else 0
                if up and self.cut_after is not None and passed > self.cut_after:
                    self.cut_after = None
                    self.cut()
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Http2(Listener):
    """Answers every request with answer(connection, stream): frames of its own making."""

    def __init__(self, answer):
        self.answer = answer
        self.requests = 0
        super().__init__()

    def serve(self, connection):
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.requests += 1
                    self.answer(state, event.stream_id)
            connection.sendall(state.data_to_send())


class Http1(Listener):
    def serve(self, connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
