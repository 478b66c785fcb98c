"""Tables of candles and the files they are in."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dccd.errors import StorageError
from dccd.lake import Candle, Series, parquet

SERIES = Series("binance", "BTC/USDT", "1h")


def candle(time: int, price: float = 1.0) -> Candle:
    """Return a candle."""
    return time, price, price + 1, price - 1, price + 0.5, 10.0


def times_of(content: pa.Table) -> list[int | None]:
    """Return open times in milliseconds."""
    return list(content["ts"].cast(pa.int64()).to_pylist())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with two candles."""
    path = tmp_path / "2026-11.parquet"
    parquet.write(path, parquet.table(SERIES, [candle(1), candle(2)]), fsync=True)
    return path


def test_a_file_has_typed_columns_and_names_its_series(path: Path) -> None:
    """The form is a contract with the tools that read it."""
    file = pq.ParquetFile(path)
    assert file.schema_arrow.names == ["ts", "open", "high", "low", "close", "volume"]
    assert file.schema_arrow.types == [pa.timestamp("ms", tz="UTC"), *[pa.float64()] * 5]
    assert file.schema_arrow.metadata == {
        b"dccd.exchange": b"binance",
        b"dccd.pair": b"BTC/USDT",
        b"dccd.timeframe": b"1h",
    }
    assert file.metadata.row_group(0).column(1).compression == "ZSTD"
    file.close()
    assert parquet.read(path).equals(parquet.table(SERIES, [candle(1), candle(2)]))


@pytest.mark.parametrize(("statistics", "group"), [(True, None), (False, None), (True, 1), (False, 1)])
def test_the_extent_of_a_file_is_found_however_it_was_written(path: Path, statistics: bool, group: int | None) -> None:
    """Another program may have left statistics out of the footer, or made several groups of rows."""
    pq.write_table(parquet.read(path), path, row_group_size=group, write_statistics=statistics)
    assert parquet.extent(path) == (2, 1, 2)


def test_an_empty_file_has_no_extent(path: Path) -> None:
    """It is no error."""
    pq.write_table(parquet.schema(SERIES).empty_table(), path)
    assert parquet.extent(path) is None


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"<html>", None])
def test_a_file_that_is_not_parquet_is_damaged(path: Path, damage: bytes | None) -> None:
    """Nor is a part of one."""
    path.write_bytes(path.read_bytes()[:-20] if damage is None else damage)
    for use in (parquet.read, parquet.extent):
        with pytest.raises(parquet.DamagedFileError):
            use(path)


def test_a_file_that_does_not_exist_is_not_damaged(path: Path) -> None:
    """An error of the disk is left to the caller."""
    with pytest.raises(FileNotFoundError):
        parquet.read(path.with_name("2026-12.parquet"))


def test_a_file_with_other_columns_is_refused(path: Path) -> None:
    """The error names them."""
    pq.write_table(parquet.read(path).append_column("trades", pa.array([7, 7])), path)
    for use in (parquet.read, parquet.extent):
        with pytest.raises(StorageError, match="volume double, trades int64, which dccd did not write: move the file"):
            use(path)


def test_of_two_candles_of_a_time_the_new_one_stays() -> None:
    """The others are kept, and all are in order."""
    old = parquet.table(SERIES, [candle(1), candle(3), candle(5)])
    content, added = parquet.merge(old, parquet.table(SERIES, [candle(2), candle(3, 2.0)]))
    assert added == 1
    assert content.equals(parquet.table(SERIES, [candle(1), candle(2), candle(3, 2.0), candle(5)]))


def test_a_merge_that_changes_nothing_returns_the_old_table() -> None:
    """So that a writer can leave the file as it is."""
    old = parquet.table(SERIES, [candle(1), candle(2)])
    assert parquet.merge(old, parquet.table(SERIES, [candle(2)])) == (old, 0)
    assert parquet.merge(old, parquet.table(SERIES, [candle(2)]))[0] is old


def test_a_range_excludes_its_end_and_may_be_open() -> None:
    """On either side."""
    content = parquet.table(SERIES, [candle(time) for time in range(5)])
    bounds = ((1, 3), (None, 2), (3, None), (None, None), (9, None))
    found = [times_of(parquet.between(content, start, end)) for start, end in bounds]
    assert found == [[1, 2], [0, 1], [3, 4], [0, 1, 2, 3, 4], []]


def test_no_tables_make_an_empty_one() -> None:
    """With the columns asked for."""
    assert parquet.concat(SERIES, [], ["ts", "close"]).schema.names == ["ts", "close"]
    tables = [parquet.table(SERIES, [candle(time)]).select(["ts"]) for time in (1, 2)]
    assert times_of(parquet.concat(SERIES, tables, ["ts"])) == [1, 2]


@pytest.mark.parametrize(("times", "steps"), [((), []), ((1,), []), ((1, 2, 4, 5, 9), [(2, 4), (5, 9)])])
def test_wide_steps_are_those_of_at_least_so_much(times: tuple[int, ...], steps: list[tuple[int, int]]) -> None:
    """None is found among fewer than two rows."""
    tables = [parquet.table(SERIES, [candle(time)]).select(["ts"]) for time in times]
    content = parquet.concat(SERIES, tables, ["ts"])
    assert parquet.wide_steps(content, 2) == steps
