"""Requests whose answers break on the way."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dccd.errors import SourceUnavailableError
from dccd.exchanges.client import CcxtClient
from dccd.exchanges.retries import Retries
from dccd.testing import ManualClock

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"serverTime": 1}'
ENDLESS_HEADER = b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 2000
ENDLESS_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b" " * 2000
GARBLED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nabcdef"


class RawServer:
    """Sends bytes for each request, all at once or one after the other, and counts connections."""

    def __init__(
        self,
        answer: bytes,
        *,
        drip: float = 0.0,
        context: ssl.SSLContext | None = None,
        begun: threading.Event | None = None,
    ) -> None:
        self.connections = 0
        self.begun = begun or threading.Event()
        self._answer = answer
        self._drip = drip
        self._context = context
        self._stop = threading.Event()
        self._connection: socket.socket | None = None
        self._server = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.getsockname()[1]}"

    def close(self) -> None:
        """Stop to serve."""
        self._stop.set()
        for open_ in (self._server, self._connection):
            with suppress(OSError):
                if open_ is not None:
                    open_.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with suppress(OSError):
            while not self._stop.is_set():
                connection, _ = self._server.accept()
                self.connections += 1
                with suppress(OSError), connection:
                    self._answer_all(self._context.wrap_socket(connection, True) if self._context else connection)

    def _answer_all(self, connection: socket.socket) -> None:
        self._connection = connection
        with connection:
            while connection.recv(65_536):
                if not self._drip:
                    connection.sendall(self._answer)
                    continue
                for byte in self._answer:
                    connection.sendall(bytes([byte]))
                    self.begun.set()
                    if self._stop.wait(self._drip):
                        return


Serve = Callable[..., RawServer]
Open = Callable[..., CcxtClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers."""
    started: list[RawServer] = []

    def start(answer: bytes, **options: object) -> RawServer:
        started.append(RawServer(answer, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def client_of() -> Iterator[Open]:
    """Open clients that try once."""
    opened: list[CcxtClient] = []

    def open_(url: str, *, stop: threading.Event | None = None, timeout: float = 10.0) -> CcxtClient:
        clock = ManualClock()
        retries = Retries(clock, stop or threading.Event(), attempts=1)
        opened.append(CcxtClient("binance", retries=retries, base_url=url, clock=clock, timeout=timeout))
        return opened[-1]

    yield open_
    for client in opened:
        client.close()


def _ask(client: CcxtClient) -> object:
    return client.call("what", lambda exchange: exchange.public_get_time())


@pytest.mark.parametrize("answer", [ENDLESS_HEADER, ENDLESS_BODY])
def test_an_answer_that_drips_is_left_after_three_timeouts(serve: Serve, client_of: Open, answer: bytes) -> None:
    """Its headers or its body: no silence is as long as a timeout, and 2,000 bytes would take 40 s."""
    client = client_of(f"http://{serve(answer, drip=0.02).address}", timeout=0.1)
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError, match=r"RequestTimeout: the answer was not complete after 0\.3 s \(GET"):
        _ask(client)
    assert time.monotonic() - began < 5


def test_a_stop_cuts_an_answer_short(serve: Serve, client_of: Open) -> None:
    """Its next byte is the last."""
    stop = threading.Event()
    client = client_of(f"http://{serve(ANSWER, drip=0.02, begun=stop).address}", stop=stop)
    with pytest.raises(SourceUnavailableError, match="stopped before the answer was complete"):
        _ask(client)


def test_a_connection_is_kept_for_the_next_request(serve: Serve, client_of: Open) -> None:
    """Each has its time anew."""
    server = serve(ANSWER)
    client = client_of(f"http://{server.address}")
    assert [_ask(client) for _ in range(5)] == [{"serverTime": 1}] * 5
    assert server.connections == 1


@pytest.mark.parametrize(("scheme", "answer"), [("http", GARBLED), ("https", ANSWER)])
def test_what_breaks_on_the_way_is_no_refusal(serve: Serve, client_of: Open, scheme: str, answer: bytes) -> None:
    """A body that cannot be unpacked, and a server that speaks no TLS at the moment: both may pass."""
    with pytest.raises(SourceUnavailableError, match=rf"what: gave up after 1 try .*\(GET {scheme}://"):
        _ask(client_of(f"{scheme}://{serve(answer).address}"))


def test_a_server_that_is_not_there_is_told_in_plain_words(client_of: Open) -> None:
    """Nobody has to guess from an address what went wrong."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(SourceUnavailableError, match=r"NetworkError: .*refused.* \(GET http://127"):
        _ask(client_of(f"http://{address}"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a file with a key and a certificate for 127.0.0.1 that nobody else has signed."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    signed = builder.add_extension(host, critical=True).sign(key, hashes.SHA256())
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none) + signed.public_bytes(encoding)
    )
    return path


def test_tls_is_bounded_too_and_a_certificate_is_checked(serve: Serve, client_of: Open, certificate: Path) -> None:
    """The error says what is wrong with one that is not trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    client = client_of(f"https://{serve(ANSWER, context=context).address}")
    with pytest.raises(SourceUnavailableError, match="certificate verify failed: self-signed certificate"):
        _ask(client)
    client.exchange.validateServerSsl = str(certificate)
    assert _ask(client) == {"serverTime": 1}
    slow = client_of(f"https://{serve(ENDLESS_BODY, drip=0.02, context=context).address}", timeout=0.5)
    slow.exchange.validateServerSsl = str(certificate)
    with pytest.raises(SourceUnavailableError, match="the answer was not complete"):
        _ask(slow)
