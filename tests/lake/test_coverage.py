"""What a store contains, from the footers of its files."""

import os
from datetime import UTC, datetime
from pathlib import Path

from dccd.candles import CandleStore, Coverage, Month, Series, Span

HOUR = 3_600_000
HOURLY = Series("binance", "BTC/USDT", "1h")
DAILY = Series("binance", "BTC/USDT", "1d")
NOVEMBER = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
FILE = Path("exchange=binance/symbol=BTC-USDT/timeframe=1h/2026-11.parquet")


def write(directory: Path, series: Series, *times: int) -> None:
    """Store candles."""
    CandleStore(directory, fsync=False).write(series, [(time, 1.0, 1.0, 1.0, 1.0, 1.0) for time in times])


def test_each_month_of_each_series_is_listed_in_order(tmp_path: Path) -> None:
    """With its rows, first and last."""
    write(tmp_path, HOURLY, NOVEMBER - HOUR, NOVEMBER, NOVEMBER + 2 * HOUR)
    write(tmp_path, DAILY, NOVEMBER)
    october = Month("2026-10", rows=1, first=NOVEMBER - HOUR, last=NOVEMBER - HOUR)
    november = Month("2026-11", rows=2, first=NOVEMBER, last=NOVEMBER + 2 * HOUR)
    day = Month("2026-11", rows=1, first=NOVEMBER, last=NOVEMBER)
    assert Coverage(tmp_path).spans() == [Span(DAILY, (day,)), Span(HOURLY, (october, november))]


def test_a_month_lacks_what_is_missing_between_its_candles() -> None:
    """Rows beside the grid never make it less than nothing."""
    span = Span(
        HOURLY, (Month("2026-11", rows=2, first=0, last=5 * HOUR), Month("2026-12", rows=9, first=0, last=HOUR))
    )
    assert [span.missing(month) for month in span.months] == [4, 0]


def test_a_file_is_read_again_only_once_it_has_changed(tmp_path: Path) -> None:
    """A page of a long history would else take seconds."""
    write(tmp_path, HOURLY, NOVEMBER)
    coverage, path = Coverage(tmp_path), tmp_path / FILE
    before = coverage.spans()
    stat, size = path.stat(), path.stat().st_size
    path.write_bytes(b"?" * size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert coverage.spans() == before
    os.utime(path, ns=(0, 0))
    assert coverage.spans() == []


def test_a_damaged_file_is_left_out_and_left_alone(tmp_path: Path) -> None:
    """Only a writer renames it; what is no month is no series either."""
    write(tmp_path, HOURLY, NOVEMBER - HOUR, NOVEMBER)
    (tmp_path / FILE).write_bytes(b"<html>")
    (tmp_path / "exchange=x/symbol=A-B/timeframe=1h").mkdir(parents=True)
    [span] = Coverage(tmp_path).spans()
    assert [month.name for month in span.months] == ["2026-10"]
    assert (tmp_path / FILE).read_bytes() == b"<html>"
    assert [path.name for path in (tmp_path / FILE).parent.glob("2026-11*")] == ["2026-11.parquet"]


def test_only_the_newest_120_months_are_read(tmp_path: Path) -> None:
    """Ten years are enough for a page."""
    write(tmp_path, HOURLY, *(year * 366 * 24 * HOUR for year in range(20)))
    [path, *_] = sorted((tmp_path / FILE).parent.glob("*.parquet"))
    for number in range(110):
        path.with_name(f"{2100 + number}-01.parquet").write_bytes(path.read_bytes())
    [span] = Coverage(tmp_path).spans()
    assert len(span.months) == 120
    assert span.months[-1].name == "2209-01"
    assert span.months[0].name == "1980-01"
