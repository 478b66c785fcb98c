"""Made-up candles, and how two exchanges describe what they trade."""

import math
import zlib
from collections.abc import Iterable
from typing import Any, Final

from dccd.lake import Candle

_WEEK_SECONDS: Final = 604_800
_FIRST_MONDAY_SECONDS: Final = 4 * 86_400  # the first Monday of 1970
_KRAKEN_CODES: Final = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD", "EUR": "ZEUR"}
BINANCE_INTERVALS: Final = {
    f"{count}{unit}": count * seconds
    for unit, seconds, counts in (
        ("s", 1, (1,)),
        ("m", 60, (1, 3, 5, 15, 30)),
        ("h", 3600, (1, 2, 4, 6, 8, 12)),
        ("d", 86_400, (1, 3)),
        ("w", _WEEK_SECONDS, (1,)),
    )
    for count in counts
}


def open_time(seconds: int, time: int) -> int:
    """Return the open time (milliseconds) of the candle that a time (milliseconds) lies in; weeks begin on Monday."""
    length, offset = seconds * 1000, _FIRST_MONDAY_SECONDS * 1000 if seconds % _WEEK_SECONDS == 0 else 0
    return (time - offset) // length * length + offset


def candle(pair: str, seconds: int, time: int) -> Candle:
    """Return the closed candle of a loopback exchange; every call returns the same one.

    Parameters
    ----------
    pair : str
        Trading pair.
    seconds : int
        Length of the candle.
    time : int
        Its open time, in milliseconds (UTC).

    Returns
    -------
    Candle
        Its open is the close of the candle before.

    Examples
    --------
    >>> from dccd.testing import candle
    >>> candle("BTC/USDT", 3600, 1_700_002_800_000)[4] == candle("BTC/USDT", 3600, 1_700_006_400_000)[1]
    True
    """
    return _candle(pair, seconds, time, time + seconds * 1000)


def open_candle(pair: str, seconds: int, time: int, now: int) -> Candle:
    """Return what the candle that opened at `time` looks like at `now` (both milliseconds), before it closes."""
    return _candle(pair, seconds, time, now)


def _candle(pair: str, seconds: int, time: int, until: int) -> Candle:
    first, last = _price(pair, time), _price(pair, until)
    part = (until - time) / (seconds * 1000)
    volume = (1 + zlib.crc32(f"{pair} {seconds} {time}".encode()) % 10_000 / 100) * part
    return time, first, round(max(first, last) * 1.001, 2), round(min(first, last) * 0.999, 2), last, round(volume, 4)


def _price(pair: str, time: int) -> float:
    seed = zlib.crc32(pair.encode())
    level = 100 + seed % 50_000
    swings = ((0.05, 604_800), (0.01, 7200 + seed % 1800), (0.001, 300 + seed % 60))
    return round(level * (1 + sum(part * math.sin(math.tau * time / 1000 / period) for part, period in swings)), 2)


def binance_symbol(pair: str) -> dict[str, Any]:
    """Return a pair as Binance lists it in ``exchangeInfo``."""
    base, quote = pair.split("/")
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": _filters(("PRICE_FILTER", ("minPrice", "maxPrice", "tickSize")), ("LOT_SIZE", _LOT_SIZE)),
    }


_LOT_SIZE: Final = ("minQty", "maxQty", "stepSize")


def _filters(*filters: tuple[str, Iterable[str]]) -> list[dict[str, str]]:
    values = ("0.01", "1000000.00", "0.01")
    return [{"filterType": kind, **dict(zip(names, values, strict=True))} for kind, names in filters]


def kraken_pair(pair: str) -> tuple[str, dict[str, Any]]:
    """Return the id of a pair at Kraken, and how ``AssetPairs`` lists it."""
    base, quote = (_KRAKEN_CODES.get(code, code) for code in pair.split("/"))
    short_base, short_quote = ("XBT" if code == "BTC" else code for code in pair.split("/"))
    return base + quote, {
        "altname": short_base + short_quote,
        "wsname": f"{short_base}/{short_quote}",
        "base": base,
        "quote": quote,
        "pair_decimals": 2,
        "lot_decimals": 8,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "ordermin": "0.0001",
        "costmin": "0.5",
        "status": "online",
    }


def kline(row: Candle, seconds: int) -> list[Any]:
    """Return a candle as Binance gives it."""
    opened, *numbers, volume = row
    closes = opened + seconds * 1000 - 1
    prices = [f"{number:.8f}" for number in (*numbers, volume)]
    return [opened, *prices, closes, f"{numbers[-1] * volume:.8f}", 42, "0.00000000", "0.00000000", "0"]


def ohlc_row(row: Candle) -> list[Any]:
    """Return a candle as Kraken gives it."""
    opened, first, high, low, last, volume = row
    prices = [f"{number:.2f}" for number in (first, high, low, last, (high + low) / 2)]
    return [opened // 1000, *prices, f"{volume:.8f}", 42]
