"""The one retry loop: tenacity decides, and a deadline bounds it."""

from collections.abc import Callable
from typing import Final, TypeVar

import tenacity

from dccd.http.deadline import Deadline
from dccd.http.errors import AttemptError

T = TypeVar("T")

ATTEMPTS: Final = 5
_backoff: Final = tenacity.wait_random_exponential(multiplier=1, max=30)  # with full jitter


def retry(function: Callable[[], T], deadline: Deadline, *, attempts: int = ATTEMPTS) -> T:
    """Return what a function returns, calling it again after each retryable `AttemptError`.

    Between two attempts it waits as long as the server asked for, else exponentially with full jitter. The last error
    is raised when the attempts are used up, or when the next wait would end after the deadline.
    """

    def is_over(state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= attempts or state.upcoming_sleep > deadline.left()

    last: list[AttemptError] = []

    def attempt() -> T:
        try:
            return function()
        except AttemptError as error:
            error.tries = len(last) + 1
            last.append(error)
            raise

    def sleep(seconds: float) -> None:
        if not deadline.wait(seconds):
            raise last[-1]

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, AttemptError) and error.retryable),
        wait=_wait,
        stop=is_over,
        sleep=sleep,
        reraise=True,
    )(attempt)


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.wait if isinstance(error, AttemptError) else None
    return _backoff(state) if asked is None else asked
