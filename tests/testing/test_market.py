"""Made-up candles."""

import itertools

from dccd.testing import candle
from dccd.testing.market import kline, kraken_pair, ohlc_row, open_candle, open_time


def test_candles_join_and_stay_what_they_are() -> None:
    """A pure function of pair, length and time."""
    rows = [candle("BTC/USDT", 60, minute * 60_000) for minute in range(1000)]
    assert rows == [candle("BTC/USDT", 60, minute * 60_000) for minute in range(1000)]
    assert all(before[4] == after[1] for before, after in itertools.pairwise(rows))
    assert all(low <= min(first, last) <= max(first, last) <= high for _, first, high, low, last, _ in rows)
    assert candle("BTC/USDT", 3600, 0)[1] == rows[0][1]
    assert candle("ETH/USDT", 60, 0) != rows[0]


def test_an_open_candle_grows_into_the_closed_one() -> None:
    """It begins with the same price, and at its end it is the same candle."""
    whole = candle("BTC/USDT", 3600, 0)
    parts = [open_candle("BTC/USDT", 3600, 0, minute * 60_000) for minute in (1, 30, 60)]
    assert all(part[:2] == whole[:2] for part in parts)
    assert [part[5] for part in parts] == sorted(part[5] for part in parts)
    assert parts[-1] == whole


def test_weeks_open_on_monday() -> None:
    """Other candles open at multiples of their length."""
    monday = 4 * 86_400_000
    assert open_time(604_800, monday + 1) == monday
    assert open_time(604_800, monday - 1) == monday - 604_800_000
    assert open_time(3600, 7_199_999) == 3_600_000


def test_rows_have_the_form_of_each_exchange() -> None:
    """Binance closes a candle a millisecond before the next, Kraken counts in seconds."""
    row = candle("BTC/USD", 60, 120_000)
    binance, kraken = kline(row, 60), ohlc_row(row)
    assert (binance[0], binance[6], len(binance)) == (120_000, 179_999, 12)
    assert (kraken[0], len(kraken)) == (120, 8)
    assert float(binance[4]) == float(kraken[4]) == row[4]
    assert kraken_pair("BTC/USD")[0] == "XXBTZUSD"
