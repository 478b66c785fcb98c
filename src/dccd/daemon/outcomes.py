"""Make an outcome of whatever a caller reports; nothing here raises."""

import logging
import math
import operator
from contextlib import suppress
from typing import Final

from dccd.daemon.codec import LATEST
from dccd.redact import redact

__all__ = ["count", "describe", "number"]

logger: logging.Logger = logging.getLogger(__name__)

_ERROR_LIMIT: Final = 500
_MOST: Final = 2**53  # what every reader of JSON counts exactly


def describe(error: BaseException | str | None) -> str | None:
    """Return an error as one line, ``Type: message``.

    Parameters
    ----------
    error : BaseException or str or None
        What went wrong.

    Returns
    -------
    str or None
        Without secrets, at most 500 characters.

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
    return text if len(text) <= _ERROR_LIMIT else f"{text[: _ERROR_LIMIT - 1]}…"


def count(rows: object, key: str) -> int:
    """Return a number of rows; anything that is none counts as 0, with a warning.

    Parameters
    ----------
    rows : object
        An integer, of numpy or another library too.
    key : str
        The job, for the warning.

    Returns
    -------
    int
        Zero or more.
    """
    try:
        value = operator.index(rows)  # type: ignore[arg-type]  # what is no integer raises
    except Exception:  # noqa: BLE001 - somebody's own __index__
        value = -1
    if 0 <= value <= _MOST:
        return value
    _warn("%s: rows is no count (%s); taken as 0", key, type(rows).__name__)
    return 0


def number(value: object, what: str, key: str) -> float | None:
    """Return a number of seconds; anything that is none counts as unknown, with a warning.

    Parameters
    ----------
    value : object
        Seconds, or None.
    what : str
        What it is, for the warning.
    key : str
        The job, for the warning.

    Returns
    -------
    float or None
        Zero or more, to the millisecond.
    """
    if value is None:
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]  # what is no number raises
    except Exception:  # noqa: BLE001 - somebody's own __float__
        seconds = math.nan
    if math.isfinite(seconds) and seconds <= LATEST:
        return round(max(0.0, seconds), 3)
    _warn("%s: %s is no number of seconds; ignored", key, what)
    return None


def _warn(message: str, *arguments: str) -> None:
    with suppress(Exception):  # of a handler of the program's own
        logger.warning(message, *arguments)
