"""What a store contains, month by month, from the footers of its files; nothing is locked, written or renamed."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dccd.disk import Signature, files
from dccd.errors import StorageError
from dccd.lake import layout, parquet
from dccd.lake.series import Series

_MAX_MONTHS: Final = 120


@dataclass(frozen=True, slots=True)
class Month:
    """The candles in one file.

    Parameters
    ----------
    name : str
        ``2026-11``.
    rows : int
        How many candles it contains.
    first, last : int
        Oldest and newest open time, milliseconds (UTC).

    Examples
    --------
    >>> Month("2026-11", rows=2, first=1793491200000, last=1793494800000).rows
    2
    """

    name: str
    rows: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Span:
    """The months of one series that a store contains.

    Parameters
    ----------
    series : Series
        Which one.
    months : tuple of Month
        In order; at least one.

    Examples
    --------
    Of three hours, one is missing:

    >>> month = Month("2026-11", rows=2, first=1793491200000, last=1793498400000)
    >>> Span(Series("kraken", "BTC/USD", "1h"), (month,)).missing(month)
    1
    """

    series: Series
    months: tuple[Month, ...]

    def missing(self, month: Month) -> int:
        """Return how many candles are missing between the first and the last of a month.

        Parameters
        ----------
        month : Month
            One of `months`.

        Returns
        -------
        int
            Without those before its first candle and after its last one.
        """
        return max(0, (month.last - month.first) // (self.series.seconds * 1000) + 1 - month.rows)


class Coverage:
    """Reads the newest 120 files of each series in a store, and reads a file again only once it has changed.

    Parameters
    ----------
    local_path : str or Path
        Directory of the store.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.candles import CandleStore, Coverage, Series
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     series = Series("kraken", "BTC/USD", "1d")
    ...     _ = CandleStore(directory).write(series, [(0, 1.0, 2.0, 0.5, 1.5, 10.0)])
    ...     [span] = Coverage(directory).spans()
    ...     print(span.series, span.months[0].name, span.months[0].rows)
    kraken BTC/USD 1d 1970-01 1
    """

    def __init__(self, local_path: str | Path) -> None:
        parquet.require_pyarrow()
        self._root = Path(local_path)
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[Signature | None, Month | None]] = {}

    def spans(self) -> list[Span]:
        """Return which months of each series are stored.

        Returns
        -------
        list of Span
            Sorted by exchange, pair and timeframe; a file that cannot be read is left out.
        """
        with self._lock:
            found = []
            for directory in self._root.glob(layout.ANY):
                series = layout.series_of(directory)
                if series is not None and (months := self._months(directory)):
                    found.append(Span(series, months))
            return sorted(found, key=lambda span: span.series)

    def _months(self, directory: Path) -> tuple[Month, ...]:
        months = map(self._month, layout.month_files(directory)[-_MAX_MONTHS:])
        return tuple(month for month in months if month is not None)

    def _month(self, path: Path) -> Month | None:
        signature = files.signature(path)
        if path not in self._known or self._known[path][0] != signature:
            self._known[path] = (signature, _read(path))
        return self._known[path][1]


def _read(path: Path) -> Month | None:
    try:
        found = parquet.extent(path)
    except (OSError, StorageError, parquet.DamagedFileError):
        return None
    return None if found is None else Month(path.stem, *found)
