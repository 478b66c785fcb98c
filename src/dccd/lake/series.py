"""A series of candles, and the gaps in one."""

from dataclasses import dataclass
from typing import TypeAlias

from dccd._compat import override
from dccd.units import format_time, parse_timeframe

Candle: TypeAlias = tuple[int, float, float, float, float, float]
"""Open time in milliseconds since 1970 (UTC), open, high, low, close, volume."""


@dataclass(frozen=True, slots=True, order=True)
class Series:
    """The candles of one pair, on one exchange, of one length.

    Parameters
    ----------
    exchange : str
        Name of the exchange (``binance``).
    pair : str
        Trading pair (``BTC/USDT``; a perpetual swap is ``BTC/USDT:USDT``).
    timeframe : str
        Length of a candle in exchange notation (``1h``).

    Raises
    ------
    ValueError
        If the timeframe is not one of fixed length.

    Examples
    --------
    >>> from dccd.candles import Series
    >>> series = Series("binance", "BTC/USDT", "1h")
    >>> print(series, series.seconds)
    binance BTC/USDT 1h 3600
    """

    exchange: str
    pair: str
    timeframe: str

    def __post_init__(self) -> None:
        """Raise `ValueError` for a timeframe of no fixed length."""
        parse_timeframe(self.timeframe)

    @override
    def __str__(self) -> str:
        return f"{self.exchange} {self.pair} {self.timeframe}"

    @property
    def seconds(self) -> int:
        """Length of a candle in seconds."""
        return parse_timeframe(self.timeframe)


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles missing between two that are stored.

    An exchange that was down, or on which nobody traded, leaves one; it is reported, and nothing is made up to fill it.

    Parameters
    ----------
    start : int
        Open time of the first missing candle, in milliseconds (UTC).
    end : int
        Open time of the last missing candle, in milliseconds (UTC).
    missing : int
        How many candles are missing.

    Examples
    --------
    >>> from dccd.candles import Gap
    >>> print(Gap(1_700_000_040_000, 1_700_000_160_000, 3))
    3 missing from 2023-11-14T22:14:00Z to 2023-11-14T22:16:00Z
    """

    start: int
    end: int
    missing: int

    @override
    def __str__(self) -> str:
        return f"{self.missing} missing from {utc(self.start)} to {utc(self.end)}"


def utc(milliseconds: int) -> str:
    """Return a time in milliseconds as text in UTC, to the second."""
    return format_time(milliseconds / 1000)
