"""A server of bytes on loopback, for answers that no HTTP library would make."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Handler = Callable[[socket.socket, threading.Event], None]


class RawServer:
    """Hands each connection to a handler, in a thread of its own, and counts them."""

    def __init__(self, handler: Handler) -> None:
        self.connections = 0
        self.stop = threading.Event()
        self._handler = handler
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Drop all connections, and wait for the threads."""
        self.stop.set()
        for each in (self._server, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self.stop.is_set():
                connection, _ = self._server.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._handle, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _handle(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self._handler(connection, self.stop)


@contextmanager
def serving(handler: Handler) -> Iterator[RawServer]:
    """Serve while the context lasts."""
    server = RawServer(handler)
    try:
        yield server
    finally:
        server.close()


def silent(_connection: socket.socket, stop: threading.Event) -> None:
    """Take what comes, and never answer."""
    stop.wait(60)


def dripping(at_once: bytes, then: bytes) -> Handler:
    """Return a handler that sends the first part of an answer at once, and the rest a byte at a time."""

    def handle(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(at_once)
        for byte in then:
            if stop.wait(0.02):
                return
            connection.sendall(bytes([byte]))

    return handle


def answering(answer: bytes) -> Handler:
    """Return a handler that sends the same answer to each request of a connection that stays open."""

    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        while connection.recv(65_536):
            connection.sendall(answer)

    return handle


def self_signed(directory: Path) -> ssl.SSLContext:
    """Return the context of a server on 127.0.0.1 whose certificate nobody trusts; it is ``cert.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (directory / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (directory / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "cert.pem", directory / "key.pem")
    return context


def over_tls(context: ssl.SSLContext, handler: Handler) -> Handler:
    """Return a handler that does the same over TLS."""

    def handle(connection: socket.socket, stop: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            handler(wrapped, stop)

    return handle
