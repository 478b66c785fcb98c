"""Write candles to one file, for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd.candles import parquet
from dccd.errors import DccdError, StorageError
from dccd.files import describe

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["export_table"]

_WRITERS: Final = {".csv": parquet.write_csv, ".parquet": parquet.write}


def export_table(content: "pa.Table", path: Path, *, force: bool = False) -> None:
    """Write a table of candles to a file, whole or not at all.

    Parameters
    ----------
    content : pyarrow.Table
        As `CandleStore.read` returns it.
    path : Path
        A name that ends in ``.csv`` or ``.parquet``. In CSV times are ISO 8601 in UTC.
    force : bool, optional
        Whether to replace a file that is there.

    Raises
    ------
    DccdError
        If the name ends otherwise, or the file is there.
    StorageError
        If the file cannot be written.
    """
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        msg = f"{path}: the name must end in .csv or .parquet"
        raise DccdError(msg)
    if not force and path.exists():
        msg = f"{path} is there already: give another name, or --force to replace it"
        raise DccdError(msg)
    try:
        write(path, content, fsync=True)
    except OSError as error:
        msg = f"{path}: {describe(error)}"
        raise StorageError(msg) from error
