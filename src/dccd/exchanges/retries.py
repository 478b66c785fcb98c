"""Retry what failed, a number of times and within a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential_jitter

from dccd.clock import Clock
from dccd.errors import RateLimitedError, SourceUnavailableError
from dccd.exchanges.errors import TransientError
from dccd.units import format_duration

T = TypeVar("T")

_backoff: Final = wait_exponential_jitter(initial=1.0, max=30.0, jitter=1.0)


@dataclass(frozen=True, slots=True)
class Retries:
    """How many attempts a call has, and how many seconds after the first one (`budget`) no further one begins.

    Once `stop` is set, waiting ends and nothing is retried.
    """

    clock: Clock
    stop: threading.Event
    attempts: int = 5
    budget: float = 60.0

    def call(self, what: str, function: Callable[[], T], *, attempts: int | None = None) -> T:
        """Return what a function returns, retrying after each `TransientError`; `what` begins an error."""
        began = self.clock.monotonic()
        max_attempts = self.attempts if attempts is None else attempts

        def is_spent(state: RetryCallState) -> bool:
            elapsed = self.clock.monotonic() - began
            return state.attempt_number >= max_attempts or elapsed + state.upcoming_sleep > self.budget

        def sleep(seconds: float) -> None:
            if self.clock.wait(self.stop, seconds):
                msg = f"{what}: stopped while waiting for a retry"
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
            stop=is_spent,
            sleep=sleep,
            retry_error_callback=give_up,
        )(function)


def _error_of(state: RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, TransientError) else TransientError("nothing was tried")


def _wait(state: RetryCallState) -> float:
    asked = _error_of(state).wait
    return _backoff(state) if asked is None else asked
