"""End a whole HTTP attempt in wall time.

A timeout of requests limits the silence between two bytes, so a server that sends a byte now and then never exceeds it.
Here a timer shuts down the sockets of an attempt.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from dccd._compat import override
from dccd.http.pools import pools_of

_attempt: Final = threading.local()


class _Connection(HTTPConnection):
    """Keeps a duplicate of its socket: shutting that down ends the connection, with or without TLS."""

    @override
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        duplicates: list[socket.socket] | None = getattr(_attempt, "duplicates", None)
        if duplicates is not None:
            duplicates.append(sock.dup())
            if _attempt.over.is_set():  # time was up while the name was looked up, before there was a socket
                sock.shutdown(socket.SHUT_RDWR)
        return sock


class _TLSConnection(_Connection, HTTPSConnection):
    pass


_POOLS: Final = pools_of(_Connection, _TLSConnection)


class _Adapter(HTTPAdapter):
    @override
    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.poolmanager.clear()  # the socket of a connection that was kept open has no duplicate
        return super().send(*args, **kwargs)

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def make_session() -> requests.Session:
    """Return a session whose requests `bounded` can end."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    session.headers["Connection"] = "close"  # so that each attempt has a socket of its own
    return session


@contextmanager
def bounded(seconds: float) -> Iterator[threading.Event]:
    """End the requests of this thread through `make_session` after so many seconds; yield an event that is set then."""
    duplicates: list[socket.socket] = []
    over = threading.Event()

    def cut() -> None:
        over.set()
        for duplicate in duplicates:
            with suppress(OSError):
                duplicate.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    with suppress(RuntimeError):  # an interpreter that ends starts no threads
        timer.start()
    _attempt.duplicates, _attempt.over = duplicates, over
    try:
        yield over
    finally:
        timer.cancel()
        _attempt.duplicates = None
        for duplicate in duplicates:
            duplicate.close()
