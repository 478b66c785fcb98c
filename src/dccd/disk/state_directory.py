"""The directory for all that dccd keeps beside the data, and the number of its format."""

from pathlib import Path
from typing import Final

from dccd import interrupts
from dccd.disk import files
from dccd.disk.system import SYSTEM, System
from dccd.errors import StorageError

STATE_DIRECTORY: Final = ".dccd"
FORMAT_FILE: Final = "format"
FORMAT: Final = 1
"""The newest format that this dccd knows. A directory without the file has format 0: dccd 0.1.0 wrote it."""


def make_directory(directory: Path, *, private: bool = False) -> Path:
    """Make a directory and its parents if they are missing; return it absolute, with symbolic links followed.

    Only its owner may enter a private one that is made here.
    """
    try:
        if private and not files.is_link(directory):
            directory.parent.mkdir(parents=True, exist_ok=True)
            with interrupts.suppress(FileExistsError):
                directory.mkdir(0o700)
                directory.chmod(0o700)  # whatever the umask took away
        directory.mkdir(parents=True, exist_ok=True)
        return directory.resolve()
    except OSError as error:
        msg = f"{directory} cannot be used: {files.describe(error)}"
        raise StorageError(msg) from None
    except ValueError:
        msg = f"{str(directory)!r} cannot be used: a path has no null bytes"
        raise StorageError(msg) from None


def open_state_directory(local_path: Path, *, must_exist: bool = False, system: System = SYSTEM) -> Path:
    """Return the state directory below a data directory; make it if it is missing, and mark it with its format.

    With `must_exist`, `StorageError` is raised if it is missing.
    """
    is_marked = check_format(local_path, must_exist=must_exist)
    directory = make_directory(local_path / STATE_DIRECTORY, private=True)
    if not is_marked:
        with interrupts.suppress(OSError):  # the disk is full: whoever opens the directory next marks it
            files.replace(directory / FORMAT_FILE, f"{FORMAT}\n".encode("ascii"), system=system)
    return directory


def check_format(local_path: Path, *, must_exist: bool = False) -> bool:
    """Return whether a data directory is marked with `FORMAT`; raise `StorageError` if its format is newer.

    With `must_exist`, one without a state directory raises it, too. The dccd that introduces a format writes its
    version behind the number, for this error to name.
    """
    path = local_path / STATE_DIRECTORY / FORMAT_FILE
    if must_exist and not path.parent.is_dir():
        msg = f"{path.parent} does not exist: mount its disk, or set storage.must_exist to false to begin there"
        raise StorageError(msg)
    try:
        number, _, version = files.read(path).decode("ascii", "replace").strip().partition(" ")
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a null byte in the path: `make_directory` reports it
        return False
    except OSError as error:
        msg = f"{path} cannot be used: {files.describe(error)}"
        raise StorageError(msg) from None
    if not number.isdecimal():
        msg = f"{path} holds no number: restore it, or remove it if dccd 0.1.0 or this version wrote the directory"
        raise StorageError(msg)
    if int(number) > FORMAT:
        newer = f"dccd {version} or newer" if version else "the newer dccd that wrote it"
        msg = f"{local_path} has format {number}, and this dccd knows formats up to {FORMAT}: use {newer}"
        raise StorageError(msg)
    return int(number) == FORMAT
