"""A small HTTP server: GET and HEAD, one request a connection, and no client can hold it up."""

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO, ClassVar, Final, cast
from urllib.parse import urlsplit

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.exporter.addresses import is_loopback, split_address

logger: logging.Logger = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.1
_MAX_CONNECTIONS: Final = 16
_MAX_OF_AN_ADDRESS: Final = 8
_MAX_HEAD_BYTES: Final = 16_384
_MAX_UNREAD_BYTES: Final = 131_072
_REQUEST_SECONDS: Final = 10.0
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; its headers replace those that every answer has."""

    body: str | bytes
    status: int = 200
    media_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class Server:
    """Answers requests in threads of its own until it is closed; raises `OSError` if the address cannot be used.

    On loopback it refuses a request whose ``Host`` names another machine: a foreign site may have made its name point
    here. Where 16 connections are open, or eight of one address, a further one takes the place of one that waits for
    its client.
    """

    def __init__(self, listen: str, answer: Callable[[str], Reply | None], *, clock: Clock = SYSTEM_CLOCK) -> None:
        host, port = split_address(listen)
        self._server = _HttpServer(host, port, answer, clock)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_SECONDS,), name="dccd-exporter", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        """URL of the server."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}/" if ":" in str(host) else f"http://{host!s}:{port}/"

    def close(self) -> None:
        """Stop to serve and drop all connections, even in the middle of an answer."""
        self._server.shutdown()
        self._server.server_close()
        self._server.drop(0.0)
        self._thread.join()


class _Stage(IntEnum):
    """What a connection waits for, in the order in which connections are closed to make room."""

    REQUEST = auto()
    TAKING = auto()
    ANSWER = auto()


@dataclass(slots=True)
class _Connection:
    since: float
    address: str
    stage: _Stage = _Stage.REQUEST


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, answer: Callable[[str], Reply | None], clock: Clock) -> None:
        self.answer = answer
        self._clock = clock
        self.names = {host, "localhost", "127.0.0.1", "::1"} if is_loopback(host) else None
        self._open: dict[socket.socket, _Connection] = {}
        self._guard = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    @override
    def server_bind(self) -> None:
        """Bind without a look-up of the host name, which may take seconds."""
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where SO_REUSEADDR would share the port
            self.allow_reuse_address = False
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(self.allow_reuse_address))
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        address = str(client_address[0])
        with self._guard:
            has_room = self._make_room(address)
            if has_room:
                self._open[request] = _Connection(self._clock.monotonic(), address)
        if has_room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def _make_room(self, address: str) -> bool:
        """Return whether there is room for a client, if need be by closing a connection that waits for its own client.

        So a probe is answered however many silent or dripping clients there are, at its own address too.
        """
        held = Counter(each.address for each in self._open.values())
        is_crowd = held[address] >= _MAX_OF_AN_ADDRESS
        if not is_crowd and len(self._open) < _MAX_CONNECTIONS:
            return True
        waiting = [
            (-held[each.address], each.stage, each.since, request)
            for request, each in self._open.items()
            if each.stage is not _Stage.ANSWER and (each.address == address or not is_crowd)
        ]
        if not waiting:
            return False
        *_, oldest = min(waiting, key=lambda each: each[:3])
        del self._open[oldest]
        _end(oldest)
        return True

    def enter(self, request: socket.socket, stage: _Stage) -> None:
        """Note what a connection waits for from now on."""
        with self._guard:
            if (connection := self._open.get(request)) is not None:
                connection.stage = stage

    @override
    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.pop(request, None)
        super().shutdown_request(request)

    @override
    def service_actions(self) -> None:
        """End the connections that last too long: a client that drips bytes meets the time limit of each read."""
        self.drop(_REQUEST_SECONDS)

    def drop(self, age: float) -> None:
        """End the connections that have lasted `age` seconds."""
        now = self._clock.monotonic()
        with self._guard:
            late = [request for request, each in self._open.items() if now - each.since >= age]
        for request in late:
            _end(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log at DEBUG only, as clients hang up all the time."""
        logger.debug("a connection to the exporter ended early")


def _end(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Bounded:
    """Reads lines of a request, up to a number of bytes."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._left = most

    @property
    def is_exhausted(self) -> bool:
        return self._left <= 0

    @property
    def closed(self) -> bool:
        return self._stream.closed

    def readline(self, size: int = -1) -> bytes:
        line = self._stream.readline(self._left if size < 0 else min(size, self._left))
        self._left -= len(line)
        return line

    def close(self) -> None:
        self._stream.close()


class _Handler(BaseHTTPRequestHandler):
    timeout: ClassVar[float | None] = 5.0
    server_version = "dccd"
    sys_version = ""
    _bounded: _Bounded

    @property
    def _http(self) -> _HttpServer:
        return cast("_HttpServer", self.server)

    @override
    def setup(self) -> None:
        super().setup()
        self._bounded = _Bounded(cast("BinaryIO", self.rfile), _MAX_HEAD_BYTES)
        self.rfile = cast("Any", self._bounded)

    @override
    def parse_request(self) -> bool:
        parsed = super().parse_request()
        if parsed:
            self._http.enter(self.connection, _Stage.ANSWER)
        self.close_connection = True  # one request a connection
        if parsed and self._bounded.is_exhausted:
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return False
        if parsed and self.command not in {"GET", "HEAD"}:
            self._send(Reply("only GET and HEAD\n", 405, headers={"Allow": "GET, HEAD"}))
            self._read_on()
            return False
        return parsed

    def do_GET(self) -> None:
        if not self._is_for_us():
            self._send(Reply("this server does not have that name\n", 421))
            return
        try:
            path = urlsplit(self.path).path
        except ValueError:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        try:
            reply = self._http.answer(path)
        except Exception:
            logger.exception("%s could not be answered", path[:100])
            reply = Reply("an error; see the log\n", 500)
        self._send(reply or Reply("not found\n", 404))

    do_HEAD = do_GET  # noqa: N815

    def _is_for_us(self) -> bool:
        names, told = self._http.names, self.headers.get("Host", "")
        if names is None:
            return True
        try:
            host = urlsplit(f"//{told}").hostname or ""
        except ValueError:
            return False
        return "@" not in told and host.rstrip(".") in names

    @override
    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with a line of text that repeats nothing of the request."""
        try:
            phrase = HTTPStatus(code).phrase
        except ValueError:
            phrase = "error"
        self.close_connection = True
        self.request_version = "HTTP/1.0"  # so that headers are sent also where no version was understood
        self._send(Reply(f"{phrase.lower()}\n", code))
        self._read_on()

    def _read_on(self) -> None:
        """Read some of the rest of a request, as the client would lose the answer if we closed before."""
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            left = _MAX_UNREAD_BYTES
            while left > 0 and (part := self.connection.recv(_MAX_HEAD_BYTES)):
                left -= len(part)

    def _send(self, reply: Reply) -> None:
        data = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self._http.enter(self.connection, _Stage.TAKING)
        self.send_response(reply.status)
        own = {"Content-Type": reply.media_type, "Content-Length": str(len(data))}
        for name, value in {**_HEADERS, **own, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @override
    def version_string(self) -> str:
        return self.server_version

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing, as a scrape comes every 15 s."""
