"""What callers report, made an outcome."""

import logging
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from dccd._compat import override
from dccd.daemon.sanitize import describe, to_row_count, to_seconds
from dccd.redact import hide_secrets


class Odd:
    """Raises whatever it is asked."""

    def __index__(self) -> int:
        raise ZeroDivisionError

    def __float__(self) -> float:
        raise ZeroDivisionError


class OddError(Exception):
    """Has no text."""

    @override
    def __str__(self) -> str:
        raise ZeroDivisionError


class Like:
    """Counts, as integers of numpy do."""

    def __index__(self) -> int:
        return 12


@pytest.mark.parametrize(("rows", "counted"), [(0, 0), (7, 7), (True, 1), (2**53, 2**53), (Like(), 12)])
def test_a_number_of_rows_is_taken_as_it_is(rows: object, counted: int, caplog: pytest.LogCaptureFixture) -> None:
    """Without a word."""
    assert to_row_count(rows, "a") == counted
    assert type(to_row_count(rows, "a")) is int
    assert caplog.records == []


@pytest.mark.parametrize("rows", [-1, None, "7", 7.0, float("nan"), [1, 2], Odd(), object(), 2**53 + 1, 10**4000])
def test_rows_that_are_no_number_count_as_none(rows: object, caplog: pytest.LogCaptureFixture) -> None:
    """With a WARNING that names the job and what it was, not its content."""
    assert to_row_count(rows, "kraken/BTC/USD") == 0
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"kraken/BTC/USD: rows is not a number of rows ({type(rows).__name__}); recorded as 0"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (0, 0.0),
        (1.23456, 1.235),
        ("2.5", 2.5),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (-3, 0.0),
        (True, 1.0),
    ],
)
def test_seconds_are_kept_to_the_millisecond(
    value: object, seconds: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    """A clock that went backwards makes a duration of none."""
    assert to_seconds(value, "duration", "a") == seconds
    assert caplog.records == []


@pytest.mark.parametrize(
    "value", ["soon", float("nan"), float("inf"), float("-inf"), 1e300, 10**400, [], Odd(), 1j, Decimal("sNaN")]
)
def test_seconds_that_are_no_number_are_unknown(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With a WARNING that names the job and what is meant."""
    assert to_seconds(value, "newest_at", "kraken/BTC/USD") is None
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "kraken/BTC/USD: newest_at is not a number of seconds; ignored"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (None, None),
        (TimeoutError("no answer"), "TimeoutError: no answer"),
        (TimeoutError(), "TimeoutError"),
        (OddError("x"), "OddError"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        ("", ""),
        ("  out \t of\norder ", "out of order"),
        (ValueError("line\r\nline\x0b\x1c\u2028line"), "ValueError: line line line"),
        (ValueError("bad \ud800 text"), "ValueError: bad \ud800 text"),
    ],
)
def test_an_error_is_one_line(error: BaseException | str | None, text: str | None) -> None:
    """Its type and what it says, if it says anything."""
    assert describe(error) == text


def test_an_error_is_cut_to_500_characters() -> None:
    """Which the last one shows."""
    assert describe("x" * 500) == "x" * 500
    long = describe("x" * 501)
    assert long == "x" * 499 + "…"


def test_an_error_shows_no_secret_though_it_is_cut() -> None:
    """Not even a part of one: it is hidden first."""
    with hide_secrets("https://example.com/hook/s3cret-token"):
        text = describe(ConnectionError("x" * 480 + " https://example.com/hook/s3cret-token refused"))
    assert text is not None
    assert "s3cret" not in text
    assert "hook" not in text
