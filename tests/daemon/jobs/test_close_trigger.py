"""When a series is due."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from dccd.daemon.jobs.close_trigger import AtClose

NOW = datetime(2026, 11, 18, 13, 37, 11, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [1, 60, 300, 3600, 14_400, 86_400, 259_200, 604_800, 1_209_600])
@pytest.mark.parametrize("previous", [None, NOW, NOW - timedelta(days=30)])
def test_it_is_due_after_each_close_whatever_came_before(seconds: int, previous: datetime | None) -> None:
    """A first run at an odd time shifts nothing, and what was missed is one run; weeks begin on Monday."""
    trigger = AtClose(seconds, 5.0, 0.0)
    first = trigger.get_next_fire_time(previous, NOW)
    assert timedelta(0) < first - NOW <= timedelta(seconds=seconds)
    assert trigger.get_next_fire_time(first, first) - first == timedelta(seconds=seconds)
    closed = first - timedelta(seconds=5)
    if seconds % 604_800:
        assert closed.timestamp() % seconds == 0
    else:
        assert (closed.weekday(), closed.hour, closed.minute, closed.second) == (0, 0, 0, 0)


@pytest.mark.parametrize(("jitter", "most"), [(0.0, 0.0), (10.0, 10.0), (3600.0, 30.0)])
def test_chance_makes_it_later_by_half_a_candle_at_most(jitter: float, most: float) -> None:
    """So that no candle is left out, and the next one is due in its own time."""
    random.seed(1)
    trigger = AtClose(60, 5.0, jitter)
    due, offsets = NOW, []
    for minute in range(38, 98):
        due = trigger.get_next_fire_time(due, due)
        offsets.append((due - NOW.replace(minute=0, second=5, microsecond=0)).total_seconds() - minute * 60)
    assert all(0 <= offset <= most for offset in offsets)
    assert max(offsets) >= most / 2


def test_a_delay_longer_than_a_candle_is_no_harm() -> None:
    """It is due once a candle all the same."""
    trigger = AtClose(60, 90.0, 0.0)
    assert trigger.get_next_fire_time(None, NOW) == datetime(2026, 11, 18, 13, 37, 30, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [0.3, 1, 30.0, 60])
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.7, 5.0])
def test_a_time_at_which_it_is_due_is_followed_by_another(seconds: float, delay: float) -> None:
    """To the microsecond, or a scheduler would find it due again and again."""
    trigger, due = AtClose(seconds, delay), NOW
    for _ in range(1000):
        before, due = due, trigger.get_next_fire_time(None, due)
        assert due > before
    assert (due - NOW).total_seconds() == pytest.approx(1000 * seconds, abs=seconds)
