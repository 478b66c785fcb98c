"""The values of options, and the errors that name the option."""

import pytest
from tests.cli.command import Command

from dccd.cli.options import milliseconds_of, seconds_of
from dccd.errors import DccdError


@pytest.mark.parametrize(
    "command",
    [
        ("healthcheck", "--max-age", "soon"),
        ("status", "--watch", "--interval", "soon"),
        ("status", "--watch", "--interval", "0"),
        ("status", "--watch", "--interval", "2h"),
    ],
)
def test_a_time_that_is_none_is_an_error_in_one_line(dccd: Command, command: tuple[str, ...]) -> None:
    """That names the option."""
    code, out, err = dccd(*command)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"dccd: {command[-2]}: ")


@pytest.mark.parametrize(
    ("written", "milliseconds"),
    [
        (None, None),
        ("1970-01-02", 86_400_000),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00.5+01:00", 500),
    ],
)
def test_a_time_is_in_utc_unless_it_names_a_zone(written: str | None, milliseconds: int | None) -> None:
    """In milliseconds since 1970; none stays none."""
    assert milliseconds_of("--start", written) == milliseconds


def test_a_duration_is_in_seconds_and_its_error_names_the_option() -> None:
    """As for a time."""
    assert seconds_of("--for", "1.5h") == 5400.0
    with pytest.raises(DccdError, match=r"^--for: "):
        seconds_of("--for", "soon")
    with pytest.raises(DccdError, match=r"^--end: not a time: 'soon'"):
        milliseconds_of("--end", "soon")
