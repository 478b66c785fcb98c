"""A clock that moves only when told to."""

import threading
from typing import TYPE_CHECKING

import pytest

from dccd.testing import ManualClock

if TYPE_CHECKING:
    from dccd.clock import Clock


def test_waiting_moves_the_clock_at_once_and_is_written_down() -> None:
    """No test has to sleep."""
    clock: Clock = ManualClock(100)
    assert isinstance(clock, ManualClock)
    assert not clock.wait(threading.Event(), 2.5)
    assert (clock.time(), clock.waits) == (102.5, (2.5,))


def test_an_event_that_is_set_ends_a_wait_before_it_begins() -> None:
    """As with the real clock."""
    clock, event = ManualClock(100), threading.Event()
    event.set()
    assert clock.wait(event, 5)
    assert (clock.time(), clock.waits) == (100, ())


def test_a_jump_moves_the_wall_time_only() -> None:
    """Like an administrator who sets the time."""
    clock = ManualClock(100)
    before = clock.monotonic()
    clock.jump(-50)
    assert (clock.time(), clock.monotonic()) == (50, before)
    clock.advance(1)
    assert (clock.time(), clock.monotonic()) == (51, before + 1)
    with pytest.raises(ValueError, match="does not go backwards"):
        clock.advance(-1)
