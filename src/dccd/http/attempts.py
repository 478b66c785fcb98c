"""Bound a whole HTTP attempt in wall time.

The timeouts of requests bound the silence between two bytes: a server that drips its answer is never silent. Here the
sockets of an attempt are known, and a timer shuts them down.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from dccd._compat import override

_attempt: Final = threading.local()


class _Known(HTTPConnection):
    """Remembers a twin of its socket; shutting the twin down ends the connection, TLS or not."""

    @override
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        twins: list[socket.socket] | None = getattr(_attempt, "twins", None)
        if twins is not None:
            twins.append(sock.dup())
            if _attempt.over.is_set():  # the name took so long to look up that nothing was there to be cut
                sock.shutdown(socket.SHUT_RDWR)
        return sock


class _KnownTLS(_Known, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    pass


class _TLSPool(HTTPSConnectionPool):
    pass


_Pool.ConnectionCls = _Known
_TLSPool.ConnectionCls = _KnownTLS


class _Adapter(HTTPAdapter):
    @override
    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.poolmanager.clear()  # a connection that the server kept has no twin
        return super().send(*args, **kwargs)

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}

    @override
    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
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
    """End the requests of this thread after a time, through the sockets they opened."""
    twins: list[socket.socket] = []
    over = threading.Event()

    def cut() -> None:
        over.set()
        for twin in twins:
            with suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    with suppress(RuntimeError):  # no threads any more while the interpreter ends
        timer.start()
    _attempt.twins, _attempt.over = twins, over
    try:
        yield over
    finally:
        timer.cancel()
        _attempt.twins = None
        for twin in twins:
            twin.close()
