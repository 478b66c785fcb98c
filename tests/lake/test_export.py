"""Candles in one file for other programs."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dccd.candles import CandleStore, Series
from dccd.errors import DccdError, StorageError
from dccd.lake.export import table_writer

SERIES = Series("binance", "BTC/USDT", "1h")
FIRST, HOUR = 1_793_390_400_000, 3_600_000  # the last day of a month


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    """A store with 60 hours over the end of a month."""
    made = CandleStore(tmp_path / "data")
    made.write(SERIES, [(FIRST + n * HOUR, 0.1 + n, 2.0, 1e-8, 1.5, 12_345_678.9) for n in range(60)])
    return made


def test_csv_has_times_in_utc_and_all_digits(store: CandleStore, tmp_path: Path) -> None:
    """One line a candle; what is read back is what was stored."""
    path, content = tmp_path / "out.csv", store.read(SERIES)
    table_writer(path)(content)
    with path.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["ts", "open", "high", "low", "close", "volume"]
    assert rows[0]["ts"] == datetime.fromtimestamp(FIRST / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [datetime.fromisoformat(row["ts"]) for row in rows] == content["ts"].to_pylist()
    for name in ("open", "high", "low", "close", "volume"):
        assert [float(row[name]) for row in rows] == content[name].to_pylist()


def test_parquet_is_one_file_of_the_same_form(store: CandleStore, tmp_path: Path) -> None:
    """Over the end of a month too."""
    path, content = tmp_path / "out.PARQUET", store.read(SERIES)
    table_writer(path)(content)
    file = pq.ParquetFile(path)
    assert file.read().equals(content)
    assert file.schema_arrow.metadata[b"dccd.pair"] == b"BTC/USDT"
    file.close()


def test_nothing_is_replaced_unless_told(store: CandleStore, tmp_path: Path) -> None:
    """Nor left behind by halves."""
    path, content = tmp_path / "out.csv", store.read(SERIES)
    path.write_text("mine")
    with pytest.raises(DccdError, match="exists: give another name"):
        table_writer(path)
    assert path.read_text() == "mine"
    table_writer(path, force=True)(content)
    assert path.read_text().startswith("ts,open")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data", "out.csv"]


def test_a_name_or_a_place_that_will_not_do_is_told(store: CandleStore, tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(DccdError, match=r"must end in \.csv or \.parquet"):
        table_writer(tmp_path / "out.xlsx")
    for name in ("out.csv", "out.parquet"):
        write = table_writer(tmp_path / "nowhere" / name)
        with pytest.raises(StorageError, match="no such directory: create it"):
            write(store.read(SERIES))
