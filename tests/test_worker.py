"""The background thread."""

import threading

from dccd.clock import SYSTEM_CLOCK
from dccd.testing import ManualClock
from dccd.worker import Worker


def waits_of(*delays: float) -> set[float]:
    """Let work ask to be called again after each delay, and return how long the worker waited."""
    clock, done, answers = ManualClock(), threading.Event(), iter(delays)

    def work() -> float | None:
        delay = next(answers, None)
        if delay is None:
            done.set()
        return delay

    worker = Worker(work, clock)
    worker.wake()
    assert done.wait(5)
    worker.stop(5)
    return set(clock.waits)


def test_there_is_no_thread_until_there_is_work() -> None:
    """A monitor without alerts costs none."""
    before = threading.active_count()
    worker = Worker(lambda: None, SYSTEM_CLOCK)
    assert threading.active_count() == before
    worker.stop(1)


def test_the_work_is_called_again_after_the_time_it_asks_for() -> None:
    """And rests when it asks for none."""
    assert {5.0, 7.0} <= waits_of(5.0, 7.0)


def test_work_that_waits_for_long_is_called_each_minute() -> None:
    """What another process does wakes nobody here."""
    assert waits_of(7200.0, 7200.0) <= {0.0, 60.0}


def test_work_that_breaks_is_tried_again() -> None:
    """The thread lives on, so that alerts do."""
    clock, again = ManualClock(), threading.Event()
    calls: list[int] = []

    def work() -> float | None:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError
        again.set()
        return None

    worker = Worker(work, clock)
    worker.wake()
    assert again.wait(5)
    worker.stop(5)
    assert 60.0 in clock.waits


def test_a_worker_that_stopped_starts_no_more() -> None:
    """Nor does stopping twice do harm; work that hangs is left behind."""
    begun, end = threading.Event(), threading.Event()

    def work() -> float | None:
        begun.set()
        end.wait(10)
        return None

    worker = Worker(work, SYSTEM_CLOCK)
    worker.wake()
    assert begun.wait(5)
    worker.stop(0.01)
    before = threading.active_count()
    worker.wake()
    worker.stop(0.01)
    assert threading.active_count() == before
    end.set()
