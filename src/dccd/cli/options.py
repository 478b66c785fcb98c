"""Parse the values of options; an error names the option."""

from datetime import UTC, datetime

from dccd.errors import DccdError
from dccd.units import parse_duration


def seconds_of(option: str, duration: str) -> float:
    """Return a duration in seconds; any other text is an error."""
    try:
        return parse_duration(duration)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise DccdError(msg) from None


def milliseconds_of(option: str, time: str | None) -> int | None:
    """Return a time as milliseconds since 1970, in UTC if it names no zone; any other text is an error."""
    if time is None:
        return None
    try:
        found = datetime.fromisoformat(time)
    except ValueError:
        msg = f"{option}: not a time: {time!r}; write 2026-11-01 or 2026-11-01T12:00:00Z, in UTC"
        raise DccdError(msg) from None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
