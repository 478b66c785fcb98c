"""Turn whatever a caller reports into values of an outcome; nothing here raises."""

import logging
import math
import operator
from contextlib import suppress
from typing import Final

from dccd.daemon.records import LATEST_SECONDS
from dccd.redact import redact

logger: logging.Logger = logging.getLogger("dccd.daemon.outcomes")

_MAX_ERROR_LENGTH: Final = 500
_MAX_ROWS: Final = 2**53  # what every reader of JSON counts exactly


def describe(error: BaseException | str | None) -> str | None:
    """Return an error as one line without secrets, ``Type: message``, cut to 500 characters.

    Examples
    --------
    >>> describe(TimeoutError("no answer"))
    'TimeoutError: no answer'
    """
    if error is None:
        return None
    try:
        text = str(error) if isinstance(error, str) else f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - somebody's own __str__
        text = type(error).__name__
    text = " ".join(redact(text).split()).removesuffix(":")
    return text if len(text) <= _MAX_ERROR_LENGTH else f"{text[: _MAX_ERROR_LENGTH - 1]}…"


def to_row_count(rows: object, key: str) -> int:
    """Return a number of rows; anything else counts as 0, with a warning."""
    try:
        value = operator.index(rows)  # type: ignore[arg-type]  # what is no integer raises
    except Exception:  # noqa: BLE001 - somebody's own __index__
        value = -1
    if 0 <= value <= _MAX_ROWS:
        return value
    _warn("%s: rows is not a number of rows (%s); recorded as 0", key, type(rows).__name__)
    return 0


def to_seconds(value: object, what: str, key: str) -> float | None:
    """Return seconds, not negative and rounded to milliseconds; anything else counts as unknown, with a warning."""
    if value is None:
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]  # what is no number raises
    except Exception:  # noqa: BLE001 - somebody's own __float__
        seconds = math.nan
    if math.isfinite(seconds) and seconds <= LATEST_SECONDS:
        return round(max(0.0, seconds), 3)
    _warn("%s: %s is not a number of seconds; ignored", key, what)
    return None


def _warn(message: str, *arguments: str) -> None:
    with suppress(Exception):  # of a handler of the program's own
        logger.warning(message, *arguments)
