"""One exchange of ccxt, whose requests are spaced, end in time and are retried."""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import MissingExtraError, RateLimitedError, SourceUnavailableError
from dccd.exchanges import errors
from dccd.http import Deadline, Throttle, parse_retry_after
from dccd.units import format_duration

T = TypeVar("T")

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
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


@dataclass(frozen=True, slots=True)
class Retries:
    """How many attempts a call has, and how many seconds after the first one (`budget`) no further one begins."""

    attempts: int = 5
    budget: float = 60.0


@dataclass(slots=True)
class _Answer:
    """What the last request got: the HTTP status, 0 if none came, the ``Retry-After`` header and the parsed body."""

    status: int = 0
    retry_after: str | None = None
    body: object = None


class CcxtClient:
    """An exchange of ccxt that one thread calls at a time, with spaced requests that end in time and are retried.

    `timeout` is how many seconds the exchange may be silent; a whole answer may take three times as long. Once `stop`
    is set, requests and waits end. After a call has failed in spite of its retries, no call is retried until one
    succeeds, and none with the same `what` until that one succeeds: in an outage nobody waits for others' retries.
    """

    def __init__(  # noqa: PLR0913 - keywords with defaults
        self,
        name: str,
        *,
        retries: Retries,
        base_url: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        timeout: float = 10.0,
        stop: threading.Event | None = None,
    ) -> None:
        self.name = name
        self._ccxt = import_ccxt()
        from dccd.http import BoundedSession  # noqa: PLC0415 - takes requests, which ccxt has loaded

        self._retries = retries
        self._base_url = base_url.rstrip("/") if base_url else None
        self._clock = clock
        self._work = Deadline(clock, stop=stop or threading.Event())
        self._lock = threading.Lock()
        self._throttle = Throttle(clock)
        self._last = _Answer()
        self._unanswered: set[str] = set()
        self._is_up = True
        self.exchange: Any = getattr(self._ccxt, name)({"enableRateLimit": True, "timeout": timeout * 1000})
        # Currencies are needed for deposits and withdrawals only, and loading them takes requests.
        self.exchange.has["fetchCurrencies"] = False
        self._fetch_unchecked = self.exchange.fetch
        self.exchange.fetch = self._fetch
        self.exchange.throttle = self._take_turn
        self.exchange.session.close()
        self.exchange.session = BoundedSession(_TIMEOUTS_PER_ANSWER * timeout, MAX_ANSWER_BYTES, stop)
        self.exchange.session.hooks["response"].append(self._keep)

    def call(self, what: str, function: Callable[[Any], T]) -> T:
        """Return what a function of the exchange returns, retrying while that may help; `what` begins an error."""
        from dccd.http import retry  # noqa: PLC0415 - takes tenacity

        attempts = self._retries.attempts if self._is_up and what not in self._unanswered else 1
        began = self._clock.monotonic()
        try:
            answer = retry(
                lambda: self._try(what, function), self._work.within(self._retries.budget), attempts=attempts
            )
        except (errors.TransientError, SourceUnavailableError) as error:
            self._is_up = False
            self._unanswered.add(what)
            if isinstance(error, SourceUnavailableError):
                raise
            raise self._gave_up(what, error, self._clock.monotonic() - began) from None
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

    def _gave_up(self, what: str, error: "errors.TransientError", seconds: float) -> SourceUnavailableError:
        if self._work.is_stopped:
            return SourceUnavailableError(f"{what}: stopped while waiting for a retry")
        tries = f"{error.tries} {'try' if error.tries == 1 else 'tries'} in {format_duration(seconds)}"
        asked = f"; it asks to wait {format_duration(error.wait)}" if error.wait else ""
        msg = f"{what}: gave up after {tries}: {error}{asked}"
        return RateLimitedError(msg, error.wait) if error.limited else SourceUnavailableError(msg)

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

    def _take_turn(self, cost: float | None = None) -> None:
        if not self._throttle.take(self.exchange.rateLimit * (1.0 if cost is None else cost) / 1000, self._work):
            msg = f"{self.name}: stopped before the request"
            raise SourceUnavailableError(msg)

    def _keep(self, response: Any, *_args: object, **_options: object) -> None:  # noqa: ANN401
        self._last.status = response.status_code
        self._last.retry_after = response.headers.get("Retry-After")
        if 300 <= response.status_code < 400:  # noqa: PLR2004 - what stands there is nobody's answer
            msg = f"HTTP {response.status_code}: a redirect, which is not followed"
            raise self._ccxt.BadResponse(msg)


def _has_array(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_array(inner) for key, inner in value.items() if key not in _ERROR_KEYS)
    return isinstance(value, list)
