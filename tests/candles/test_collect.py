"""Bringing a series up to date."""

import logging
import math
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.candles import Candle, CandleStore, Gap, Series, collect, open_source
from dccd.errors import SourceUnavailableError
from dccd.testing import LoopbackExchange, ManualClock, candle

MINUTE = 60_000
NOW = 1_700_000_000
SERIES = Series("made-up", "BTC/USDT", "1m")


class Scripted:
    """A source that has the candles it was given, in pages of a size, and may break after some of them."""

    def __init__(self, candles: Sequence[Candle], page: int = 100, breaks_after: int | None = None) -> None:
        self.candles = list(candles)
        self.page = page
        self.breaks_after = breaks_after
        self.asked: list[tuple[int, int]] = []

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield what there is, a candle before the range and the open one after it included."""
        self.asked.append((since, until))
        rows = [row for row in self.candles if row[0] >= since - MINUTE]
        for number, start in enumerate(range(0, len(rows), self.page)):
            if number == self.breaks_after:
                msg = "made-up: outage"
                raise SourceUnavailableError(msg)
            yield rows[start : start + self.page]

    def close(self) -> None:
        """Do nothing."""


def _candle(minute: int, price: float = 1.0) -> Candle:
    return minute * MINUTE, price, price, price, price, 1.0


def _stored(store: CandleStore, series: Series = SERIES) -> list[int]:
    times = store.read(series)["ts"].cast(pa.int64())
    return [time for time in times.to_pylist() if time is not None]


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    """An empty store."""
    return CandleStore(tmp_path)


def test_an_empty_series_begins_500_candles_ago(store: CandleStore) -> None:
    """Or at the start it is given, with or without a zone."""
    source = Scripted([])
    collect(source, store, SERIES, now=NOW)
    for start in (datetime(2023, 1, 1, tzinfo=UTC), datetime(2023, 1, 1)):  # noqa: DTZ001 - what a user may write
        collect(source, store, SERIES, now=NOW, start=start)
    ends = NOW * 1000 - MINUTE + 1
    assert source.asked == [(ends - 500 * MINUTE, ends), (1_672_531_200_000, ends), (1_672_531_200_000, ends)]


def test_a_series_goes_on_three_candles_back(store: CandleStore) -> None:
    """Exchanges correct what they gave; the correction is stored, and is not new."""
    collect(Scripted([_candle(minute) for minute in range(10)]), store, SERIES, now=600, start=_time(0))
    source = Scripted([_candle(minute, 2.0) for minute in range(12)])
    result = collect(source, store, SERIES, now=720)
    assert source.asked[0][0] == 7 * MINUTE
    assert (result.new, result.fetched, result.newest) == (2, 5, 11 * MINUTE)
    assert store.read(SERIES)["open"].to_pylist() == [1.0] * 7 + [2.0] * 5


def _time(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


@pytest.mark.parametrize(("now", "newest"), [(599.999, 8), (600, 9), (659, 9), (660, 10)])
def test_the_open_candle_is_never_stored(store: CandleStore, now: float, newest: int) -> None:
    """A candle is closed at the moment the next one opens, not before."""
    result = collect(Scripted([_candle(minute) for minute in range(20)]), store, SERIES, now=now, start=_time(0))
    assert result.newest == newest * MINUTE == store.last(SERIES)


@given(
    present=st.sets(st.integers(0, 300), min_size=1),
    page=st.integers(1, 50),
    runs=st.lists(st.tuples(st.integers(1, 305), st.none() | st.integers(0, 5)), max_size=5),
)
def test_any_pages_and_any_restarts_end_in_the_truth(
    present: set[int], page: int, runs: list[tuple[int, int | None]]
) -> None:
    """Runs that break off, at times in order, lose nothing and store nothing twice, and fill nothing in."""
    truth = [_candle(minute) for minute in sorted(present)]
    with tempfile.TemporaryDirectory() as directory:
        store, new = CandleStore(directory, fsync=False), 0
        for minute, breaks_after in [*sorted(runs, key=lambda run: run[0]), (306, None)]:
            source = Scripted(truth, page, breaks_after)
            before = store.read(SERIES).num_rows
            try:
                result = collect(source, store, SERIES, now=minute * 60, start=_time(0))
            except SourceUnavailableError:
                new += store.read(SERIES).num_rows - before
            else:
                new += result.new
                assert _stored(store) == [row[0] for row in truth if row[0] < minute * MINUTE]
        assert _stored(store) == [row[0] for row in truth]
        assert new == len(truth)


def test_gaps_are_reported_and_warned_of_once(store: CandleStore, caplog: pytest.LogCaptureFixture) -> None:
    """Inside what came, and where it joins what was there."""
    collect(Scripted([_candle(minute) for minute in range(5)]), store, SERIES, now=300, start=_time(0))
    later = Scripted([_candle(minute) for minute in (*range(5), 8, 9, 11)])
    with caplog.at_level(logging.WARNING, "dccd.candles"):
        result = collect(later, store, SERIES, now=720)
        assert result.gaps == (Gap(5 * MINUTE, 7 * MINUTE, 3), Gap(10 * MINUTE, 10 * MINUTE, 1))
        (record,) = caplog.records
        assert "candles missing: 4, gaps: 2; the first: 3 missing from 1970-01-01T00:05:00Z" in record.message
        caplog.clear()
        assert collect(later, store, SERIES, now=730).gaps == (Gap(10 * MINUTE, 10 * MINUTE, 1),)
        assert not caplog.records
    assert _stored(store) == [minute * MINUTE for minute in (*range(5), 8, 9, 11)]


def test_a_start_the_exchange_cannot_serve_is_told(store: CandleStore, caplog: pytest.LogCaptureFixture) -> None:
    """It may list the pair since, or keep the latest candles only."""
    with caplog.at_level(logging.WARNING, "dccd.candles"):
        collect(Scripted([_candle(7)]), store, SERIES, now=720, start=_time(2))
    assert "made-up BTC/USDT 1m begins at 1970-01-01T00:07:00Z, not at 1970-01-01T00:02:00Z" in caplog.text


def test_what_is_no_candle_is_skipped_and_counted(store: CandleStore, caplog: pytest.LogCaptureFixture) -> None:
    """A missing price, an infinite one, and a time between two candles."""
    junk = [
        (MINUTE, math.nan, 1.0, 1.0, 1.0, 1.0),
        (2 * MINUTE, 1.0, math.inf, 1.0, 1.0, 1.0),
        (30_000, *_candle(0)[1:]),
    ]
    with caplog.at_level(logging.WARNING, "dccd.candles"):
        result = collect(Scripted([_candle(0), *junk, _candle(3)]), store, SERIES, now=720, start=_time(0))
    assert (result.new, result.fetched, result.skipped) == (2, 2, 3)
    assert "candles skipped: 3" in caplog.text


def test_pages_before_an_outage_stay(store: CandleStore) -> None:
    """The next run goes on after them."""
    truth = [_candle(minute) for minute in range(50)]
    with pytest.raises(SourceUnavailableError):
        collect(Scripted(truth, page=10, breaks_after=3), store, SERIES, now=3600, start=_time(0))
    assert store.last(SERIES) == 29 * MINUTE


def test_progress_is_told_after_each_page(store: CandleStore) -> None:
    """What a command shows while it runs."""
    seen: list[tuple[int, int, int]] = []
    rows = [_candle(minute) for minute in range(5)]
    collect(Scripted(rows, page=2), store, SERIES, now=300, start=_time(0), progress=lambda *args: seen.append(args))
    assert seen == [(2, MINUTE, 240_001), (4, 3 * MINUTE, 240_001), (5, 4 * MINUTE, 240_001)]


def test_a_candle_from_the_future_does_not_stop_a_series(store: CandleStore) -> None:
    """A clock that was ahead once."""
    store.write(SERIES, [_candle(1000)])
    result = collect(Scripted([_candle(minute) for minute in range(20)]), store, SERIES, now=600)
    assert result.new == 3


def test_a_run_without_news_reports_none(store: CandleStore) -> None:
    """It is a success all the same."""
    result = collect(Scripted([]), store, SERIES, now=NOW)
    assert (result.new, result.fetched, result.newest, result.gaps) == (0, 0, None, ())


@pytest.mark.parametrize(("name", "pair"), [("binance", "BTC/USDT"), ("kraken", "BTC/USD")])
@pytest.mark.parametrize("timeframe", ["1m", "1h", "1d", "1w"])
def test_real_clients_store_what_the_exchange_has(store: CandleStore, name: str, pair: str, timeframe: str) -> None:
    """Twice, a few candles apart, with a gap; weeks begin on Monday."""
    clock, series = ManualClock(NOW), Series(name, pair, timeframe)
    step = series.seconds * 1000
    with LoopbackExchange(now=clock.time) as exchange:
        gone = next(exchange.candles(pair, series.seconds, NOW * 1000 - 20 * step, NOW * 1000))[0]
        exchange.remove(pair, gone, gone + 2 * step)
        source = open_source(name, base_url=exchange.url, clock=clock)
        first = collect(source, store, series, now=clock.time())
        clock.advance(5 * series.seconds)
        second = collect(source, store, series, now=clock.time())
        source.close()
    times = _stored(store, series)
    closed = store.read(series, times[-1])["close"].to_pylist()
    assert first.gaps == (Gap(gone, gone + step, 2),)
    assert (second.new, second.gaps) == (5, ())
    assert closed == [candle(pair, series.seconds, times[-1])[4]]
    assert clock.time() * 1000 - 2 * step < times[-1] <= clock.time() * 1000 - step
