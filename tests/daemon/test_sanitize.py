"""What callers report, made an outcome."""

import asyncio
import concurrent.futures
import logging
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd._compat import override
from dccd.daemon.sanitize import clean_key, describe, is_failure, to_key, to_row_count, to_seconds
from dccd.errors import SourceUnavailableError
from dccd.printable import printable
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


E = TypeVar("E", bound=BaseException)


class Panic(BaseException):
    """As a panic of an extension in Rust, or `gevent.Timeout`."""


class PanickingError(Exception):
    """Panics for a text."""

    @override
    def __str__(self) -> str:
        raise Panic


class Texts(Exception):  # noqa: N818 - a name is all it has
    """Returns a number for a text."""

    @override
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307


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
        (ValueError, "ValueError"),
        (b"no \xff answer", "no \\xff answer"),
        (5, "int: 5"),
        (Texts(), "Texts"),
        (PanickingError(), "PanickingError"),
        ("\x1b[2J\x9b\u202e", "\\x1b[2J\\x9b\\u202e"),
        ("", ""),
        ("  out \t of\norder ", "out of order"),
        (ValueError("line\r\nline\x0b\x1c\u2028line"), "ValueError: line line line"),
        (ValueError("bad \ud800 text"), "ValueError: bad \\ud800 text"),
    ],
)
def test_an_error_is_one_line(error: object, text: str | None) -> None:
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


@given(st.text(st.characters()))
def test_no_text_is_too_odd_for_an_error_or_a_key(text: str) -> None:
    """What is recorded is printable and bounded, and cleaning it again changes nothing."""
    error, key = describe(ValueError(text)), to_key(text, text, text)
    assert error is not None
    assert (printable(error), printable(key)) == (error, key)
    assert len(error) <= 500
    assert len(key) <= 256
    assert clean_key(key) == key


def raised(error: E, cause: BaseException) -> E:
    """Return an error with an explicit cause."""
    error.__cause__ = cause
    return error


NO_ROUTE = ConnectionError("no route")
REFUSED = PermissionError("refused")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (raised(RuntimeError("job failed"), NO_ROUTE), "RuntimeError: job failed, from ConnectionError: no route"),
        (raised(RuntimeError("failed: no route"), NO_ROUTE), "RuntimeError: failed: no route"),
        (raised(SourceUnavailableError("kraken: down"), NO_ROUTE), "SourceUnavailableError: kraken: down"),
        (ExceptionGroup("of tasks", [NO_ROUTE]), "ConnectionError: no route"),
        (
            ExceptionGroup("", [NO_ROUTE, ExceptionGroup("", [REFUSED, KeyError(1)]), OSError(), OSError("x")]),
            "ConnectionError: no route; PermissionError: refused; KeyError: 1 (and 2 more)",
        ),
        (ExceptionGroup("", [NO_ROUTE] * 5), "ConnectionError: no route (and 4 more)"),
        (BaseExceptionGroup("", [asyncio.CancelledError(), REFUSED]), "PermissionError: refused"),
        (raised(KeyError(1), ExceptionGroup("", [NO_ROUTE])), "KeyError: 1, from ConnectionError: no route"),
        (ExceptionGroup("", [raised(KeyError(1), OSError(2))]), "KeyError: 1, from OSError: 2"),
    ],
)
def test_an_error_names_what_lies_behind_it(error: BaseException, text: str) -> None:
    """Errors of a group, at most three, and causes; our own errors say all by themselves."""
    assert describe(error) == text


def test_a_chain_of_causes_has_an_end() -> None:
    """One that goes round, and one that is long: its first and its last two errors are named."""
    first, second = ValueError("1"), KeyError(2)
    raised(first, raised(second, first))
    assert describe(first) == "ValueError: 1, from KeyError: 2"
    error: BaseException = ValueError(0)
    for number in range(1, 9):
        error = raised(ValueError(number), error)
    assert describe(error) == "ValueError: 8, from ValueError: 1, from ValueError: 0"


Cancelled = type("Cancelled", (BaseException,), {"__module__": "trio"})
GreenletExit = type("GreenletExit", (BaseException,), {"__module__": "greenlet"})


@pytest.mark.parametrize(
    "error",
    [
        *(KeyboardInterrupt(), SystemExit(1), GeneratorExit(), asyncio.CancelledError()),
        *(concurrent.futures.CancelledError(), Cancelled(), GreenletExit()),
        type("Ours", (asyncio.CancelledError,), {})(),
        BaseExceptionGroup("", [KeyboardInterrupt(), BaseExceptionGroup("", [Cancelled()])]),
    ],
)
def test_the_end_of_a_program_or_task_is_no_failure(error: BaseException) -> None:
    """Nor is a group of nothing else."""
    assert not is_failure(error)


@pytest.mark.parametrize(
    "error",
    [
        *(ValueError(), Panic(), TimeoutError(), type("Cancelled", (Exception,), {})()),
        BaseExceptionGroup("", [KeyboardInterrupt(), ValueError()]),
    ],
)
def test_every_other_exception_is_a_failure(error: BaseException) -> None:
    """One that is no `Exception` and one in a group, too."""
    assert is_failure(error)


@pytest.mark.parametrize(
    "pair", ["", "BTC/USDT:USDT", "btc/usdt", "ünï/😀", "x" * 249, "a b", "👨\u200d👩", "می\u200cخ"]
)
def test_a_key_that_does_no_harm_stays_as_it_is(pair: str, caplog: pytest.LogCaptureFixture) -> None:
    """Byte for byte, without a word."""
    assert to_key("kraken", pair) == f"kraken/{pair}"
    assert caplog.records == []


def test_an_odd_key_is_cleaned_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Two long ones stay two, and what has no text is named by its type."""
    for _ in range(3):
        assert to_key("told once", "x\n[RESOLVED]\x1b[2J\udcef") == r"told once/x\n[RESOLVED]\x1b[2J\udcef"
    assert len(caplog.records) == 1
    assert to_key("k", "x" * 10_000) != to_key("k", "x" * 10_001)
    assert len(to_key("k", "x" * 10_000)) == 256
    assert to_key(OddError(), "x", 60) == "<OddError without text>/x@60"
