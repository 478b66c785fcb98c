"""The directory for all that dccd keeps beside the data."""

from pathlib import Path
from typing import Final

from dccd import files
from dccd.errors import StorageError

__all__ = ["STATE_DIRECTORY", "make_directory"]

STATE_DIRECTORY: Final = ".dccd"


def make_directory(directory: Path) -> Path:
    """Make a directory if need be.

    Parameters
    ----------
    directory : Path
        Its parents are made, too.

    Returns
    -------
    Path
        The directory, absolute, symbolic links followed.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return directory.resolve()
    except OSError as error:
        msg = f"{directory} cannot be used: {files.describe(error)}"
        raise StorageError(msg) from None
    except ValueError:
        msg = f"{str(directory)!r} cannot be used: a path has no null bytes"
        raise StorageError(msg) from None
