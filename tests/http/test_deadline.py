"""Until when something is worth doing."""

import threading

from dccd.clock import SYSTEM_CLOCK
from dccd.http.deadline import Deadline
from dccd.testing import ManualClock


def test_time_is_left_until_it_is_over() -> None:
    """By the monotonic clock."""
    clock = ManualClock()
    deadline = Deadline(clock, 10)
    assert deadline.left() == 10
    clock.advance(11)
    assert deadline.left() < 0


def test_one_within_another_is_never_later() -> None:
    """Also where the outer one is brought forward after it was made."""
    clock = ManualClock()
    outer = Deadline(clock, 10)
    assert outer.within(3).left() == 3
    assert outer.within(30).left() == 10
    inner = outer.within(5)
    with outer.brought_forward(clock.monotonic() + 1):
        assert inner.left() == 1
    assert inner.left() == 5


def test_a_stop_ends_it() -> None:
    """And it says that it was stopped rather than over."""
    stop = threading.Event()
    deadline = Deadline(ManualClock(), 10, stop=stop).within(5)
    before = (deadline.wait(1), deadline.is_stopped)
    stop.set()
    assert before == (True, False)
    assert (deadline.wait(1), deadline.is_stopped, deadline.left()) == (False, True, 0)


def test_a_wait_is_as_long_as_asked_and_never_beyond_it() -> None:
    """It says whether any time is left."""
    clock = ManualClock()
    deadline = Deadline(clock, 10)
    assert deadline.wait(4)
    assert not deadline.wait(100)
    assert clock.waits == (4, 6)


def test_it_is_not_put_off_by_being_brought_forward_to_a_later_time() -> None:
    """The earlier of both counts."""
    clock = ManualClock()
    deadline = Deadline(clock, 10)
    with deadline.brought_forward(clock.monotonic() + 100):
        assert deadline.left() == 10


def test_a_wait_that_has_begun_ends_when_it_is_brought_forward() -> None:
    """In another thread, on the clock of the machine."""
    deadline, ended = Deadline(SYSTEM_CLOCK), list[bool]()
    thread = threading.Thread(target=lambda: ended.append(deadline.within(60).wait(50)))
    thread.start()
    with deadline.brought_forward(SYSTEM_CLOCK.monotonic() + 0.05):
        thread.join(5)
    assert ended == [False]
