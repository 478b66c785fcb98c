"""The names of directories and files."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.lake import Series, layout

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
pairs = st.lists(names.filter(lambda name: "/" not in name), min_size=1, max_size=3).map("/".join)


def test_the_directories_are_partitions_of_hive() -> None:
    """Other tools make columns of them."""
    assert layout.directory_of(Series("okx", "BTC/USDT:USDT", "1h")) == Path(
        "exchange=okx", "symbol=BTC-USDT%3AUSDT", "timeframe=1h"
    )


@given(names, pairs)
def test_a_series_is_recovered_from_its_directory(exchange: str, pair: str) -> None:
    """Whatever signs its names have; so two series never share a directory."""
    series = Series(exchange, pair, "1h")
    directory = layout.directory_of(series)
    assert len(directory.parts) == 3
    assert directory.match(layout.ANY)
    assert layout.series_of(Path("data") / directory) == series


@pytest.mark.parametrize("timeframe", ["never", "1M", ""])
def test_a_directory_of_no_timeframe_belongs_to_no_series(timeframe: str) -> None:
    """It is somebody else's."""
    assert layout.series_of(Path("exchange=x", "symbol=A-B", f"timeframe={timeframe}")) is None


def test_the_files_of_months_come_in_order_and_others_are_left_out(tmp_path: Path) -> None:
    """Notes, damaged files, temporary files and locks are beside them."""
    files = ["2026-11.parquet", "2025-02.parquet", "2026-02.parquet"]
    others = ["notes.parquet", "2026-1.parquet", "2026-11.parquet.corrupt-1", ".2026-11.parquet.1-2.tmp", ".lock"]
    for name in files + others:
        (tmp_path / name).touch()
    assert [path.name for path in layout.month_files(tmp_path)] == sorted(files)
    assert layout.month_files(tmp_path / "missing") == []


@given(st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_month_is_that_of_the_open_time_in_utc(time: datetime) -> None:
    """To the millisecond."""
    assert layout.month(int(time.timestamp() * 1000)) == f"{time:%Y-%m}"


def test_a_month_ends_with_its_last_millisecond() -> None:
    """The next one begins at midnight in UTC."""
    november = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
    assert [layout.month(november - 1), layout.month(november)] == ["2026-10", "2026-11"]
