"""Requests that fail if their answer is not complete in time, or if the work is to stop.

A timeout of requests starts again with each byte, so a server that sends one now and then would hold up a job for ever.
"""

import io
import socket
import threading
from http.client import HTTPResponse
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK
from dccd.http.pools import pools_of

_BUFFER_BYTES: Final = 65_536  # a page of candles is longer than the usual 8 KB


class BoundedAdapter(HTTPAdapter):
    """Fails a request whose answer, headers included, is not complete so many seconds after the request was sent.

    Once `stop` is set, an answer that is still on its way fails at its next byte.
    """

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._seconds = seconds
        self._stop = stop
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._seconds, self._stop)


def _pools(seconds: float, stop: threading.Event) -> dict[str, type]:
    class Answer(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in http.client
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(_Reader(self.fp.detach(), seconds, stop), _BUFFER_BYTES)

    answering = {"response_class": Answer}
    return pools_of(type("Plain", (HTTPConnection,), answering), type("TLS", (HTTPSConnection,), answering))


class _Reader(io.RawIOBase):
    """Reads from a socket until time is up, by the clock of the machine, as a timeout of a socket is."""

    def __init__(self, raw: io.RawIOBase, seconds: float, stop: threading.Event) -> None:
        self._raw = raw
        self._seconds = seconds
        self._stop = stop
        self._ends_at = SYSTEM_CLOCK.monotonic() + seconds

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(buffer)
        if self._stop.is_set():
            msg = "stopped before the answer was complete"
            raise TimeoutError(msg)
        if SYSTEM_CLOCK.monotonic() > self._ends_at:
            msg = f"the answer was not complete after {self._seconds:g} s"
            raise TimeoutError(msg)
        return count

    @override
    def close(self) -> None:
        self._raw.close()
        super().close()
