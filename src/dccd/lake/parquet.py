"""Tables of candles, in Arrow and in Parquet files."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from dccd.disk import files
from dccd.errors import MissingExtraError, StorageError
from dccd.lake.series import Candle, Series

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

_COLUMNS: Final = ("ts", "open", "high", "low", "close", "volume")


class DamagedFileError(Exception):
    """A file can be read, but is not Parquet or only a part of it."""


@functools.cache
def _arrow() -> Any:  # noqa: ANN401 - its stubs leave out half of what is used here
    """Return pyarrow, which takes 0.1 s to import; raise `MissingExtraError` if it is not installed."""
    try:
        import pyarrow.compute  # noqa: PLC0415
        import pyarrow.csv  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        msg = "storing candles needs pyarrow: pip install '.[collect]' in the checkout"
        raise MissingExtraError(msg) from error
    return pyarrow


def require_pyarrow() -> None:
    """Raise `MissingExtraError` if pyarrow is not installed."""
    _arrow()


def schema(series: Series | None = None) -> "pa.Schema":
    """Return the schema of a file, with the series in its metadata if one is given."""
    arrow = _arrow()
    names = {f"dccd.{name}": str(getattr(series, name)) for name in ("exchange", "pair", "timeframe")} if series else {}
    fields = [("ts", arrow.timestamp("ms", tz="UTC")), *((name, arrow.float64()) for name in _COLUMNS[1:])]
    return cast("pa.Schema", arrow.schema(fields, metadata=names or None))


def table(series: Series, candles: Sequence[Candle]) -> "pa.Table":
    """Return candles as a table."""
    arrow, target = _arrow(), schema(series)
    columns = [
        arrow.array(values, field.type) for values, field in zip(zip(*candles, strict=True), target, strict=True)
    ]
    return cast("pa.Table", arrow.table(columns, schema=target))


def read(path: Path, columns: Sequence[str] = _COLUMNS) -> "pa.Table":
    """Return the content of a file.

    Raises `DamagedFileError`, `StorageError` if the columns are not those of candles, and `OSError` of the disk.
    """
    return _decode(path, lambda file: cast("pa.Table", file.read(columns=list(columns))))


def extent(path: Path) -> tuple[int, int, int] | None:
    """Return how many rows a file has, and its oldest and newest open time, None if it is empty; raises as `read`."""
    return _decode(path, _extent)


def _decode(path: Path, extract: Callable[[Any], T]) -> T:
    arrow = _arrow()
    # From a path pyarrow would make columns of its "exchange=...". A file object of Python may be released by a thread
    # of pyarrow after the interpreter has ended, which aborts the process.
    with arrow.OSFile(str(path), "rb") as file:
        try:
            parquet = arrow.parquet.ParquetFile(file)
            found = parquet.schema_arrow
            if found.equals(schema()):
                return extract(parquet)
        except (arrow.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            raise DamagedFileError(str(error)) from error
    columns = ", ".join(f"{field.name} {field.type}" for field in found)
    msg = f"{path} has the columns {columns}, which dccd did not write: move the file away"
    raise StorageError(msg)


def _extent(file: Any) -> tuple[int, int, int] | None:  # noqa: ANN401
    if not file.metadata.num_rows:
        return None
    groups = [file.metadata.row_group(number).column(0) for number in range(file.metadata.num_row_groups)]
    found = [group.statistics for group in groups if group.num_values]
    if all(each is not None and each.has_min_max for each in found):
        first, last = min(each.min for each in found), max(each.max for each in found)
    else:  # another program has rewritten the file
        bounds = _arrow().compute.min_max(file.read(columns=["ts"])["ts"]).as_py()
        first, last = bounds["min"], bounds["max"]
    return file.metadata.num_rows, round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def merge(old: "pa.Table", new: "pa.Table") -> tuple["pa.Table", int]:
    """Return both tables as one by ascending time, where a new row replaces an old one, and how many rows are added.

    If nothing changes, the table returned is the old one itself.
    """
    arrow = _arrow()
    repeated = arrow.compute.is_in(old["ts"], value_set=new["ts"].combine_chunks())
    kept = old.filter(arrow.compute.invert(repeated))
    added = new.num_rows - (old.num_rows - kept.num_rows)
    if not added and old.filter(repeated).equals(new):
        return old, 0
    return arrow.concat_tables([kept, new]).sort_by("ts"), added


def concat(series: Series, tables: Iterable["pa.Table"], columns: Sequence[str]) -> "pa.Table":
    """Return tables one after the other, an empty one if there are none."""
    empty = schema(series).empty_table().select(list(columns))
    return cast("pa.Table", _arrow().concat_tables([empty, *(part.cast(empty.schema) for part in tables)]))


def between(content: "pa.Table", start: int | None, end: int | None) -> "pa.Table":
    """Return the rows from one open time in milliseconds to another, which is excluded; None is no bound."""
    arrow = _arrow()
    for bound, keep in ((start, arrow.compute.greater_equal), (end, arrow.compute.less)):
        if bound is not None:
            content = content.filter(keep(_milliseconds(content), bound))
    return content


def wide_steps(content: "pa.Table", least: int) -> list[tuple[int, int]]:
    """Return the open times of each two rows in sequence that are so many milliseconds apart or more."""
    arrow = _arrow()
    times = _milliseconds(content).combine_chunks()
    before, after = times.slice(0, max(0, len(times) - 1)), times.slice(1)
    wide = arrow.compute.greater_equal(arrow.compute.subtract(after, before), least)
    return list(zip(before.filter(wide).to_pylist(), after.filter(wide).to_pylist(), strict=True))


def _milliseconds(content: "pa.Table") -> Any:  # noqa: ANN401
    return content["ts"].cast(_arrow().int64())


def write(path: Path, content: "pa.Table", *, fsync: bool) -> None:
    """Replace a Parquet file in one step; raises `OSError`."""
    to_parquet = _arrow().parquet.write_table
    # Prices hardly repeat: without dictionaries a month of minutes is smaller and three times as fast to write.
    options = {"compression": "zstd", "use_dictionary": False}
    files.replace_with(path, lambda temporary: to_parquet(content, temporary, **options), fsync=fsync)
    if fsync and os.name == "posix":
        _sync_directory(path.parent)


def write_csv(path: Path, content: "pa.Table", *, fsync: bool) -> None:
    """Replace a CSV file in one step, with times in ISO 8601 and UTC; raises `OSError`."""
    arrow = _arrow()
    content = content.combine_chunks()  # pyarrow 26 writes zeros for an empty chunk
    seconds = arrow.compute.divide(content["ts"].cast(arrow.int64()), 1000).cast(arrow.timestamp("s"))
    texts = arrow.compute.strftime(seconds, format="%Y-%m-%dT%H:%M:%SZ")
    options = arrow.csv.WriteOptions(include_header=False, quoting_style="none")

    def to_csv(temporary: Path) -> None:
        with arrow.OSFile(str(temporary), "wb") as file:
            file.write(f"{','.join(content.schema.names)}\n".encode())
            arrow.csv.write_csv(content.set_column(0, "ts", texts), file, options)

    files.replace_with(path, to_csv, fsync=fsync)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
