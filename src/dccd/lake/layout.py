"""The names of the directories and files that contain the candles of a series."""

import functools
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from dccd.lake.series import Series

ANY: Final = "exchange=*/symbol=*/timeframe=*"
_MONTH_FILE: Final = re.compile(r"\d{4,}-\d{2}\.parquet", re.ASCII)
_DAY_MS: Final = 86_400_000


def directory_of(series: Series) -> Path:
    """Return the directory of a series, relative to the directory of the store."""
    exchange, *parts, timeframe = (
        quote(text, safe="") for text in (series.exchange, *series.pair.split("/"), series.timeframe)
    )
    symbol = "-".join(part.replace("-", "%2D") for part in parts)
    return Path(f"exchange={exchange}", f"symbol={symbol}", f"timeframe={timeframe}")


def series_of(directory: Path) -> Series | None:
    """Return the series that a directory belongs to, None if no series has a directory of that name."""
    exchange, symbol, timeframe = (part.partition("=")[2] for part in directory.parts[-3:])
    try:
        return Series(unquote(exchange), "/".join(map(unquote, symbol.split("-"))), unquote(timeframe))
    except ValueError:
        return None


def month_files(directory: Path) -> list[Path]:
    """Return the files of a series that exist, from the oldest month to the newest."""
    return sorted(path for path in directory.glob("*.parquet") if _MONTH_FILE.fullmatch(path.name))


def month(time: int) -> str:
    """Return the month (``2026-11``) of an open time in milliseconds."""
    return _month_of_day(time // _DAY_MS)


@functools.lru_cache(maxsize=1024)
def _month_of_day(day: int) -> str:
    date = datetime.fromtimestamp(day * _DAY_MS / 1000, UTC)
    return f"{date.year:04}-{date.month:02}"
