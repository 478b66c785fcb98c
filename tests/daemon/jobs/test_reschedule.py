"""Jobs made due before their time."""

import logging
import threading

import pytest

from dccd.daemon.jobs.reschedule import DueAtOnce
from dccd.testing import ManualClock

HOUR = 3600.0


def test_what_is_added_is_made_due_in_another_thread() -> None:
    """The one that adds may be one that the scheduler waits for."""
    made, threads, done = list[str | None](), set[threading.Thread](), threading.Event()

    def make_due(key: str | None) -> None:
        made.append(key)
        threads.add(threading.current_thread())
        if key == "b":
            done.set()

    due = DueAtOnce(make_due, 30.0)
    for key in ("a", "b"):
        due.add(key)
    assert done.wait(30)
    due.stop()
    assert made == ["a", "b"]
    assert threading.current_thread() not in threads


def test_a_time_of_day_set_back_makes_all_jobs_due(caplog: pytest.LogCaptureFixture) -> None:
    """Once, and it is said; a scheduler by itself would rest until that time comes again."""
    clock, made = ManualClock(), list[str | None]()
    due = DueAtOnce(made.append, 30.0, clock)
    clock.jump(-HOUR)
    with caplog.at_level(logging.WARNING, "dccd"):
        assert [due.look() for _ in range(3)] == [30.0, 30.0, 30.0]
    assert made == [None]
    assert [record.message for record in caplog.records] == [
        "the time of day was set back by 1h: all jobs are due at once"
    ]


@pytest.mark.parametrize("steps", [[HOUR], [-1.0], [0.0, 0.0], [HOUR, -4.0]])
def test_other_changes_of_the_time_make_nothing_due(steps: list[float]) -> None:
    """A scheduler sees by itself that time has gone on; and small corrections come all day."""
    clock, made = ManualClock(), list[str | None]()
    due = DueAtOnce(made.append, 30.0, clock)
    for step in steps:
        clock.advance(30.0)
        clock.jump(step)
        due.look()
    assert made == []


def test_small_steps_back_add_up() -> None:
    """Or jobs would be late by ever more."""
    clock, made = ManualClock(), list[str | None]()
    due = DueAtOnce(made.append, 30.0, clock)
    for _ in range(6):
        clock.jump(-1.0)
        due.look()
    assert made == [None]


def test_time_that_went_on_by_a_step_may_be_set_back_later() -> None:
    """As where a clock is set wrong first and right afterwards."""
    clock, made = ManualClock(), list[str | None]()
    due = DueAtOnce(made.append, 30.0, clock)
    clock.jump(HOUR)
    due.look()
    clock.jump(-HOUR)
    due.look()
    assert made == [None]
