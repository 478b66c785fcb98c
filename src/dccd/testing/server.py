"""The HTTP server on loopback that the other servers are based on."""

import json
import socket
import socketserver
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, cast

from dccd._compat import override

_POLL_SECONDS: Final = 0.01
_RESET: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a server on loopback.

    Parameters
    ----------
    status : int, optional
        HTTP status, default 200.
    body : object, optional
        Bytes or text are sent unchanged, anything else as JSON. Default ``ok``.
    headers : mapping, optional
        More headers.
    delay : float, optional
        Seconds to wait before answering; closing the server ends the wait.
    drip : float, optional
        Seconds between two bytes of the body; 0 sends it at once.
    reset : bool, optional
        Whether to reset the connection instead of answering.

    Examples
    --------
    >>> from dccd.testing import Answer
    >>> Answer(503, headers={"Retry-After": "2"}).status
    503
    """

    status: int = 200
    body: Any = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    reset: bool = False

    @property
    def data(self) -> bytes:
        """The body as bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def media_type(self) -> str:
        """The value of the header ``Content-Type``."""
        return "text/plain; charset=utf-8" if isinstance(self.body, bytes | str) else "application/json"


class LoopbackServer(ABC):
    """A server on 127.0.0.1 at a free port; use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.close()

    @property
    def url(self) -> str:
        """URL of the server, without a slash at its end.

        Raises
        ------
        RuntimeError
            If the server is not running.
        """
        if self._server is None:
            msg = f"{type(self).__name__} is not running: use it in a with statement, or call start()"
            raise RuntimeError(msg)
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Start the server, for use without a ``with`` statement; do nothing if it runs already."""
        if self._server is None:
            self._server = _Server(self)
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(_POLL_SECONDS,), name=type(self).__name__, daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """Stop the server and drop all connections, also in the middle of an answer."""
        server, thread, self._server, self._thread = self._server, self._thread, None, None
        if server is not None and thread is not None:
            server.stop.set()
            server.shutdown()
            server.server_close()
            server.drop_connections()
            thread.join()

    @abstractmethod
    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer to a request; many threads call this at once.

        Parameters
        ----------
        method : str
            ``GET``, ``POST`` and so on.
        target : str
            Path and query.
        headers : mapping
            Headers by their names in lower case.
        body : bytes
            Body of the request.

        Returns
        -------
        Answer
            The answer to send.
        """


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: LoopbackServer) -> None:
        self.owner = owner
        self.stop = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @override
    def server_bind(self) -> None:
        """Bind without looking up a host name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """End the connections that clients keep open."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: tests hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536

    @property
    def _loopback(self) -> _Server:
        return cast("_Server", self.server)

    def handle_request(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client broke off, as a killed one does
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self._loopback.owner.respond(self.command, self.path, headers, body))

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = handle_request  # noqa: N815 - as http.server calls them

    def _send(self, answer: Answer) -> None:
        if answer.delay and self._loopback.stop.wait(answer.delay):
            self.close_connection = True
            return
        if answer.reset:
            self._reset()
            return
        data = answer.data
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.media_type, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if answer.drip:
            self._drip(data, answer.drip)
        else:
            self.wfile.write(data)

    def _drip(self, data: bytes, seconds: float) -> None:
        for number in range(len(data)):
            self.wfile.write(data[number : number + 1])
            self.wfile.flush()
            if self._loopback.stop.wait(seconds):
                self.close_connection = True
                return

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        for part in (self.rfile, self.wfile, self.connection):
            part.close()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""
