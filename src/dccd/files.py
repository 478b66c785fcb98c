"""Write files so that a reader sees the old content or the new one, never a part."""

import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["Signature", "describe", "file_lock", "remove_stray", "replace", "set_aside", "signature"]

PRIVATE: Final = 0o600
_STRAY_AFTER: Final = 3600.0
_ADVICE: Final = {
    errno.ENOSPC: "the disk is full: free space on it",
    errno.EDQUOT: "the disk quota is used up: free space",
    errno.EROFS: "the file system is read-only: mount it writable",
    errno.EACCES: "permission denied: let this user write there",
    errno.EPERM: "permission denied: let this user write there",
    errno.ENOENT: "no such directory: create it, or mount its disk",
    errno.ENOTDIR: "a part of the path is a file: move it away",
    errno.EIO: "the disk reports an I/O error: check it",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
}


class Signature(NamedTuple):
    """What changes when a file is replaced or written: inode, size, and time of change in nanoseconds."""

    inode: int
    size: int
    mtime_ns: int


def signature(path: Path | int) -> Signature | None:
    """Return the signature of a file, by path or descriptor, or None where there is none."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        return None
    return Signature(stat.st_ino, stat.st_size, stat.st_mtime_ns)


def describe(error: OSError) -> str:
    """Return what went wrong with a file and what to do about it, without its path."""
    advice = _ADVICE.get(error.errno or 0)
    return advice or f"{error.strerror or type(error).__name__}: see the system's log"


def replace(path: Path, data: bytes, *, fsync: bool = True, mode: int | None = PRIVATE) -> Signature:
    """Replace the whole content of a file in one step.

    Parameters
    ----------
    path : Path
        The file; a symbolic link is followed, so it stays a link.
    data : bytes
        The new content.
    fsync : bool, optional
        Whether to wait until the data are on the disk before the old content goes.
    mode : int or None, optional
        Permissions of the new file, default readable by its owner only; None for what the umask says.

    Returns
    -------
    Signature
        The signature of the new file.

    Raises
    ------
    OSError
        If it cannot be written; the old content is still there then.
    """
    return replace_with(path, lambda temporary: _write(temporary, data, mode or 0o666), fsync=fsync)


def replace_with(path: Path, write: Callable[[Path], None], *, fsync: bool = True) -> Signature:
    """Replace a file by what `write` puts into a temporary file beside it."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{time.monotonic_ns():x}.tmp")
    try:
        write(temporary)
        descriptor = os.open(temporary, os.O_RDWR)
        try:
            if fsync:
                os.fsync(descriptor)
            stat = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    return Signature(stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _write(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with open(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]


def set_aside(path: Path, why: str, now: float) -> Path:
    """Rename a file to ``{name}.{why}-{UTC time}`` and return its new path; never replace an older one."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    for number in range(1, 1000):
        aside = path.with_name(f"{path.name}.{why}-{stamp}" + (f"-{number}" if number > 1 else ""))
        if os.path.lexists(aside):
            continue
        try:
            os.link(path, aside)  # unlike a rename, a link never replaces what is there
            os.unlink(path)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            os.rename(path, aside)
        return aside
    msg = f"{path}: a thousand files are set aside already; move them away"
    raise OSError(errno.EEXIST, msg)


def remove_stray(directory: Path, now: float) -> None:
    """Remove the temporary files that killed writers left an hour ago or earlier."""
    with suppress(OSError):
        for path in directory.glob(".*.tmp"):
            with suppress(OSError):
                if now - path.stat().st_mtime > _STRAY_AFTER:
                    path.unlink()


def file_lock(path: Path, timeout: float) -> "BaseFileLock":
    """Return a lock between processes, not reentrant, to be held for the length of one commit.

    Parameters
    ----------
    path : Path
        The lock file; it stays when the lock is released, and a stale one never blocks.
    timeout : float
        Seconds to wait for another process; then entering raises `filelock.Timeout`, which is an `OSError`.

    Returns
    -------
    filelock.BaseFileLock
        A context manager. It polls every millisecond: at filelock's own 50 ms two busy processes starve each other.
    """
    from filelock import FileLock  # noqa: PLC0415 - 15 ms that a reader of metrics never needs

    return FileLock(path, timeout=timeout, poll_interval=0.001, mode=PRIVATE, thread_local=False)
