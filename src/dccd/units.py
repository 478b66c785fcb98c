"""Durations, timeframes and times as people write them.

A duration is a number of seconds or a number with a unit (``30s``, ``10m``, ``4h``, ``2d``). A timeframe is the
length of a candle in the notation exchanges use (``1m``, ``1h``, ``1d``, ``1w``). A time is ISO 8601 in UTC.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

__all__ = ["format_duration", "format_time", "format_timeframe", "parse_duration", "parse_timeframe"]

_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_FIRST_SECONDS: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH).total_seconds()
_LAST_SECONDS: Final = 253_402_300_799.0  # the end of the year 9999
_NUMBER_AND_UNIT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw]?)", re.ASCII)


def parse_duration(value: str | float) -> float:
    """Return a duration in seconds.

    Parameters
    ----------
    value : str or float
        Seconds, or a number followed by ``s``, ``m``, ``h``, ``d`` or ``w``.

    Returns
    -------
    float
        Seconds, zero or more.

    Raises
    ------
    ValueError
        If the value is negative, not finite, or not of that form.

    Examples
    --------
    >>> parse_duration("10m"), parse_duration("1.5h"), parse_duration(30)
    (600.0, 5400.0, 30.0)
    """
    if isinstance(value, str):
        match = _NUMBER_AND_UNIT.fullmatch(value.strip())
        if match is None:
            msg = f"a duration is seconds or a number with s, m, h, d or w (30s, 10m, 4h, 2d), not {value!r}"
            raise ValueError(msg)
        return float(match[1]) * _UNIT_SECONDS[match[2] or "s"]
    if isinstance(value, bool) or not math.isfinite(value) or value < 0:
        msg = f"a duration is zero or more seconds, not {value!r}"
        raise ValueError(msg)
    return float(value)


def format_duration(seconds: float) -> str:
    """Return a duration as its two largest units.

    Parameters
    ----------
    seconds : float
        Seconds; a negative duration counts as zero.

    Returns
    -------
    str
        For example ``2h 5m``, ``3d 4h``, ``12s``.

    Examples
    --------
    >>> format_duration(7_500), format_duration(0.4), format_duration(86_400)
    ('2h 5m', '0s', '1d')
    """
    left = max(0, round(seconds))
    parts = []
    for unit in "dhms":
        count, left = divmod(left, _UNIT_SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def format_time(
    seconds: float, to: Literal["milliseconds", "seconds", "minutes", "days"] = "seconds", *, spoken: bool = False
) -> str:
    """Return a Unix time as ISO 8601 in UTC.

    Parameters
    ----------
    seconds : float
        Seconds since 1970. What is beyond the years 1 to 9999 counts as their nearest end, and what is no number as 0.
    to : str, optional
        The last unit shown; the rest is cut off.
    spoken : bool, optional
        Whether to write it as in a sentence, ``2026-11-30 20:50:18 UTC``.

    Returns
    -------
    str
        For example ``2026-11-30T20:50:18Z``, or ``2026-11-30`` to the day.

    Examples
    --------
    >>> format_time(1_700_000_000), format_time(1_700_000_000.25, "milliseconds"), format_time(1_700_000_000, "days")
    ('2023-11-14T22:13:20Z', '2023-11-14T22:13:20.250Z', '2023-11-14')
    """
    known = min(max(seconds, _FIRST_SECONDS), _LAST_SECONDS)
    moment = (_EPOCH + timedelta(seconds=0.0 if math.isnan(known) else known)).replace(tzinfo=None)
    if to == "days":
        return moment.date().isoformat()
    return f"{moment.isoformat(' ', to)} UTC" if spoken else f"{moment.isoformat('T', to)}Z"


def parse_timeframe(value: str | int) -> int:
    """Return the length of a candle in seconds.

    Parameters
    ----------
    value : str or int
        Exchange notation (``1m``, ``4h``, ``1d``, ``1w``) or whole seconds.

    Returns
    -------
    int
        Seconds, one or more.

    Raises
    ------
    ValueError
        If the value is not a timeframe of fixed length; calendar months are not.

    Examples
    --------
    >>> parse_timeframe("1h"), parse_timeframe(60)
    (3600, 60)
    """
    match = None if isinstance(value, bool) else _NUMBER_AND_UNIT.fullmatch(str(value).strip())
    if match is None or "." in match[1] or int(match[1]) == 0:
        msg = f"a timeframe is written 1m, 5m, 1h, 1d, 1w or in whole seconds, not {value!r}"
        raise ValueError(msg)
    return int(match[1]) * _UNIT_SECONDS[match[2] or "s"]


def format_timeframe(seconds: int) -> str:
    """Return a timeframe in exchange notation.

    Parameters
    ----------
    seconds : int
        Length of a candle in seconds.

    Returns
    -------
    str
        The largest unit that divides it: ``1h`` for 3600, ``90m`` for 5400; seven days are ``1w``.

    Examples
    --------
    >>> format_timeframe(3600), format_timeframe(5400), format_timeframe(604_800)
    ('1h', '90m', '1w')
    """
    unit = next(unit for unit in "wdhms" if seconds % _UNIT_SECONDS[unit] == 0)
    return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
