"""Candles in Parquet files."""

import logging
import multiprocessing
import os
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.candles import Candle, CandleStore, Gap, Series
from dccd.errors import StorageError

HOURLY = Series("binance", "BTC/USDT", "1h")
HOUR = 3_600_000
NOVEMBER = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
DIRECTORY = Path("exchange=binance/symbol=BTC-USDT/timeframe=1h")


def _candle(time: int, price: float = 1.0) -> Candle:
    return time, price, price + 1, price - 1, price + 0.5, 10.0


def _rows(store: CandleStore, series: Series = HOURLY) -> list[Candle]:
    table = store.read(series)
    times = table["ts"].cast(pa.int64()).to_pylist()
    columns = [table[name].to_pylist() for name in ("open", "high", "low", "close", "volume")]
    return list(zip(times, *columns, strict=True))


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    """An empty store."""
    return CandleStore(tmp_path)


def test_months_go_to_files_of_their_own(store: CandleStore, tmp_path: Path) -> None:
    """The layout is a contract with the tools that read it."""
    assert store.write(HOURLY, [_candle(NOVEMBER - HOUR), _candle(NOVEMBER)]) == 2
    directory = tmp_path / DIRECTORY
    assert sorted(path.name for path in directory.glob("*.parquet")) == ["2026-10.parquet", "2026-11.parquet"]


@given(st.lists(st.lists(st.tuples(st.integers(0, 1500), st.floats(1, 9)), max_size=20), max_size=6))
def test_any_order_and_any_duplicates_end_in_the_last_written(batches: list[list[tuple[int, float]]]) -> None:
    """And what a write counts as new is new; 1,500 hours reach over three months."""
    with tempfile.TemporaryDirectory() as directory:
        store, truth = CandleStore(directory, fsync=False), dict[int, Candle]()
        for batch in batches:
            candles = [_candle(hour * HOUR, price) for hour, price in batch]
            expected = {candle[0] for candle in candles} - truth.keys()
            assert store.write(HOURLY, candles) == len(expected)
            truth |= {candle[0]: candle for candle in candles}
        assert _rows(store) == [truth[time] for time in sorted(truth)]
        assert store.last(HOURLY) == max(truth, default=None)
        assert store.write(HOURLY, truth.values()) == 0
        assert _rows(store) == [truth[time] for time in sorted(truth)]


@given(st.sets(st.integers(0, 1500), min_size=1, max_size=60))
def test_gaps_and_candles_together_are_the_whole_range(hours: set[int]) -> None:
    """Every hour between the first and the last is either stored or in one gap."""
    with tempfile.TemporaryDirectory() as directory:
        store = CandleStore(directory, fsync=False)
        store.write(HOURLY, [_candle(hour * HOUR) for hour in hours])
        missing = set[int]()
        for gap in store.gaps(HOURLY):
            inside = range(gap.start // HOUR, gap.end // HOUR + 1)
            assert len(inside) == gap.missing > 0
            assert gap.start // HOUR - 1 in hours
            assert gap.end // HOUR + 1 in hours
            missing |= set(inside)
        assert missing == set(range(min(hours), max(hours))) - hours


def test_weekly_candles_need_no_alignment_with_the_epoch(store: CandleStore) -> None:
    """1970 began on a Thursday, weeks begin on Monday."""
    weekly, monday, week = Series("binance", "BTC/USDT", "1w"), 4 * 86_400_000, 7 * 86_400_000
    store.write(weekly, [_candle(monday), _candle(monday + week), _candle(monday + 4 * week)])
    assert store.gaps(weekly) == [Gap(monday + 2 * week, monday + 3 * week, 2)]


def test_a_range_is_read_from_its_start_up_to_its_end(store: CandleStore) -> None:
    """Over the border of a month too."""
    store.write(HOURLY, [_candle(NOVEMBER + hour * HOUR) for hour in range(-3, 3)])
    table = store.read(HOURLY, NOVEMBER - HOUR, NOVEMBER + HOUR)
    assert table["ts"].cast(pa.int64()).to_pylist() == [NOVEMBER - HOUR, NOVEMBER]
    assert store.gaps(HOURLY, NOVEMBER - HOUR, NOVEMBER + HOUR) == []


def test_a_series_without_candles_is_empty_not_an_error(store: CandleStore) -> None:
    """Nothing is made on disk by asking."""
    assert store.last(HOURLY) is None
    assert store.read(HOURLY).num_rows == 0
    assert store.read(HOURLY).schema.names == ["ts", "open", "high", "low", "close", "volume"]
    assert store.gaps(HOURLY) == []
    assert store.series() == []
    assert store.write(HOURLY, []) == 0


def test_a_write_that_changes_nothing_leaves_the_file(store: CandleStore, tmp_path: Path) -> None:
    """Most runs fetch what is there again."""
    store.write(HOURLY, [_candle(NOVEMBER), _candle(NOVEMBER + HOUR)])
    path = tmp_path / DIRECTORY / "2026-11.parquet"
    before = path.stat().st_ino, path.stat().st_mtime_ns
    assert store.write(HOURLY, [_candle(NOVEMBER)]) == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == before
    assert store.write(HOURLY, [_candle(NOVEMBER, 2.0)]) == 0
    assert _rows(store)[0] == _candle(NOVEMBER, 2.0)


def test_series_that_have_candles_are_listed_in_order(store: CandleStore) -> None:
    """Each with its own candles, though their pairs differ in a separator only."""
    wanted = [Series("x", pair, "1h") for pair in ("A/B-C", "A-B/C", "A-B", "A/B")]
    for number, series in enumerate(wanted):
        store.write(series, [_candle(number * HOUR)])
    assert store.series() == sorted(wanted)
    assert [store.last(series) for series in wanted] == [0, HOUR, 2 * HOUR, 3 * HOUR]


def test_a_dataset_reader_finds_the_columns_in_the_path(store: CandleStore, tmp_path: Path) -> None:
    """Hive partitions are what other tools expect."""
    store.write(Series("okx", "BTC/USDT:USDT", "1h"), [_candle(NOVEMBER)])
    table = pq.read_table(tmp_path)
    assert table["exchange"].to_pylist() == ["okx"]
    assert table["symbol"].to_pylist() == ["BTC-USDT:USDT"]


def test_a_damaged_file_is_set_aside_and_the_store_goes_on(
    store: CandleStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An ERROR names it; nothing else is lost."""
    store.write(HOURLY, [_candle(NOVEMBER - HOUR), _candle(NOVEMBER), _candle(NOVEMBER + HOUR)])
    path = tmp_path / DIRECTORY / "2026-11.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with caplog.at_level(logging.ERROR, "dccd.candles"):
        assert store.last(HOURLY) == NOVEMBER - HOUR
    assert "2026-11.parquet.corrupt-" in caplog.text
    assert len(list(path.parent.glob("2026-11.parquet.corrupt-*"))) == 1
    assert store.write(HOURLY, [_candle(NOVEMBER)]) == 1
    assert _rows(store) == [_candle(NOVEMBER - HOUR), _candle(NOVEMBER)]


def test_damage_behind_a_good_footer_is_met_by_the_next_write(
    store: CandleStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The footer alone does not show it."""
    store.write(HOURLY, [_candle(NOVEMBER + hour * HOUR, 1 + hour % 7) for hour in range(500)])
    path = tmp_path / DIRECTORY / "2026-11.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 400 + content[404:])
    with caplog.at_level(logging.ERROR, "dccd.candles"):
        assert store.write(HOURLY, [_candle(NOVEMBER)]) == 1
    assert "is damaged" in caplog.text
    assert _rows(store) == [_candle(NOVEMBER)]


def test_a_file_with_other_columns_is_refused_and_kept(store: CandleStore, tmp_path: Path) -> None:
    """To rewrite it would lose them."""
    store.write(HOURLY, [_candle(NOVEMBER)])
    path = tmp_path / DIRECTORY / "2026-11.parquet"
    table = pq.ParquetFile(path).read()
    pq.write_table(table.append_column("trades", pa.array([7])), path)
    before = path.read_bytes()
    for use in (
        lambda: store.write(HOURLY, [_candle(NOVEMBER)]),
        lambda: store.last(HOURLY),
        lambda: store.read(HOURLY),
    ):
        with pytest.raises(StorageError, match="trades int64, which dccd did not write: move the file away"):
            use()
    assert path.read_bytes() == before


def test_other_files_in_the_directory_do_no_harm(store: CandleStore, tmp_path: Path) -> None:
    """Neither notes nor what is set aside are candles; a stray temporary file goes."""
    store.write(HOURLY, [_candle(NOVEMBER)])
    directory = tmp_path / DIRECTORY
    (directory / "notes.parquet").write_text("mine")
    stray = directory / ".2026-11.parquet.1-2.tmp"
    stray.write_text("half")
    os.utime(stray, (0, 0))
    (tmp_path / "exchange=x/symbol=A-B/timeframe=never").mkdir(parents=True)
    again = CandleStore(tmp_path)
    assert again.write(HOURLY, [_candle(NOVEMBER + HOUR)]) == 1
    assert again.last(HOURLY) == NOVEMBER + HOUR
    assert again.series() == [HOURLY]
    assert not stray.exists()


def test_an_unusable_directory_is_told_with_what_to_do(tmp_path: Path) -> None:
    """In place of a traceback of pyarrow."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a part of the path is a file: move it away"):
        CandleStore(tmp_path / "file").write(HOURLY, [_candle(NOVEMBER)])


def _write_hours(directory: Path, hours: Iterable[int]) -> None:
    store = CandleStore(directory, fsync=False)
    for hour in hours:
        store.write(HOURLY, [_candle(NOVEMBER + hour * HOUR)])


def test_two_processes_write_to_one_series_without_loss(tmp_path: Path) -> None:
    """Each month file is read and replaced under a lock."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_hours, args=(tmp_path, range(first, 60, 2))) for first in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [time for time, *_ in _rows(CandleStore(tmp_path))] == [NOVEMBER + hour * HOUR for hour in range(60)]
