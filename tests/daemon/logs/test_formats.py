"""The form of a record, in text and in JSON."""

import json
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd._compat import override
from dccd.daemon.logs import JsonFormatter, TextFormatter
from dccd.printable import printable
from dccd.redact import hide_secrets

SECRET = "https://example.com/hook/s3cret-token"
TEXT = TextFormatter()
JSON = JsonFormatter()


def record(message: object, *args: object, **fields: Any) -> logging.LogRecord:
    """Return a record made at a quarter past the epoch."""
    made = logging.LogRecord("kraken", logging.ERROR, __file__, 1, message, args, None)
    made.__dict__.update({"created": 900.25, **fields})
    return made


class Rude:
    """An argument that has no text."""

    @override
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


def caught(error: BaseException) -> Any:
    """Return what `sys.exc_info` says of an error that was raised."""
    try:
        raise error
    except type(error):
        return sys.exc_info()


def test_times_are_in_utc_and_iso_8601() -> None:
    """To the millisecond, in both forms; whatever the zone of the machine."""
    assert TEXT.format(record("x")) == "1970-01-01T00:15:00.250Z ERROR kraken: x"
    assert json.loads(JSON.format(record("x")))["time"] == "1970-01-01T00:15:00.250Z"


@pytest.mark.parametrize("created", [float("inf"), float("nan"), 1e30, -1e30])
def test_a_time_that_is_none_costs_no_line(created: float) -> None:
    """Its message is there."""
    assert TEXT.format(record("x", created=created)).endswith("ERROR kraken: x")


@given(st.text(st.characters()), st.text(st.characters()))
def test_no_text_passes_for_a_record(message: str, error: str) -> None:
    """Each further line is marked, whatever ends a line for whoever reads the file."""
    text = TEXT.format(record("%s", message, exc_info=(ValueError, ValueError(error), None)))
    first, *further = text.split("\n")
    assert first.startswith("1970-01-01T00:15:00.250Z ERROR kraken: ")
    assert all(line.startswith("  | ") for line in further)
    assert text.splitlines() == [first, *further]
    assert printable(text.replace("\n", "").replace("\t", "")) == text.replace("\n", "").replace("\t", "")


def test_a_forged_line_is_seen_to_be_one() -> None:
    """A newline in what an exchange says neither begins a record nor hides one."""
    forged = "no answer\n2026-11-24T00:00:00.000Z INFO dccd: all is well\r\x1b[2K\u202e\udcef"
    first, second = TEXT.format(record("failed: %s", forged)).split("\n")
    assert first.endswith("failed: no answer")
    assert second == "  | 2026-11-24T00:00:00.000Z INFO dccd: all is well\\r\\x1b[2K\\u202e\\udcef"


@given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.integers() | st.binary() | st.none()))
def test_json_is_one_line_whatever_a_record_holds(message: str, extra: dict[str, object]) -> None:
    """Of ASCII, and strict: no NaN."""
    made = record("%s", message)
    made.__dict__.update({f"x_{name}": value for name, value in extra.items()})
    line = JSON.format(made)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    body = json.loads(line, parse_constant=pytest.fail)
    assert body["message"] == message
    assert set(body.get("extra", {})) == {f"x_{name}" for name in extra}


def test_json_has_what_belongs_to_a_record_and_no_more() -> None:
    """`error`, `stack` and `extra` only where there are any."""
    plain = json.loads(JSON.format(record("x", exc_info=(None, None, None))))
    assert plain == {"time": "1970-01-01T00:15:00.250Z", "level": "ERROR", "logger": "kraken", "message": "x"}
    assert json.loads(JSON.format(record("x", exc_text="Traceback: from elsewhere")))["error"].endswith("elsewhere")
    full = json.loads(
        JSON.format(record("x", exc_info=caught(KeyError("k")), stack_info="Stack:\n  here", job="a", rows=3, ok=True))
    )
    assert full["error"].startswith("Traceback")
    assert full["error"].endswith("KeyError: 'k'")
    assert full["stack"] == "Stack:\n  here"
    assert full["extra"] == {"job": "a", "rows": 3, "ok": True}


@pytest.mark.parametrize("formatter", [TEXT, JSON], ids=["text", "json"])
@pytest.mark.parametrize(
    "made",
    [
        record(f"to {SECRET}"),
        record("to %s", SECRET),
        record("to %(url)s", {"url": SECRET}),
        record("to %r", [SECRET]),
        record("to %d", SECRET),  # does not fit
        record("no answer", exc_info=caught(ConnectionError(SECRET))),
        record("no answer", exc_text=f"Traceback: {SECRET}"),
        record("no answer", stack_info=f"Stack: post({SECRET!r})"),
        record("no answer", url=SECRET),
        record("no answer", request={"url": SECRET}),
        record("no answer", **{SECRET: 1}),
        record("no answer", name=SECRET),
        record(Rude()),
    ],
)
def test_a_secret_is_hidden_wherever_a_record_holds_it(formatter: logging.Formatter, made: logging.LogRecord) -> None:
    """In message, arguments, tracebacks, stacks, fields of `extra` and names."""
    with hide_secrets(SECRET):
        assert "s3cret" not in formatter.format(made)


def test_a_cause_is_hidden_too() -> None:
    """Tracebacks show what an error came from."""
    error = ValueError("outer")
    error.__cause__ = ConnectionError(SECRET)
    error.add_note(SECRET)
    with hide_secrets(SECRET):
        text = TEXT.format(record("x", exc_info=caught(error)))
    assert "ConnectionError: ***" in text
    assert "s3cret" not in text


@pytest.mark.parametrize("formatter", [TEXT, JSON], ids=["text", "json"])
@pytest.mark.parametrize(
    ("made", "seen"),
    [
        (record("100 %"), "100 %"),
        (record("%d rows", "many"), "%d rows (not formatted: TypeError, arguments ('many',))"),
        (record("%s and %s", 1), "%s and %s (not formatted: TypeError, arguments (1,))"),
        (record("%s", Rude()), "without text"),
        (record(Rude()), "without text"),
        (record("x", exc_info=True), "could not be shown"),
        (record("x", stack_info=7), "could not be shown"),
    ],
)
def test_a_record_that_does_not_fit_is_shown_all_the_same(
    formatter: logging.Formatter, made: logging.LogRecord, seen: str
) -> None:
    """As far as it can be: nothing is raised, and no line is lost."""
    assert seen in formatter.format(made)


def test_a_number_too_long_for_json_costs_no_line() -> None:
    """Python refuses to print it."""
    assert "could not be shown" in JSON.format(record("x", number=10**5000))


def test_formatting_changes_nothing_in_the_record() -> None:
    """Handlers of the program come after ours, and format it their own way."""
    made = record("x", exc_info=caught(ValueError("y")))
    before = dict(vars(made))
    TEXT.format(made)
    JSON.format(made)
    assert vars(made) == before
