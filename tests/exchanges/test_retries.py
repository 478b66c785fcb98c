"""How often and how long something is retried."""

import threading

import pytest

from dccd.errors import SourceUnavailableError
from dccd.exchanges.errors import TransientError
from dccd.exchanges.retries import Retries
from dccd.testing import ManualClock


class Flaky:
    """Fails so many times, then works."""

    def __init__(self, failures: int, wait: float | None = None) -> None:
        self.left = failures
        self.wait = wait
        self.calls = 0

    def __call__(self) -> str:
        """Do one try."""
        self.calls += 1
        if self.calls <= self.left:
            msg = f"outage {self.calls}"
            raise TransientError(msg, self.wait)
        return "done"


def test_what_fails_for_a_moment_is_retried_with_growing_waits() -> None:
    """Four failures and a success are a success."""
    clock, flaky = ManualClock(), Flaky(4)
    assert Retries(clock, threading.Event()).call("x", flaky) == "done"
    assert flaky.calls == 5
    for wait, least in zip(clock.waits, (1, 2, 4, 8), strict=True):
        assert least <= wait <= least + 1


def test_the_number_of_tries_is_bounded() -> None:
    """The error says how many, how long and why, in one line."""
    flaky = Flaky(99)
    with pytest.raises(SourceUnavailableError, match=r"^x: gave up after 5 tries in \d+s: outage 5$"):
        Retries(ManualClock(), threading.Event()).call("x", flaky)
    assert flaky.calls == 5


def test_the_total_time_is_bounded() -> None:
    """A wait that would end after the budget is not begun."""
    clock, flaky = ManualClock(), Flaky(99, wait=25.0)
    with pytest.raises(SourceUnavailableError, match="3 tries in 50s: outage 3; it asks to wait 25s"):
        Retries(clock, threading.Event()).call("x", flaky)
    assert clock.waits == (25.0, 25.0)


def test_a_stop_ends_the_wait() -> None:
    """Nothing is retried once the event is set."""
    stop, flaky = threading.Event(), Flaky(99)
    stop.set()
    with pytest.raises(SourceUnavailableError, match="x: stopped while waiting"):
        Retries(ManualClock(), stop).call("x", flaky)
    assert flaky.calls == 1


def test_other_errors_pass_at_once() -> None:
    """Only what is transient is retried."""

    def broken() -> None:
        raise KeyError

    clock = ManualClock()
    with pytest.raises(KeyError):
        Retries(clock, threading.Event()).call("x", broken)
    assert clock.waits == ()
