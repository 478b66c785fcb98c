"""Turns that keep calls apart."""

import threading

from dccd.http.deadline import Deadline
from dccd.http.throttle import Throttle
from dccd.testing import ManualClock


def test_a_throttle_keeps_calls_apart() -> None:
    """Each says for how long the next one has to wait."""
    clock = ManualClock()
    throttle, deadline = Throttle(clock), Deadline(clock)
    assert throttle.take(2, deadline)
    assert not clock.waits
    assert throttle.take(1, deadline)
    clock.advance(5)
    assert throttle.take(1, deadline)
    assert clock.waits == (2,)


def test_a_throttle_waits_for_no_turn_after_the_deadline() -> None:
    """The turn goes to nobody."""
    clock, stop = ManualClock(), threading.Event()
    throttle = Throttle(clock)
    throttle.take(10, Deadline(clock))
    assert not throttle.take(1, Deadline(clock, 4))
    stop.set()
    assert not throttle.take(1, Deadline(clock, stop=stop))
    assert clock.waits == (4,)
