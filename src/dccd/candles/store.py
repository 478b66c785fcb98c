"""Candles in Parquet files, one for each month of a series."""

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.disk import MountedDirectory, check_format, file_lock, files, mounted_directory
from dccd.errors import StorageError
from dccd.lake import Candle, Gap, Series, layout, parquet

if TYPE_CHECKING:
    import pyarrow as pa

_logger: Final = logging.getLogger("dccd.candles")
_LOCK_TIMEOUT_SECONDS: Final = 60.0


class CandleStore:
    """Candles in Parquet files that any tool can read.

    The files are ``exchange=binance/symbol=BTC-USDT/timeframe=1h/2026-11.parquet`` below `local_path`, with the
    columns ``ts`` (open time, ``timestamp[ms, UTC]``), ``open``, ``high``, ``low``, ``close`` and ``volume``
    (float64). In ``symbol=`` a ``/`` is written ``-``, and other signs in percent notation (``BTC-USDT%3AUSDT``); the
    metadata of a file have the pair unchanged. Each file is replaced as a whole, so a reader never sees a part of one,
    and threads and processes may write to the same series at the same time.

    A damaged file is renamed to ``{name}.corrupt-{UTC time}``, with an ERROR in the log; its candles are missing until
    they are written again. A file with other columns raises `StorageError`, as rewriting it would lose them.

    Parameters
    ----------
    local_path : str or Path
        Directory of the store; the first write makes it.
    fsync : bool, optional
        Whether a write waits until its candles are on the disk, default true.
    read_only : bool, optional
        Whether to change nothing on the disk: a damaged file raises `StorageError` then.
    must_exist : bool, optional
        Whether to refuse a directory without a ``.dccd`` in it, as one on a disk that is not mounted yet.
    clock : Clock, optional
        Time, for the names of damaged files.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    StorageError
        If a newer dccd wrote the directory, or it must exist and does not.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.candles import CandleStore, Series
    >>> series = Series("kraken", "BTC/USD", "1m")
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     store = CandleStore(directory)
    ...     new = store.write(series, [(0, 1.0, 2.0, 0.5, 1.5, 10.0), (180_000, 1.5, 1.5, 1.5, 1.5, 0.0)])
    ...     again = store.write(series, [(180_000, 1.5, 1.6, 1.5, 1.6, 3.0)])
    ...     print(new, again, store.last(series), store.read(series)["close"].to_pylist())
    ...     print(*store.gaps(series))
    2 0 180000 [1.5, 1.6]
    2 missing from 1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z
    """

    def __init__(
        self,
        local_path: str | Path,
        *,
        fsync: bool = True,
        read_only: bool = False,
        must_exist: bool = False,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        parquet.require_pyarrow()
        self._root = Path(local_path)
        check_format(self._root, must_exist=must_exist)
        self._mounted: MountedDirectory | None = None
        self._fsync = fsync
        self._read_only = read_only
        self._clock = clock
        self._swept: set[Path] = set()
        self._sweeping = threading.Lock()

    def write(self, series: Series, candles: Iterable[Candle]) -> int:
        """Store candles; of two with the same open time the last one stays.

        Parameters
        ----------
        series : Series
            The series of the candles.
        candles : iterable of Candle
            In any order, with duplicates or without.

        Returns
        -------
        int
            How many of them have an open time that was not stored before.

        Raises
        ------
        StorageError
            If a file cannot be written, or the store is read-only; the months written before stay.
        """
        if self._read_only:
            msg = f"{self._root} is open for reading only"
            raise StorageError(msg)
        by_time = {candle[0]: candle for candle in candles}
        if not by_time:
            return 0
        directory = self._root / layout.directory_of(series)
        ordered = [by_time[time] for time in sorted(by_time)]
        new = 0
        with _storage_errors(directory), self._locked(directory):
            for month, group in itertools.groupby(ordered, key=lambda candle: layout.month(candle[0])):
                new += self._write_month(series, directory / f"{month}.parquet", list(group))
        return new

    def last(self, series: Series) -> int | None:
        """Return the open time of the newest candle stored.

        Parameters
        ----------
        series : Series
            The series.

        Returns
        -------
        int or None
            Milliseconds (UTC); None for a series without candles.

        Raises
        ------
        StorageError
            If a file cannot be read.
        """
        for path in reversed(self._files(series)):
            with _storage_errors(path):
                try:
                    found = parquet.extent(path)
                except parquet.DamagedFileError:
                    self._set_aside(path)
                    continue
            if found is not None:
                return found[2]
        return None

    def read(self, series: Series, start: int | None = None, end: int | None = None) -> "pa.Table":
        """Return candles as an Arrow table, by ascending open time.

        Parameters
        ----------
        series : Series
            The series.
        start : int, optional
            First open time, in milliseconds (UTC).
        end : int, optional
            Open time to stop before, in milliseconds (UTC).

        Returns
        -------
        pyarrow.Table
            Columns ``ts``, ``open``, ``high``, ``low``, ``close``, ``volume``; empty if there are no candles.

        Raises
        ------
        StorageError
            If a file cannot be read.
        """
        return self._read(series, start, end, parquet.schema(series).names)

    def gaps(self, series: Series, start: int | None = None, end: int | None = None) -> list[Gap]:
        """Return the gaps between the candles stored.

        Parameters
        ----------
        series : Series
            The series.
        start : int, optional
            First open time to check, in milliseconds (UTC).
        end : int, optional
            Open time to stop before, in milliseconds (UTC).

        Returns
        -------
        list of Gap
            In order; candles missing before the first or after the last one make no gap.

        Raises
        ------
        StorageError
            If a file cannot be read.
        """
        step = series.seconds * 1000
        times = self._read(series, start, end, ["ts"])
        return [_gap(before, after, step) for before, after in parquet.wide_steps(times, 2 * step)]

    def series(self) -> list[Series]:
        """Return all series that have candles, in order.

        Returns
        -------
        list of Series
            Sorted by exchange, pair and timeframe.
        """
        found = (layout.series_of(directory) for directory in self._root.glob(layout.ANY))
        return sorted(series for series in found if series and self._files(series))

    def _files(self, series: Series) -> list[Path]:
        directory = self._root / layout.directory_of(series)
        with _storage_errors(directory):
            return layout.month_files(directory)

    def _read(self, series: Series, start: int | None, end: int | None, columns: list[str]) -> "pa.Table":
        low, high = "" if start is None else layout.month(start), "~" if end is None else layout.month(end)
        paths = [path for path in self._files(series) if low <= path.stem <= high]
        tables = [content for path in paths if (content := self._content(path, columns)) is not None]
        return parquet.between(parquet.concat(series, tables, columns), start, end)

    def _content(self, path: Path, columns: list[str]) -> "pa.Table | None":
        with _storage_errors(path):
            try:
                return parquet.read(path, columns)
            except parquet.DamagedFileError:
                self._set_aside(path)
            except FileNotFoundError:  # another process has renamed it
                pass
        return None

    def _write_month(self, series: Series, path: Path, candles: list[Candle]) -> int:
        content, added = parquet.table(series, candles), len(candles)
        try:
            old = parquet.read(path)
        except FileNotFoundError:
            pass
        except parquet.DamagedFileError as error:
            self._rename(path, error)
        else:
            content, added = parquet.merge(old, content)
            if content is old:
                return 0
        parquet.write(path, content, fsync=self._fsync)
        return added

    @contextmanager
    def _locked(self, directory: Path) -> Iterator[None]:
        self._check_root()
        directory.mkdir(parents=True, exist_ok=True)
        self._mounted = self._mounted or mounted_directory(self._root)
        with file_lock(directory / ".lock", _LOCK_TIMEOUT_SECONDS):
            with self._sweeping:
                first = directory not in self._swept
                self._swept.add(directory)
            if first:
                files.remove_old_strays(directory, self._clock.time())
            yield

    def _check_root(self) -> None:
        """Raise `OSError` if the directory of the store is not the one that it first wrote to, or that a monitor has.

        Else what was stored would be fetched again from the start, and fill the disk below the one that is away.
        """
        if self._mounted is None and self._root.exists():
            self._mounted = mounted_directory(self._root)
        if self._mounted is not None:
            try:
                self._mounted.check()
            except FileNotFoundError:
                self._mounted.restore()

    def _set_aside(self, path: Path) -> None:
        """Rename a damaged file, unless a writer has replaced it; raise `StorageError` if the store is read-only."""
        if self._read_only:
            msg = f"{path} is damaged: move it away, and have dccd gaps --fill fetch its candles again"
            raise StorageError(msg)
        with self._locked(path.parent):
            try:
                parquet.read(path)
            except FileNotFoundError:
                pass
            except parquet.DamagedFileError as error:
                self._rename(path, error)

    def _rename(self, path: Path, error: Exception) -> None:
        aside = files.set_aside(path, "corrupt", self._clock.time())
        _logger.error(
            "%s is damaged (%s) and is now %s; its candles are missing until they are collected again",
            path,
            str(error)[:200],
            aside.name,
        )


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except TimeoutError as error:
        msg = f"{path}: another process has held its lock for {_LOCK_TIMEOUT_SECONDS:g} s; is it hung?"
        raise StorageError(msg) from error
    except OSError as error:
        msg = f"{path}: {files.describe(error)}"
        raise StorageError(msg) from error


def _gap(before: int, after: int, step: int) -> Gap:
    missing = (after - before) // step - 1
    return Gap(before + step, before + missing * step, missing)
