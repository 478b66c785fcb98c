"""The settings of the schedule, and how old data may get."""

import pytest

from dccd.daemon.config import HistoJob, ScheduleConfig, load_config
from dccd.errors import ConfigError


def test_the_schedule_is_set_like_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """By variables too; durations as everywhere."""
    monkeypatch.setenv("DCCD_SCHEDULE__DELAY", "10s")
    monkeypatch.setenv("DCCD_SCHEDULE__JITTER", "1m")
    assert load_config().schedule == ScheduleConfig(delay=10, jitter=60)
    assert ScheduleConfig() == ScheduleConfig(delay="5s", jitter=0)


@pytest.mark.parametrize("name", ["delay", "jitter"])
@pytest.mark.parametrize("value", [-1, "61m", "soon"])
def test_times_have_bounds(name: str, value: object) -> None:
    """An hour is long enough for any exchange."""
    with pytest.raises(ConfigError, match=f"schedule.{name}"):
        load_config(schedule={name: value})


@pytest.mark.parametrize(("timeframe", "max_age"), [("1m", 120), ("1m", "1d"), ("1h", "2h"), ("1w", 0), ("1w", None)])
def test_data_may_be_older_than_two_candles_or_as_old_as_they_are(timeframe: str, max_age: object) -> None:
    """Zero means never, none the usual."""
    job = HistoJob.model_validate(
        {"exchange": "kraken", "pairs": "BTC/USD", "timeframe": timeframe, "max_age": max_age}
    )
    assert job.max_age is None or job.max_age == 0 or job.max_age >= 2 * job.seconds


def test_an_age_that_every_candle_reaches_is_a_mistake() -> None:
    """It would alert all the time."""
    job = {"exchange": "kraken", "pairs": "BTC/USD", "timeframe": "1h", "max_age": "1h"}
    with pytest.raises(ConfigError, match="max_age: should be two candles of 1h at least"):
        load_config(histo_jobs=[job])
