"""Durations, timeframes and times as people write them."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.units import format_duration, format_time, format_timeframe, parse_duration, parse_timeframe


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("10m", 600), ("4h", 14_400), ("2d", 172_800), ("1w", 604_800), (" 1.5 h ", 5400), ("7", 7), (0, 0)],
)
def test_a_duration_is_seconds_or_a_number_with_a_unit(text: str | float, seconds: float) -> None:
    """With a fraction or without."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "-1s", "1y", "1h30m", "1,5h", "inf", "nan", "\u0661s", -1, math.nan, math.inf, True]
)
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    """The error says what one is."""
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-5, "0s"), (59.6, "1m"), (61, "1m 1s"), (7_500, "2h 5m"), (90_061, "1d 1h"), (86_401, "1d 1s")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    """A negative one, of a clock set back, is zero."""
    assert format_duration(seconds) == text


@given(st.floats(0, 1e9))
def test_a_duration_told_is_at_most_its_smaller_unit_off(seconds: float) -> None:
    """What is told is never more than what it was, rounded to seconds."""
    told = sum(parse_duration(part) for part in format_duration(seconds).split())
    assert 0 <= round(seconds) - told < 3600


@given(st.integers(1, 10**7))
def test_a_timeframe_comes_back_as_it_was(seconds: int) -> None:
    """Whatever its length."""
    assert parse_timeframe(format_timeframe(seconds)) == seconds
    assert parse_timeframe(seconds) == parse_timeframe(str(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "1.5h", "1M", "1y", "h", "-1m", True, -60])
def test_what_is_no_timeframe_is_refused(text: str | int) -> None:
    """A calendar month, for one, has no fixed length."""
    with pytest.raises(ValueError, match="a timeframe is"):
        parse_timeframe(text)


def test_a_time_is_written_to_the_unit_that_is_asked_for() -> None:
    """In UTC, cut off and not rounded, for programs and for people."""
    at = 1_700_000_059.9996
    assert format_time(at) == "2023-11-14T22:14:19Z"
    assert format_time(at, "milliseconds") == "2023-11-14T22:14:19.999Z"
    assert format_time(at, "days") == "2023-11-14"
    assert format_time(at, "minutes", spoken=True) == "2023-11-14 22:14 UTC"


@given(st.floats(0, 253_402_300_799))
def test_a_time_that_is_written_reads_as_it_was(seconds: float) -> None:
    """To the second, until the end of the year 9999."""
    assert datetime.fromisoformat(format_time(seconds)) == datetime.fromtimestamp(math.floor(round(seconds, 6)), UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (math.nan, "1970-01-01T00:00:00Z"),
        (-0.5, "1969-12-31T23:59:59Z"),
        (1e300, "9999-12-31T23:59:59Z"),
        (math.inf, "9999-12-31T23:59:59Z"),
        (10**400, "9999-12-31T23:59:59Z"),
        (-1e300, "0001-01-01T00:00:00Z"),
        (-math.inf, "0001-01-01T00:00:00Z"),
    ],
)
def test_no_time_is_too_odd_to_be_written(seconds: float, text: str) -> None:
    """It stands in a log or an alert, which must not fail for it."""
    assert format_time(seconds) == text
