"""The HTTP server, which no client can hold up."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection

import pytest
import requests
from tests.daemon.exporter.overviews import get, serving

from dccd.daemon.exporter import Exporter
from dccd.daemon.exporter.addresses import split_address
from dccd.daemon.exporter.server import Reply
from dccd.daemon.status.view import Overview
from dccd.testing import ManualClock


def ask(server: Exporter, request: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass
    return answer


def status_of(answer: bytes) -> int:
    """Return the status of an answer."""
    return int(answer.split(b" ", 2)[1])


def test_every_answer_has_the_headers_that_protect_it() -> None:
    """The page lets its own style and script run, by their hashes; everything else lets nothing run."""
    with serving() as server:
        page, metrics, missing = get(server, "/"), get(server, "/metrics"), get(server, "/nothing")
    for answer in (page, metrics, missing):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "dccd"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "script-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "script-src" not in metrics.headers["Content-Security-Policy"]


def test_head_answers_without_a_body() -> None:
    """With the length that GET would have."""
    with serving() as server:
        answer = ask(server, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status_of(answer) == 200
    assert b"Content-Length: 3" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_only_get_and_head_are_answered(method: str) -> None:
    """It is read-only."""
    with serving() as server:
        answer = ask(server, f"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi".encode())
    assert status_of(answer) == 405
    assert b"Allow: GET, HEAD" in answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9464", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9464", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example@localhost", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_on_loopback_only_names_of_loopback_are_answered(host: str, status: int) -> None:
    """A foreign page whose name was made to point here gets nothing."""
    with serving() as server:
        assert status_of(ask(server, f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())) == status


def test_elsewhere_any_name_is_answered() -> None:
    """Nobody knows which names the machine has; a load balancer may give none."""
    with serving(listen="0.0.0.0:0") as server:
        port = split_address(server.address.removeprefix("http://").rstrip("/"))[1]
        answer = requests.get(f"http://127.0.0.1:{port}/healthz", headers={"Host": "dccd.internal"}, timeout=10)
        balancer = HTTPConnection("127.0.0.1", port, timeout=10)
        balancer.putrequest("GET", "/healthz", skip_host=True)
        balancer.endheaders()
        assert balancer.getresponse().read() == b"ok\n"
        balancer.close()
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 90 + b"Host: localhost\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 110 + b"Host: localhost\r\n\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET http://[aaaa HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
    ids=["large", "many", "too many", "long line", "TLS", "version", "no address"],
)
def test_a_request_has_limits(request_: bytes, status: int) -> None:
    """Beyond them the answer is short, and does not repeat what was sent."""
    with serving() as server:
        answer = ask(server, request_)
    assert answer.startswith(b"HTTP/1.0 ")
    assert status_of(answer) == status
    assert b"aaaa" not in answer
    assert b"yyyy" not in answer


def test_a_slow_client_is_dropped_and_holds_nobody_up() -> None:
    """It sends a byte now and then, so that no single wait is long; others are answered meanwhile."""
    clock = ManualClock()
    server = Exporter("127.0.0.1:0", lambda _: Reply("ok\n"), clock=clock)
    try:
        host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
        with socket.create_connection((host, port), timeout=20) as slow:
            slow.sendall(b"GET / HT")
            assert get(server, "/").text == "ok\n"
            clock.advance(11)
            with suppress(ConnectionResetError):
                assert slow.recv(1) == b""
    finally:
        server.close()


@contextmanager
def idle_clients(server: Exporter, addresses: Sequence[str], first: bytes) -> Iterator[list[socket.socket]]:
    """Open a connection from each address, send a few bytes of a request, and no more."""
    target = split_address(server.address.removeprefix("http://").rstrip("/"))
    with ExitStack() as held:
        opened = [
            held.enter_context(socket.create_connection(target, timeout=20, source_address=(address, 0)))
            for address in addresses
        ]
        for client in opened:
            with suppress(OSError):  # a later one has taken its place
                client.sendall(first)
        yield opened


@pytest.mark.parametrize("count", [16, 64])
@pytest.mark.parametrize("first", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
@pytest.mark.parametrize("hosts", [1, 5, 64])
def test_clients_that_send_no_whole_request_hold_up_no_probe(count: int, first: bytes, hosts: int) -> None:
    """Silent or dripping, from one address or many: the oldest of them gives way at once."""
    addresses = [f"127.0.0.{1 + number % hosts}" for number in range(count)]
    with serving() as server, idle_clients(server, addresses, first) as clients:
        for byte in (b"X", b"-"):
            answer = requests.get(f"{server.address}healthz", timeout=1)
            assert answer.text == "ok\n"
            for client in clients:
                with suppress(OSError):
                    client.sendall(byte)


def test_clients_that_do_not_take_their_answer_hold_up_no_probe() -> None:
    """An answer that is longer than what the system keeps waits for its client, and gives way too."""

    def answer(path: str) -> Reply:
        return Reply("ok\n" if path == "/healthz" else "x" * 20_000_000)

    server = Exporter("127.0.0.1:0", answer)
    begun = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    try:
        with idle_clients(server, ["127.0.0.1"] * 8, begun) as clients:
            for client in clients:
                assert client.recv(9) == b"HTTP/1.0 "
            assert requests.get(f"{server.address}healthz", timeout=1).text == "ok\n"
    finally:
        server.close()


def test_an_address_that_holds_many_connections_loses_one_of_its_own() -> None:
    """One of another address is left alone, although it is older."""
    addresses = ["127.0.0.2", *["127.0.0.3"] * 8, *["127.0.0.4"] * 8]
    with serving() as server, idle_clients(server, addresses, b"GET / HT") as clients:
        with suppress(ConnectionResetError):
            assert clients[1].recv(1) == b""
        clients[0].sendall(b"TP/1.1\r\nHost: localhost\r\n\r\n")
        assert clients[0].recv(12) == b"HTTP/1.0 200"


def test_requests_that_are_being_answered_are_left_alone() -> None:
    """Beyond eight of one address a further one is dropped, until there is room again."""
    begun, held = threading.Semaphore(0), threading.Event()

    def slow(path: str) -> Reply:
        if path == "/slow":
            begun.release()
            held.wait(30)
        return Reply("ok\n")

    server = Exporter("127.0.0.1:0", slow)
    try:
        with idle_clients(server, ["127.0.0.1"] * 8, b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n") as clients:
            for _ in clients:
                assert begun.acquire(timeout=20)
            with pytest.raises(requests.ConnectionError):
                get(server, "/")
            with idle_clients(server, ["127.0.0.9"], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") as (other,):
                assert other.recv(12) == b"HTTP/1.0 200"
            held.set()
            for client in clients:
                assert client.makefile("rb").read().endswith(b"ok\n")
        assert get(server, "/").text == "ok\n"
    finally:
        held.set()
        server.close()


def test_closing_waits_for_no_client() -> None:
    """Not for one that never asks, nor for an answer that is being made."""
    begun, held = threading.Event(), threading.Event()

    def slow(_: str) -> Reply:
        begun.set()
        held.wait(30)
        return Reply("late")

    server = Exporter("127.0.0.1:0", slow)
    host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
    with socket.create_connection((host, port)) as idle, socket.create_connection((host, port)) as busy:
        busy.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(20)
        closed = threading.Thread(target=server.close)
        closed.start()
        closed.join(10)
        assert not closed.is_alive()
        held.set()
        idle.settimeout(10)
        assert idle.recv(1) == b""


def test_a_fault_of_our_own_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The answer gives nothing away."""

    def broken() -> Overview:
        raise ZeroDivisionError

    with serving(broken) as server:
        answer = get(server, "/")
    assert (answer.status_code, answer.text) == (500, "an error; see the log\n")
    assert "could not be answered" in caplog.text
