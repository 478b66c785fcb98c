"""How often and how long something is tried."""

import threading

import pytest

from dccd.http.deadline import Deadline
from dccd.http.errors import AttemptError
from dccd.http.retrying import retry
from dccd.testing import ManualClock


class Flaky:
    """Fails so many times, then works."""

    def __init__(self, failures: int, wait: float | None = None, *, retryable: bool = True) -> None:
        self.left = failures
        self.calls = 0
        self._wait = wait
        self._retryable = retryable

    def __call__(self) -> str:
        """Do one attempt."""
        self.calls += 1
        if self.calls <= self.left:
            msg = f"outage {self.calls}"
            raise AttemptError(msg, retryable=self._retryable, wait=self._wait)
        return "done"


def test_what_fails_for_a_moment_is_tried_again_with_growing_random_waits() -> None:
    """Full jitter: anything from no time to twice the time before."""
    clock, flaky = ManualClock(), Flaky(4)
    assert retry(flaky, Deadline(clock, 60)) == "done"
    assert flaky.calls == 5
    assert len(clock.waits) == 4
    assert all(0 <= wait <= most for wait, most in zip(clock.waits, (1, 2, 4, 8), strict=True))


def test_the_number_of_attempts_is_bounded() -> None:
    """The last error says how many there were."""
    flaky = Flaky(99)
    with pytest.raises(AttemptError, match="outage 3") as caught:
        retry(flaky, Deadline(ManualClock(), 600), attempts=3)
    assert (flaky.calls, caught.value.tries) == (3, 3)


def test_no_wait_goes_beyond_the_deadline() -> None:
    """A server that asks for more time than there is gets no second attempt now."""
    clock, flaky = ManualClock(), Flaky(99, wait=40)
    with pytest.raises(AttemptError, match="outage 2"):
        retry(flaky, Deadline(clock, 60))
    assert clock.waits == (40,)


def test_the_server_says_how_long_to_wait() -> None:
    """To the second."""
    clock = ManualClock()
    retry(Flaky(2, wait=7), Deadline(clock, 60))
    assert clock.waits == (7, 7)


def test_what_will_not_pass_is_not_tried_again() -> None:
    """Nor is what is no failure of an attempt."""
    flaky = Flaky(1, retryable=False)
    with pytest.raises(AttemptError, match="outage 1"):
        retry(flaky, Deadline(ManualClock(), 60))
    assert flaky.calls == 1
    with pytest.raises(ZeroDivisionError):
        retry(lambda: 1 // 0, Deadline(ManualClock(), 60))


def test_a_stop_ends_the_wait_with_the_last_error() -> None:
    """No further attempt is made."""
    stop, flaky = threading.Event(), Flaky(99)

    def fail() -> str:
        stop.set()
        return flaky()

    with pytest.raises(AttemptError, match="outage 1"):
        retry(fail, Deadline(ManualClock(), 60, stop=stop))
