"""Export candles to one file, for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd.disk import files
from dccd.errors import DccdError, StorageError
from dccd.lake import parquet

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

_WRITERS: Final = {".csv": parquet.write_csv, ".parquet": parquet.write}


def table_writer(path: Path, *, force: bool = False) -> "Callable[[pa.Table], None]":
    """Return a function that writes a table of candles to a file in one step.

    A name that does not end in ``.csv`` or ``.parquet``, and a file that exists, raise `DccdError` at once, before any
    candles are read.
    """
    write_table = _WRITERS.get(path.suffix.lower())
    if write_table is None:
        msg = f"{path}: the name must end in .csv or .parquet"
        raise DccdError(msg)
    if not force and path.exists():
        msg = f"{path} exists: give another name, or --force to replace it"
        raise DccdError(msg)

    def write(content: "pa.Table") -> None:
        try:
            write_table(path, content, fsync=True)
        except OSError as error:
            msg = f"{path}: {files.describe(error)}"
            raise StorageError(msg) from error

    return write
