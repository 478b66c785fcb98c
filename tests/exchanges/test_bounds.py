"""Requests to an exchange that break on the way, or lead elsewhere."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.http.raw_server import answering, dripping, over_tls, self_signed, serving, silent

from dccd.errors import SourceRefusedError, SourceUnavailableError
from dccd.exchanges.client import MAX_ANSWER_BYTES, CcxtClient, Retries
from dccd.testing import ManualClock

HEAD = b"HTTP/1.1 200 OK\r\n"
ANSWER = HEAD + b'Content-Length: 17\r\n\r\n{"serverTime": 1}'
GARBLED = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 6\r\n\r\nabcdef"
Open = Callable[..., CcxtClient]


@pytest.fixture
def client_of() -> Iterator[Open]:
    """Open clients that make one attempt."""
    opened: list[CcxtClient] = []

    def open_(url: str, *, attempts: int = 1, stop: threading.Event | None = None, timeout: float = 10.0) -> CcxtClient:
        clock, retries = ManualClock(), Retries(attempts)
        opened.append(CcxtClient("binance", retries=retries, base_url=url, clock=clock, timeout=timeout, stop=stop))
        return opened[-1]

    yield open_
    for client in opened:
        client.close()


def ask(client: CcxtClient) -> object:
    """Ask for the time of the exchange."""
    return client.call("what", lambda exchange: exchange.public_get_time())


@pytest.mark.parametrize(
    "handler", [dripping(HEAD, b"X: " + b"x" * 2000), dripping(HEAD + b"Content-Length: 2000\r\n\r\n", b" " * 2000)]
)
def test_an_answer_that_drips_is_left_after_three_timeouts(
    client_of: Open, handler: Callable[[socket.socket, threading.Event], None]
) -> None:
    """Its headers or its body: no silence is as long as a timeout, and 2,000 bytes would take 40 s."""
    with serving(handler) as server:
        client = client_of(f"http://127.0.0.1:{server.port}", timeout=0.1)
        began = time.monotonic()
        with pytest.raises(SourceUnavailableError, match="RequestTimeout"):
            ask(client)
        assert 0.25 < time.monotonic() - began < 2


def test_a_server_that_is_silent_is_left_after_one_timeout(client_of: Open) -> None:
    """Nothing is under way that could still come."""
    with serving(silent) as server:
        client = client_of(f"http://127.0.0.1:{server.port}", timeout=0.2)
        began = time.monotonic()
        with pytest.raises(SourceUnavailableError):
            ask(client)
        assert 0.15 < time.monotonic() - began < 0.55


def test_a_stop_cuts_an_answer_short(client_of: Open) -> None:
    """Nobody waits for its end, nor for a retry."""
    stop, begun = threading.Event(), threading.Event()

    def handle(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65_536)
        begun.set()
        ended.wait(60)

    with serving(handle) as server:
        client = client_of(f"http://127.0.0.1:{server.port}", stop=stop, attempts=5)
        threading.Thread(target=stop_after, args=(begun, stop)).start()
        began = time.monotonic()
        with pytest.raises(SourceUnavailableError, match="stopped"):
            ask(client)
        assert time.monotonic() - began < 5


def test_a_connection_is_kept_for_the_next_request(client_of: Open) -> None:
    """A new one for each page would double its time."""
    with serving(answering(ANSWER)) as server:
        client = client_of(f"http://127.0.0.1:{server.port}")
        for _ in range(3):
            assert ask(client) == {"serverTime": 1}
        assert server.connections == 1


@pytest.mark.parametrize(("scheme", "answer"), [("http", GARBLED), ("https", ANSWER)])
def test_what_breaks_on_the_way_is_no_refusal(client_of: Open, scheme: str, answer: bytes) -> None:
    """A damaged encoding, and no TLS where there should be some."""
    with (
        serving(answering(answer)) as server,
        pytest.raises(SourceUnavailableError, match="what: gave up after 1 try in 0s"),
    ):
        ask(client_of(f"{scheme}://127.0.0.1:{server.port}"))


def test_a_server_that_is_not_there_is_told_in_plain_words(client_of: Open) -> None:
    """Nobody has to guess from an address what went wrong."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(SourceUnavailableError, match=r"NetworkError: .*refused.* \(GET http://127"):
        ask(client_of(f"http://{address}"))


def test_a_certificate_is_checked(client_of: Open, tmp_path: Path) -> None:
    """The error says what is wrong with one that is not trusted."""
    with serving(over_tls(self_signed(tmp_path), answering(ANSWER))) as server:
        client = client_of(f"https://127.0.0.1:{server.port}")
        with pytest.raises(SourceUnavailableError, match="certificate verify failed: self-signed certificate"):
            ask(client)
        client.exchange.validateServerSsl = str(tmp_path / "cert.pem")
        assert ask(client) == {"serverTime": 1}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_text_not_quoted(client_of: Open, status: int) -> None:
    """What stands there is nobody's answer."""
    page = b"<html>Sign in to the hotel</html>"
    with serving(answering(ANSWER)) as other:
        to = f"Location: http://127.0.0.1:{other.port}/\r\nContent-Length: {len(page)}\r\n\r\n".encode()
        with (
            serving(answering(f"HTTP/1.1 {status} Moved\r\n".encode() + to + page)) as server,
            pytest.raises(SourceUnavailableError, match=f"HTTP {status}: a redirect") as caught,
        ):
            ask(client_of(f"http://127.0.0.1:{server.port}"))
        assert other.connections == 0
    assert "hotel" not in str(caught.value)


def test_an_answer_without_end_is_no_refusal(client_of: Open) -> None:
    """It is given up at 16 MB, and asked for again later."""
    body = b" " * (MAX_ANSWER_BYTES + 1)
    with (
        serving(answering(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)) as server,
        pytest.raises(SourceUnavailableError, match="longer than 16,777,216 bytes"),
    ):
        ask(client_of(f"http://127.0.0.1:{server.port}"))


def test_what_failed_is_retried_within_the_budget(client_of: Open) -> None:
    """The error says how many attempts there were, and how long they took."""
    failing = b"HTTP/1.1 503 Busy\r\nRetry-After: 20\r\nContent-Length: 2\r\n\r\n{}"
    with (
        serving(answering(failing)) as server,
        pytest.raises(SourceUnavailableError, match=r"gave up after 3 tries in .*; it asks to wait 20s"),
    ):
        ask(client_of(f"http://127.0.0.1:{server.port}", attempts=9))


def test_a_refusal_is_not_retried(client_of: Open) -> None:
    """It would be the same tomorrow."""
    refused = b'HTTP/1.1 400 Bad\r\nContent-Length: 45\r\n\r\n{"code": -1121, "msg": "Invalid symbol name"}'
    with serving(answering(refused)) as server:
        with pytest.raises(SourceRefusedError):
            ask(client_of(f"http://127.0.0.1:{server.port}", attempts=9))
        assert server.connections == 1


def stop_after(begun: threading.Event, stop: threading.Event) -> None:
    """Set one event after the other."""
    begun.wait(10)
    stop.set()
