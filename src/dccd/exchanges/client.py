"""One exchange of ccxt, whose requests are spaced, end in time and are retried."""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import MissingExtraError, SourceUnavailableError
from dccd.exchanges import errors
from dccd.exchanges.retries import Retries
from dccd.http import parse_retry_after

T = TypeVar("T")

_TIMEOUTS_PER_ANSWER: Final = 3
_ERROR_KEYS: Final = frozenset({"error", "errors"})


@functools.cache
def import_ccxt() -> Any:  # noqa: ANN401 - ccxt is typed in parts only
    """Return the ccxt package, which takes half a second to import."""
    try:
        import ccxt  # noqa: PLC0415
    except ImportError as error:
        msg = "candles from exchanges need ccxt: pip install '.[collect]' in the checkout"
        raise MissingExtraError(msg) from error
    return ccxt


def ccxt_exchanges() -> frozenset[str]:
    """Return the names of the exchanges that ccxt knows.

    Examples
    --------
    >>> "kraken" in ccxt_exchanges()
    True
    """
    return frozenset(import_ccxt().exchanges)


@dataclass(slots=True)
class _Answer:
    """What the last request got: the HTTP status, 0 if none came, the ``Retry-After`` header and the parsed body."""

    status: int = 0
    retry_after: str | None = None
    body: object = None


class CcxtClient:
    """An exchange of ccxt that one thread calls at a time, with spaced requests that end in time and are retried.

    `timeout` is how many seconds the exchange may be silent; a whole answer may take three times as long. After a call
    has failed in spite of its retries, no call is retried until one succeeds, and none with the same `what` until that
    one succeeds: during an outage nobody waits for the retries of others.
    """

    def __init__(
        self,
        name: str,
        *,
        retries: Retries,
        base_url: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        timeout: float = 10.0,
    ) -> None:
        self.name = name
        self._ccxt = import_ccxt()
        from dccd.http import BoundedAdapter  # noqa: PLC0415 - takes requests, which ccxt has loaded

        self._retries = retries
        self._base_url = base_url.rstrip("/") if base_url else None
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock.monotonic()
        self._last = _Answer()
        self._unanswered: set[str] = set()
        self._is_up = True
        self.exchange: Any = getattr(self._ccxt, name)({"enableRateLimit": True, "timeout": timeout * 1000})
        # Currencies are needed for deposits and withdrawals only, and loading them takes requests.
        self.exchange.has["fetchCurrencies"] = False
        self._fetch_unchecked = self.exchange.fetch
        self.exchange.fetch = self._fetch
        self.exchange.throttle = self._throttle
        session = self.exchange.session
        session.hooks["response"].append(self._keep)
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(_TIMEOUTS_PER_ANSWER * timeout, retries.stop))

    def call(self, what: str, function: Callable[[Any], T]) -> T:
        """Return what a function of the exchange returns, retrying while that may help; `what` begins an error."""
        attempts = None if self._is_up and what not in self._unanswered else 1
        try:
            answer = self._retries.call(what, lambda: self._try(what, function), attempts=attempts)
        except SourceUnavailableError:
            self._is_up = False
            self._unanswered.add(what)
            raise
        self._is_up = True
        self._unanswered.discard(what)
        return answer

    def answered_with_rows(self) -> bool:
        """Return whether the last answer lists something, if only an empty array: rows, or an object with an array.

        The array of errors that Kraken sends with every answer does not count.
        """
        body = self._last.body
        if isinstance(body, list):
            return all(isinstance(row, list | dict) for row in body)
        return _has_array(body)

    def close(self) -> None:
        """Close the connections."""
        self.exchange.close()

    def _try(self, what: str, function: Callable[[Any], T]) -> T:
        with self._lock:
            self._last = _Answer()
            try:
                return function(self.exchange)
            except self._ccxt.BaseError as error:
                status, wait = self._last.status, parse_retry_after(self._last.retry_after, self._clock.time())
                raise errors.classify(
                    error, ccxt=self._ccxt, exchange=self.name, what=what, status=status, wait=wait
                ) from None
            except errors.UNEXPECTED_ERRORS as error:
                raise errors.unexpected(error) from None

    def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> object:  # noqa: ANN401
        answer = self._fetch_unchecked(self._redirected(url), method, headers, body)
        if not isinstance(answer, dict | list) or answer == {}:
            msg = f"neither a JSON object nor an array: {str(answer)[:100]!r}"
            raise self._ccxt.BadResponse(msg)
        self._last.body = answer
        return answer

    def _redirected(self, url: str) -> str:
        if self._base_url is None:
            return url
        parts = urlsplit(url)
        return self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")

    def _throttle(self, cost: float | None = None) -> None:
        now, stop = self._clock.monotonic(), self._retries.stop
        if stop.is_set() or (self._free_at > now and self._clock.wait(stop, self._free_at - now)):
            msg = f"{self.name}: stopped before the request"
            raise SourceUnavailableError(msg)
        spacing = self.exchange.rateLimit * (1.0 if cost is None else cost) / 1000
        self._free_at = max(now, self._free_at) + spacing

    def _keep(self, response: Any, *_args: object, **_options: object) -> None:  # noqa: ANN401
        self._last.status = response.status_code
        self._last.retry_after = response.headers.get("Retry-After")


def _has_array(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_array(inner) for key, inner in value.items() if key not in _ERROR_KEYS)
    return isinstance(value, list)
