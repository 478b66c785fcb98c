"""One exchange of ccxt, made to behave: every request bounded, every failure classified."""

import functools
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import MissingExtraError, SourceRefusedError, SourceUnavailableError
from dccd.exchanges.retries import Retries, TransientError
from dccd.http import parse_retry_after
from dccd.redact import redact

T = TypeVar("T")

_MAX_TEXT: Final = 300
_ANSWER_TIMEOUTS: Final = 3
_LIMITED: Final = frozenset({418, 429})
_BUSY: Final = _LIMITED | {408, 425}
_ERRORS: Final = frozenset({"error", "errors"})
_GEO_BLOCK: Final = re.compile(r"restricted location|from your country", re.IGNORECASE)
# What code that expects another answer raises when it meets nonsense.
_NONSENSE: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


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
    """Return the names of the exchanges ccxt knows.

    Examples
    --------
    >>> "kraken" in ccxt_exchanges()
    True
    """
    return frozenset(import_ccxt().exchanges)


@dataclass(slots=True)
class _Seen:
    """What the last request met: the HTTP status, the wait asked for, and the parsed body."""

    status: int = 0
    retry_after: str | None = None
    body: object = None


class CcxtClient:
    """An exchange of ccxt whose calls are serialised, throttled, bounded and retried.

    After a call that failed in spite of all tries, nothing is tried more than once until the exchange answers, nor is
    the same thing until it is answered: an outage is no reason to keep everybody else waiting.
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
        self._seen = _Seen()
        self._unanswered: set[str] = set()
        self._answers = True
        self.exchange: Any = getattr(self._ccxt, name)({"enableRateLimit": True, "timeout": timeout * 1000})
        # Currencies are details of deposits and withdrawals; loading them costs requests.
        self.exchange.has["fetchCurrencies"] = False
        self._fetch_unchecked = self.exchange.fetch
        self.exchange.fetch = self._fetch
        self.exchange.throttle = self._throttle
        session = self.exchange.session
        session.hooks["response"].append(self._note)
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(_ANSWER_TIMEOUTS * timeout, retries.stop))

    def call(self, what: str, function: Callable[[Any], T]) -> T:
        """Return what a function of the exchange returns, asking again while that may help."""
        attempts = None if self._answers and what not in self._unanswered else 1
        try:
            answer = self._retries.call(what, lambda: self._try(what, function), attempts=attempts)
        except SourceUnavailableError:
            self._answers = False
            self._unanswered.add(what)
            raise
        self._answers = True
        self._unanswered.discard(what)
        return answer

    def answered_with_rows(self) -> bool:
        """Return whether the last answer was made of rows or has an array inside, as each that lists candles does.

        An array of errors, which Kraken sends empty with every answer, lists no candles.
        """
        body = self._seen.body
        if isinstance(body, list):
            return all(isinstance(row, list | dict) for row in body)
        return _has_array(body)

    def close(self) -> None:
        """Close the connections."""
        self.exchange.close()

    def _try(self, what: str, function: Callable[[Any], T]) -> T:
        with self._lock:
            self._seen = _Seen()
            try:
                return function(self.exchange)
            except self._ccxt.BaseError as error:
                reason = _one_line(f"{type(error).__name__}: {self._told(error)}")
                if not self._may_pass(error):
                    msg = f"{what}: {reason}"
                    raise SourceRefusedError(msg) from None
                wait = parse_retry_after(self._seen.retry_after, self._clock.time())
                too_often = (self._ccxt.RateLimitExceeded, self._ccxt.DDoSProtection)
                limited = self._seen.status in _LIMITED or isinstance(error, too_often)
                raise TransientError(reason, wait, limited=limited) from None
            except _NONSENSE as error:
                reason = _one_line(f"made no sense of the answer: {type(error).__name__}: {error}")
                raise TransientError(reason) from None

    def _told(self, error: Exception) -> str:
        """Return the text of an error of ccxt, which leaves out what came between us and the exchange."""
        text = str(error).removeprefix(f"{self.name} ")
        cause = _root(error)
        if cause is error:
            return text
        return f"{getattr(cause, 'strerror', None) or cause} ({text})"

    def _may_pass(self, error: Exception) -> bool:
        status = self._seen.status
        blocked = status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS or _GEO_BLOCK.search(str(error))
        if blocked or isinstance(error, self._ccxt.RestrictedLocation):
            return False
        if isinstance(error, self._ccxt.OperationFailed) or status in _BUSY or status in range(500, 600):
            return True
        from requests.exceptions import ContentDecodingError  # noqa: PLC0415 - ccxt has loaded it by now

        return isinstance(error.__cause__, ContentDecodingError)  # garbled on the way, which ccxt takes for a refusal

    def _fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> object:  # noqa: ANN401
        answer = self._fetch_unchecked(self._redirected(url), method, headers, body)
        if not isinstance(answer, dict | list) or answer == {}:
            msg = f"neither a JSON object nor an array: {str(answer)[:100]!r}"
            raise self._ccxt.BadResponse(msg)
        self._seen.body = answer
        return answer

    def _redirected(self, url: str) -> str:
        if self._base_url is None:
            return url
        parts = urlsplit(url)
        return self._base_url + parts.path + (f"?{parts.query}" if parts.query else "")

    def _throttle(self, cost: float | None = None) -> None:
        now, stop = self._clock.monotonic(), self._retries.stop
        if stop.is_set() or (self._free_at > now and self._clock.wait(stop, self._free_at - now)):
            msg = f"{self.name}: stopped before it was asked"
            raise SourceUnavailableError(msg)
        spacing = self.exchange.rateLimit * (1.0 if cost is None else cost) / 1000
        self._free_at = max(now, self._free_at) + spacing

    def _note(self, response: Any, *_args: object, **_options: object) -> None:  # noqa: ANN401
        self._seen.status = response.status_code
        self._seen.retry_after = response.headers.get("Retry-After")


def _one_line(text: str) -> str:
    line = " ".join(redact(text[: 10 * _MAX_TEXT]).split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 3] + "..."


def _root(error: BaseException) -> BaseException:
    """Return the first of the errors that led to one that ccxt says was caused by another."""
    cause = error.__cause__
    while cause is not None:
        error, cause = cause, cause.__cause__ or cause.__context__
    return error


def _has_array(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_array(inner) for key, inner in value.items() if key not in _ERRORS)
    return isinstance(value, list)
