"""Durations and timeframes as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.units import format_duration, format_timeframe, parse_duration, parse_timeframe


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
