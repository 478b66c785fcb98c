"""Sessions of requests whose every attempt is bounded: in wall time, in size, and to the server that was asked."""

import functools
import threading
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from requests.utils import get_auth_from_url
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK
from dccd.http.deadline import Deadline
from dccd.http.watcher import Attempt, watching

CONNECT_SECONDS: Final = 3.05
READ_SECONDS: Final = 10.0
_CHUNK_BYTES: Final = 1024 * 1024  # a page of candles fits in one

_current: Final = threading.local()


class TooLongError(requests.RequestException):
    """An answer is longer than was bargained for."""


class BoundedSession(requests.Session):
    """A session whose requests end in time: name look-up, connecting, TLS, proxies, headers and body all count.

    As `timeout` of a request it takes a `Deadline`, or seconds of silence; with these the whole attempt may take
    `seconds`. An answer is read whole, up to `max_bytes` once decompressed. No redirect is followed and no ``.netrc``
    read; proxies and certificates come from the environment as usual. Connections are kept for the next request.
    """

    def __init__(self, seconds: float, max_bytes: int, stop: threading.Event | None = None) -> None:
        super().__init__()
        self.auth: Any = _url_auth
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(seconds, max_bytes, stop))

    @override
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _url_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Take the password from the address alone: without any authentication requests looks into .netrc."""
    user, password = get_auth_from_url(request.url or "")
    return HTTPBasicAuth(user, password)(request) if user or password else request


class _Adapter(HTTPAdapter):
    """Sends a request and reads its answer as one attempt."""

    def __init__(self, seconds: float, max_bytes: int, stop: threading.Event | None) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._stop = stop
        super().__init__()

    @override
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _know_sockets(self.poolmanager)

    @override
    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if is_new:
            _know_sockets(manager)
        return manager

    @override
    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        timeout = options.get("timeout")
        if isinstance(timeout, Deadline):
            deadline = timeout
            left = max(0.001, deadline.left())
            options["timeout"] = (min(CONNECT_SECONDS, left), min(READ_SECONDS, left))
        else:
            deadline = Deadline(SYSTEM_CLOCK, self._seconds, stop=self._stop)
        attempt = Attempt(deadline)
        with watching(attempt):
            _current.attempt = attempt
            response = None
            try:
                response = super().send(request, **{**options, "stream": True})
                self._read(response)
            except TooLongError:
                raise
            except Exception:
                if not attempt.is_over:
                    raise
            finally:
                _current.attempt = None
            # A socket that was cut reads like one that the server closed: only the clock tells.
            if response is None or attempt.is_over:
                if response is not None:
                    response.close()
                msg = "stopped before the answer was complete" if deadline.is_stopped else "no whole answer in time"
                raise requests.Timeout(msg, request=request, response=response)
        return response

    def _read(self, response: requests.Response) -> None:
        parts, size = list[bytes](), 0
        for part in response.iter_content(min(_CHUNK_BYTES, self._max_bytes + 1)):
            parts.append(part)
            size += len(part)
            if size > self._max_bytes:
                response.close()
                break
        response._content = b"".join(parts)[: self._max_bytes]  # noqa: SLF001 - as its own `content` does
        if size > self._max_bytes:
            msg = f"the answer is longer than {self._max_bytes:,} bytes"
            raise TooLongError(msg, response=response)


class _Known(HTTPConnection):
    """Shows the attempt of its thread each socket that is used, a kept one too."""

    @override
    def _new_conn(self) -> Any:
        attempt: Attempt | None = getattr(_current, "attempt", None)
        return super()._new_conn() if attempt is None else attempt.connect(super()._new_conn)

    @override
    def _tunnel(self) -> None:
        super()._tunnel()
        attempt: Attempt | None = getattr(_current, "attempt", None)
        if attempt is not None and attempt.is_over:  # a cut looks like the end of the headers
            msg = "no answer to CONNECT in time"
            raise TimeoutError(msg)

    @override
    def request(self, *args: Any, **kwargs: Any) -> None:
        attempt: Attempt | None = getattr(_current, "attempt", None)
        if attempt is not None and self.sock is not None:
            attempt.add(self.sock)
        super().request(*args, **kwargs)


def _know_sockets(manager: Any) -> None:  # noqa: ANN401 - of HTTP, an HTTP proxy or SOCKS
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _known_pool(pool) for scheme, pool in pools.items()}


@functools.cache
def _known_pool(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    known = type(f"Known{pool.ConnectionCls.__name__}", (_Known, pool.ConnectionCls), {})
    return type(f"Known{pool.__name__}", (pool,), {"ConnectionCls": known})
