"""Post one message: tenacity decides on the tries, requests makes them."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import requests
import tenacity

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.http import bounded, parse_retry_after
from dccd.redact import redact

if TYPE_CHECKING:
    from tenacity import RetryCallState

ATTEMPTS: Final = 5
BUDGET_SECONDS: Final = 60.0
CONNECT_TIMEOUT_SECONDS: Final = 3.05
READ_TIMEOUT_SECONDS: Final = 10.0
ATTEMPT_SECONDS: Final = 15.0
_MIN_ATTEMPT_SECONDS: Final = 0.1
_MAX_ANSWER_BYTES: Final = 4096
_RETRYABLE: Final = frozenset({408, 425, 429})
_BODY_COUNTS: Final = frozenset({"slack", "teams"})
CUT: Final = "no whole answer in time"
_GONE: Final = frozenset({404, 410})


class NotSentError(Exception):
    """A message did not reach its destination; the text has no URL.

    `retryable` means that the same request may succeed later, after `wait` seconds if the server gave them; `gone` that
    the destination no longer exists.
    """

    def __init__(self, reason: str, *, retryable: bool, wait: float | None = None, gone: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable
        self.wait = wait
        self.gone = gone


class _HidePaths(logging.Filter):
    """Hides the path of each request, which urllib3 logs at DEBUG and which is the secret."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


_hide_paths: Final = _HidePaths()
logging.getLogger("urllib3.connectionpool").addFilter(_hide_paths)


@dataclass(slots=True)
class Sender:
    """Posts messages with retries; one thread at a time."""

    session: requests.Session
    clock: Clock = SYSTEM_CLOCK
    _hurry: threading.Event = field(default_factory=threading.Event, init=False)
    _until: float = field(default=float("inf"), init=False)

    def hurry(self, until: float) -> None:
        """Give up at a time of the monotonic clock."""
        self._until = until
        self._hurry.set()

    def relax(self) -> None:
        """Take back `hurry`."""
        self._until = float("inf")
        self._hurry.clear()

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        stamp: Callable[[float], Mapping[str, str]] | None = None,
        service: str = "",
    ) -> None:
        """Post a body until the server takes it; raise `NotSentError` if it refuses or all tries fail.

        `stamp` returns further headers, given the time of each try. A `service` may refuse with HTTP 200.
        """

        def attempt(seconds: float) -> None:
            stamped = {} if stamp is None else stamp(self.clock.time())
            self._attempt(url, body, {**headers, **stamped}, service, seconds)

        self.retry(attempt)

    def retry(self, attempt: Callable[[float], None]) -> None:
        """Try until a call succeeds in the seconds it is given, or raise the last error at the end of the budget."""
        started = self.clock.monotonic()

        def left() -> float:  # less once `hurry` is called
            return min(started + BUDGET_SECONDS, self._until) - self.clock.monotonic()

        def is_over(state: "RetryCallState") -> bool:
            return state.attempt_number >= ATTEMPTS or state.upcoming_sleep > left()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, NotSentError) and error.retryable),
            wait=_Wait(),
            stop=is_over,
            sleep=self._sleep,
            reraise=True,
        )
        retrying(lambda: attempt(max(_MIN_ATTEMPT_SECONDS, min(ATTEMPT_SECONDS, left()))))

    def _attempt(self, url: str, body: bytes, headers: Mapping[str, str], service: str, seconds: float) -> None:
        timeout = (min(CONNECT_TIMEOUT_SECONDS, seconds), min(READ_TIMEOUT_SECONDS, seconds))
        # `from None` throughout: the errors of requests hold the URL.
        over = threading.Event()
        try:
            with (
                bounded(seconds) as over,
                self.session.post(
                    url, data=body, headers=headers, timeout=timeout, allow_redirects=False, stream=True
                ) as response,
            ):
                answer = response.raw.read(_MAX_ANSWER_BYTES, decode_content=False) or b""
                status, asked = response.status_code, response.headers.get("Retry-After")
        except Exception as error:  # noqa: BLE001 - of requests, urllib3 or the system
            raise _classify(error, is_over=over.is_set()) from None
        # A cut looks like the end of the answer: only a success in the status line is certain.
        if over.is_set() and (service in _BODY_COUNTS or not 200 <= status < 300):  # noqa: PLR2004
            raise NotSentError(CUT, retryable=True)
        self._judge(status, asked, answer.decode("utf-8", "replace").strip(), service)

    def _judge(self, status: int, asked: str | None, answer: str, service: str) -> None:
        if 200 <= status < 300:  # noqa: PLR2004
            if service == "slack" and answer != "ok":
                reason = f"HTTP {status}, but not Slack's ok"
                raise NotSentError(reason, retryable=False)
            if service == "teams" and "HTTP error 429" in answer:
                reason = "Teams is busy (429 in an HTTP 200)"
                raise NotSentError(reason, retryable=True)
            return
        retryable = status in _RETRYABLE or status >= 500  # noqa: PLR2004
        wait = parse_retry_after(asked, self.clock.time()) if retryable else None
        raise NotSentError(_status(status), retryable=retryable, wait=wait, gone=status in _GONE)

    def _sleep(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        if self.clock.wait(self._hurry, seconds):
            left = min(end, self._until) - self.clock.monotonic()
            if left > 0:
                self.clock.wait(threading.Event(), left)


class _Wait(tenacity.wait.wait_base):
    """The wait that the server asks for, else exponential with full jitter."""

    _backoff: Final = tenacity.wait_random_exponential(multiplier=1, max=30)

    @override
    def __call__(self, retry_state: "RetryCallState") -> float:
        error = retry_state.outcome.exception() if retry_state.outcome is not None else None
        if isinstance(error, NotSentError) and error.wait is not None:
            return error.wait
        return self._backoff(retry_state)


def _classify(error: Exception, *, is_over: bool) -> NotSentError:
    if is_over:
        return NotSentError(CUT, retryable=True)
    if isinstance(error, requests.exceptions.SSLError):  # a ConnectionError, but a lasting one
        return NotSentError("its TLS certificate is not trusted", retryable=False)
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    retryable = isinstance(error, passing) or not isinstance(error, requests.RequestException)
    return NotSentError(_words(error), retryable=retryable)


def _words(error: Exception) -> str:
    """Return the type of an error, and the message of the system, which has no URL, if there is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return f"{type(error).__name__}: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _status(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
