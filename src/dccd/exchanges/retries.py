"""Ask again what failed for now, within a budget of tries and of time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from dccd.clock import Clock
from dccd.errors import RateLimitedError, SourceUnavailableError
from dccd.units import format_duration

T = TypeVar("T")

_backoff: Final = wait_exponential_jitter(initial=1.0, max=30.0, jitter=1.0)


class TransientError(Exception):
    """Something that may work in a while."""

    def __init__(self, reason: str, wait: float | None = None, *, limited: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.limited = limited


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how long to ask again."""

    clock: Clock
    stop: threading.Event
    attempts: int = 5
    budget: float = 60.0

    def call(self, what: str, function: Callable[[], T], *, attempts: int | None = None) -> T:
        """Return what a function returns, calling it again after each `TransientError`."""
        began = self.clock.monotonic()
        most = self.attempts if attempts is None else attempts

        def spent(state: RetryCallState) -> bool:
            elapsed = self.clock.monotonic() - began
            return state.attempt_number >= most or elapsed + state.upcoming_sleep > self.budget

        def sleep(seconds: float) -> None:
            if self.clock.wait(self.stop, seconds):
                msg = f"{what}: stopped while waiting to try again"
                raise SourceUnavailableError(msg)

        def give_up(state: RetryCallState) -> T:
            error = _error_of(state)
            took = format_duration(self.clock.monotonic() - began)
            tries = f"{state.attempt_number} {'try' if state.attempt_number == 1 else 'tries'}"
            asked = f"; it asks to wait {format_duration(error.wait)}" if error.wait else ""
            msg = f"{what}: gave up after {tries} in {took}: {error.reason}{asked}"
            raise RateLimitedError(msg, error.wait) if error.limited else SourceUnavailableError(msg)

        return Retrying(
            retry=retry_if_exception_type(TransientError),
            wait=_wait,
            stop=spent,
            sleep=sleep,
            retry_error_callback=give_up,
        )(function)


def _error_of(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, TransientError) else TransientError("nothing was tried")


def _wait(state: RetryCallState) -> float:
    asked = _error_of(state).wait
    return _backoff(state) if asked is None else asked
