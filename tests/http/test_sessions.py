"""Attempts that end in time and keep to what was asked, whatever the server or the proxy does."""

import gzip
import socket
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.http.raw_server import Handler, answering, dripping, over_tls, self_signed, serving, silent

from dccd.clock import SYSTEM_CLOCK
from dccd.http.deadline import Deadline
from dccd.http.sessions import BoundedSession, TooLongError
from dccd.testing import ManualClock

BOUND = 0.3
LATE = 1.0  # what a busy machine may add to the bound
HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"
MEGABYTE = 1 << 20


@pytest.fixture
def session() -> Iterator[BoundedSession]:
    """Return a session whose attempts may take 0.3 s."""
    with BoundedSession(BOUND, MEGABYTE) as made:
        yield made


@contextmanager
def bounded() -> Iterator[None]:
    """Expect a timeout at the bound: not before it, and not long after it."""
    began = time.monotonic()
    with pytest.raises(requests.Timeout):
        yield
    assert BOUND - 0.05 < time.monotonic() - began < BOUND + LATE


@pytest.mark.parametrize(
    "handler",
    [
        silent,
        dripping(b"", HEAD + b"X: " + b"x" * 2000),
        dripping(HEAD, b"X: " + b"x" * 2000),
        dripping(HEAD + b"Content-Length: 2000\r\n\r\n", b"x" * 2000),
        dripping(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 400),
        dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 80),
    ],
    ids=["silent", "status line", "headers", "body", "chunks", "100 Continue"],
)
def test_a_server_that_is_slow_is_left_at_the_bound(session: BoundedSession, handler: Handler) -> None:
    """The timeouts of requests would wait for 40 s, as no silence is long."""
    with serving(handler) as server, bounded():
        session.get(f"http://127.0.0.1:{server.port}/", timeout=10)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("handler", [silent, dripping(b"", HEAD + b"X: " + b"x" * 2000)], ids=["silent", "dripping"])
def test_a_proxy_that_is_slow_is_left_at_the_bound(session: BoundedSession, scheme: str, handler: Handler) -> None:
    """With HTTPS it is the answer to CONNECT that does not come."""
    with serving(handler) as server, bounded():
        session.get(f"{scheme}://exchange.test/", timeout=10, proxies={scheme: f"http://127.0.0.1:{server.port}"})


def test_a_tls_handshake_that_does_not_end_is_left_at_the_bound(session: BoundedSession) -> None:
    """The server has accepted the connection, and is silent."""
    with serving(silent) as server, bounded():
        session.get(f"https://127.0.0.1:{server.port}/", timeout=10)


def test_tls_is_bounded_too_and_a_certificate_is_checked(session: BoundedSession, tmp_path: Path) -> None:
    """The first attempt meets a stranger; the second trusts it, and its answer drips."""
    drip = dripping(HEAD + b"Content-Length: 2000\r\n\r\n", b"x" * 2000)
    with serving(over_tls(self_signed(tmp_path), drip)) as server:
        url = f"https://127.0.0.1:{server.port}/"
        with pytest.raises(requests.exceptions.SSLError):
            session.get(url, timeout=10)
        with bounded():
            session.get(url, timeout=10, verify=str(tmp_path / "cert.pem"))


def test_a_name_look_up_that_does_not_end_is_left_at_the_bound(
    session: BoundedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be cut, so it is left behind."""
    end = threading.Event()
    look_up = socket.getaddrinfo

    def slow(*args: object, **kwargs: object) -> object:
        end.wait(30)
        return look_up(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with bounded():
        session.get("http://exchange.test/", timeout=10)
    end.set()


def test_a_connection_that_comes_after_the_bound_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it any longer."""
    end, made = threading.Event(), list[socket.socket]()
    create = socket.socket.connect

    def slow(sock: socket.socket, address: object) -> None:
        made.append(sock)
        end.wait(30)
        create(sock, address)  # type: ignore[arg-type]

    with serving(answering(OK)) as server, BoundedSession(BOUND, MEGABYTE) as session:
        monkeypatch.setattr(socket.socket, "connect", slow)
        with bounded():
            session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        end.set()
        waiting = [thread for thread in threading.enumerate() if thread.name == "dccd-connect"]
        for thread in waiting:
            thread.join(5)
        assert [sock.fileno() for sock in made] == [-1]


def test_a_stop_ends_an_attempt_at_once() -> None:
    """Long before its bound."""
    stop = threading.Event()
    with serving(silent) as server, BoundedSession(30, MEGABYTE, stop) as session:
        threading.Timer(0.05, stop.set).start()
        began = time.monotonic()
        with pytest.raises(requests.Timeout, match="stopped before"):
            session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        assert time.monotonic() - began < LATE


def test_a_deadline_that_is_brought_forward_ends_an_attempt_that_has_begun(session: BoundedSession) -> None:
    """As where a process is about to end."""
    deadline, begun = Deadline(SYSTEM_CLOCK), threading.Event()

    def handle(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(100)
        begun.set()
        stop.wait(60)

    failed: list[BaseException] = []

    def ask(url: str) -> None:
        try:
            session.get(url, timeout=deadline.within(30))  # type: ignore[arg-type]
        except requests.RequestException as error:
            failed.append(error)

    with serving(handle) as server:
        thread = threading.Thread(target=ask, args=(f"http://127.0.0.1:{server.port}/",))
        thread.start()
        assert begun.wait(5)
        with deadline.brought_forward(SYSTEM_CLOCK.monotonic() + 0.05):
            thread.join(5)
        assert isinstance(failed[0], requests.Timeout)


def test_a_clock_that_runs_ahead_cuts_no_attempt(session: BoundedSession) -> None:
    """Sockets keep the time of the machine, and an answer that came is one."""
    clock = ManualClock()

    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        connection.recv(65_536)
        clock.advance(3600)
        connection.sendall(OK)

    with serving(handle) as server:
        deadline: Any = Deadline(clock, 15)
        assert session.get(f"http://127.0.0.1:{server.port}/", timeout=deadline).text == "ok"


def test_a_status_that_came_before_the_cut_is_told(session: BoundedSession) -> None:
    """Whoever asked may be content with it."""
    body = dripping(HEAD + b"Content-Length: 2000\r\n\r\n", b"x" * 2000)
    with serving(body) as server, pytest.raises(requests.Timeout) as caught:
        session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
    response = caught.value.response
    assert response is not None
    assert response.status_code == 200


def test_an_answer_without_a_length_that_was_cut_is_not_taken_for_whole(session: BoundedSession) -> None:
    """Its end is the end of the connection, and that was ours."""
    with serving(dripping(HEAD + b"\r\n[[1, 2], ", b" " * 2000)) as server, bounded():
        session.get(f"http://127.0.0.1:{server.port}/", timeout=10)


def packed(size: int, *, chunked: bool) -> bytes:
    """Return an answer of zeros, compressed."""
    body = gzip.compress(bytes(size))
    if chunked:
        head = b"Transfer-Encoding: chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        head = b"Content-Length: %d" % len(body)
    return HEAD + b"Content-Encoding: gzip\r\n" + head + b"\r\n\r\n" + body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused_early(*, chunked: bool) -> None:
    """The memory used stays near the bound."""
    with (
        serving(answering(packed(100 * MEGABYTE, chunked=chunked))) as server,
        BoundedSession(30, MEGABYTE) as session,
    ):
        tracemalloc.start()
        try:
            with pytest.raises(TooLongError, match="longer than 1,048,576 bytes"):
                session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
            assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
        finally:
            tracemalloc.stop()


def test_an_answer_as_long_as_allowed_is_whole(session: BoundedSession) -> None:
    """To the byte."""
    with serving(answering(packed(MEGABYTE, chunked=False))) as server:
        assert session.get(f"http://127.0.0.1:{server.port}/", timeout=10).content == bytes(MEGABYTE)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(session: BoundedSession, status: int) -> None:
    """The answer is the redirect itself."""
    with serving(answering(OK)) as other:
        to = f"Location: http://127.0.0.1:{other.port}/\r\nContent-Length: 0\r\n\r\n"
        with serving(answering(f"HTTP/1.1 {status} Moved\r\n{to}".encode())) as server:
            assert session.get(f"http://127.0.0.1:{server.port}/", timeout=10).status_code == status
        assert other.connections == 0


def seen_by(handler: Callable[[bytes], None]) -> Handler:
    """Return a handler that shows a request and answers it."""

    def handle(connection: socket.socket, _stop: threading.Event) -> None:
        while request := connection.recv(65_536):
            handler(request)
            connection.sendall(OK)

    return handle


def test_no_netrc_is_read(session: BoundedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that is meant for another program goes nowhere; that of the address does."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login anna password s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    seen: list[bytes] = []
    with serving(seen_by(seen.append)) as server:
        session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        session.get(f"http://me:p%40ss@127.0.0.1:{server.port}/", timeout=10)
    assert b"Authorization" not in seen[0]
    assert b"Authorization: Basic bWU6cEBzcw==" in seen[1]


def test_a_connection_is_kept_for_the_next_request(session: BoundedSession) -> None:
    """Bounded as it is, it is one like any other."""
    with serving(answering(OK)) as server:
        for _ in range(5):
            session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        assert server.connections == 1


def test_a_kept_connection_is_bounded_too(session: BoundedSession) -> None:
    """Its socket is older than the attempt."""

    def once(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(OK)
        stop.wait(60)

    with serving(once) as server:
        session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        with bounded():
            session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
        assert server.connections == 1


def socks(connection: socket.socket, stop: threading.Event) -> None:
    """Play a SOCKS5 proxy that looks every name up as 127.0.0.1, and answers for the server behind it."""
    connection.recv(262)
    connection.sendall(b"\x05\x00")
    _, _, _, kind = connection.recv(4)
    connection.recv(4 if kind == 1 else connection.recv(1)[0])
    struct.unpack(">H", connection.recv(2))
    connection.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    answering(OK)(connection, stop)


def test_a_socks_proxy_works_as_in_plain_requests(session: BoundedSession) -> None:
    """It is given the name, not an address that was looked up here."""
    pytest.importorskip("socks")
    with serving(socks) as server:
        answer = session.get(
            "http://exchange.test/", timeout=10, proxies={"http": f"socks5h://127.0.0.1:{server.port}"}
        )
    assert answer.text == "ok"


def test_a_socks_proxy_that_is_silent_is_left_at_the_bound(session: BoundedSession) -> None:
    """Its handshake is a part of connecting."""
    pytest.importorskip("socks")
    with serving(silent) as server, bounded():
        session.get("http://exchange.test/", timeout=10, proxies={"http": f"socks5h://127.0.0.1:{server.port}"})


def test_the_thread_that_watches_ends_when_there_is_nothing_to_watch(session: BoundedSession) -> None:
    """And is there again for the next attempt."""
    with serving(answering(OK)) as server:
        for _ in range(2):
            session.get(f"http://127.0.0.1:{server.port}/", timeout=10)
            watchers = [thread for thread in threading.enumerate() if thread.name == "dccd-http"]
            for thread in watchers:
                thread.join(5)
                assert not thread.is_alive()
