"""Answers that must arrive as a whole in time, and before the work is to stop.

A timeout of requests starts anew with each byte, so a server that drips would hold a job for ever.
"""

import io
import socket
import threading
from http.client import HTTPResponse
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK

_BUFFER: Final = 65_536  # a page of candles is longer than the usual 8 KB


class BoundedAdapter(HTTPAdapter):
    """Fails a request whose answer, headers included, takes too long."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._seconds = seconds
        self._stop = stop
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._seconds, self._stop)


def _pools(seconds: float, stop: threading.Event) -> dict[str, type[HTTPConnectionPool]]:
    class Answer(HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in http.client
            super().__init__(sock, *args, **kwargs)
            self.fp = io.BufferedReader(_Reader(self.fp.detach(), seconds, stop), _BUFFER)

    class Plain(HTTPConnection):
        pass

    class TLS(HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        pass

    class TLSPool(HTTPSConnectionPool):
        pass

    Plain.response_class = TLS.response_class = Answer
    PlainPool.ConnectionCls = Plain
    TLSPool.ConnectionCls = TLS
    return {"http": PlainPool, "https": TLSPool}


class _Reader(io.RawIOBase):
    """What a socket gives, until it is too late; sockets keep the time of the machine, so this does too."""

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
