"""Attempts that end in time, whatever the server does."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
import requests
from urllib3.exceptions import HTTPError

from dccd.daemon.alerts.sending import NotSentError, Sender
from dccd.http.attempts import bounded, make_session
from dccd.testing import Answer, WebhookReceiver

BOUND = 0.3
HEADERS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Padding: " + b"x" * 2000 + b"\r\nContent-Length: 2\r\n\r\nok"
)
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """Return a session whose requests can be ended."""
    with make_session() as made:
        yield made


@contextmanager
def dripping(at_once: bytes, then: bytes) -> Iterator[str]:
    """Serve an answer whose first part comes at once and the rest a byte at a time."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while not stop.is_set():
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.recv(65_536)
                    connection.sendall(at_once)
                    for byte in then:
                        if stop.wait(0.02):
                            return
                        connection.sendall(bytes([byte]))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/hook"
    finally:
        stop.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("at_once", "then"), [(b"", HEADERS), (b"HTTP/1.1 200 OK\r\n", HEADERS[17:]), (BODY, b"x" * 2000)]
)
def test_a_server_that_drips_is_left_at_the_bound(session: requests.Session, at_once: bytes, then: bytes) -> None:
    """Its status line, its headers or its body: the timeouts of requests would wait for 40 s."""
    with dripping(at_once, then) as url:
        began = time.monotonic()
        with (
            bounded(BOUND) as over,
            suppress(requests.RequestException, HTTPError),
            session.post(url, data=b"{}", timeout=10, stream=True) as response,
        ):
            while response.raw.read(100):
                pass
        assert over.is_set()
        assert BOUND - 0.05 < time.monotonic() - began < BOUND + 2


def test_an_answer_without_end_is_not_read_to_its_end(session: requests.Session) -> None:
    """Its status and its first 4,096 bytes say enough; the rest would take until the bound of the attempt."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 4096
    with dripping(head, b"x" * 2000) as url:
        began = time.monotonic()
        Sender(session).post(url, b"{}", {})
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(("at_once", "then"), [(b"", HEADERS), (BODY, b"x" * 2000)])
def test_sending_to_a_server_that_drips_ends_in_time(session: requests.Session, at_once: bytes, then: bytes) -> None:
    """Whether a status of 200 without the rest is delivery enough is another matter."""
    with dripping(at_once, then) as url:
        sender = Sender(session)
        began = time.monotonic()
        sender.hurry(began + BOUND)
        with suppress(NotSentError):
            sender.post(url, b"{}", {})
        assert time.monotonic() - began < BOUND + 2


@pytest.mark.parametrize(
    ("service", "at_once", "then"),
    [
        ("slack", b"HTTP/1.1 200 OK\r\n", HEADERS[17:]),
        ("slack", BODY, b"x" * 2000),
        ("teams", BODY, b"x" * 1900 + b"HTTP error 429"),
        ("generic", b"HTTP/1.1 503 Busy\r\n", HEADERS[17:]),
    ],
)
def test_an_answer_cut_at_the_bound_is_no_answer(
    session: requests.Session, service: str, at_once: bytes, then: bytes
) -> None:
    """Where the body decides, it has to be whole; the message may be sent again, and the reason names no address."""
    with dripping(at_once, then) as url:
        sender = Sender(session)
        sender.hurry(time.monotonic() + BOUND)
        with pytest.raises(NotSentError) as raised:
            sender.post(url, b"{}", {}, service=service)
        assert raised.value.retryable
        assert "whole answer" in str(raised.value)
        assert "hook" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_a_connection_that_comes_after_the_bound_is_ended_at_once(session: requests.Session) -> None:
    """As after a name that took its time to look up: there was no socket yet to be shut down."""
    with dripping(BODY, b"x" * 2000) as url, bounded(0.0) as over:
        assert over.wait(5)
        began = time.monotonic()
        with pytest.raises((requests.RequestException, HTTPError, OSError)):
            session.post(url, data=b"{}", timeout=10)
        assert time.monotonic() - began < 2


def test_a_server_that_is_in_time_is_not_ended(session: requests.Session) -> None:
    """However often it is asked, and whatever time passes between."""
    with WebhookReceiver() as receiver:
        for _ in range(3):
            with bounded(60) as over, session.post(receiver.url, data=b"{}", timeout=10) as response:
                assert response.text == "ok"
            assert not over.is_set()
        assert len(receiver.messages) == 3


def test_a_bound_holds_for_its_own_thread_only(session: requests.Session) -> None:
    """A request of another thread goes on."""
    answers: list[int] = []
    with WebhookReceiver() as receiver:
        receiver.answer(Answer(delay=0.5))

        def patient() -> None:
            with make_session() as own, bounded(60), own.post(receiver.url, data=b"{}", timeout=10) as response:
                answers.append(response.status_code)

        thread = threading.Thread(target=patient)
        thread.start()
        assert receiver.wait_for(1)
        receiver.answer(Answer(delay=3600))
        with bounded(0.1), pytest.raises(requests.ConnectionError):
            session.post(receiver.url, data=b"{}", timeout=10)
        thread.join(10)
    assert answers == [200]


def test_without_a_bound_the_session_is_an_ordinary_one(session: requests.Session) -> None:
    """Nothing is remembered of its sockets."""
    with WebhookReceiver() as receiver:
        assert session.post(receiver.url, data=b"{}", timeout=10).status_code == 200


def test_a_bound_leaves_no_thread_behind(session: requests.Session) -> None:
    """Though the attempt broke."""
    before = set(threading.enumerate())
    with WebhookReceiver() as receiver:
        receiver.answer(Answer(reset=True))
        with bounded(3600), pytest.raises(requests.ConnectionError):
            session.post(receiver.url, data=b"{}", timeout=10)
    timers = [thread for thread in set(threading.enumerate()) - before if isinstance(thread, threading.Timer)]
    for timer in timers:
        timer.join(5)
    assert not any(timer.is_alive() for timer in timers)


def test_a_connection_that_the_server_keeps_is_not_used_again(session: requests.Session) -> None:
    """It would not be known to the bound of the next attempt."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def receive(connection: socket.socket) -> None:
        got = b""
        while not got.endswith(b"{}"):
            part = connection.recv(65_536)
            if not part:
                raise ConnectionResetError
            got += part

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            receive(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            receive(connection)  # ours asked to close it, but this server goes on
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for _ in range(200):
                connection.sendall(b"x")
                if stop.wait(0.02):
                    return

    def serve() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=answer, args=(server.accept()[0],)))
                threads[-1].start()

    threads.append(threading.Thread(target=serve))
    threads[0].start()
    url = f"http://127.0.0.1:{server.getsockname()[1]}/hook"
    sender = Sender(session)
    try:
        sender.post(url, b"{}", {})
        began = time.monotonic()
        sender.hurry(began + BOUND)
        with suppress(NotSentError):
            sender.post(url, b"{}", {})
        assert time.monotonic() - began < BOUND + 2
    finally:
        stop.set()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        for thread in threads:
            thread.join(5)
