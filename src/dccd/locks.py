"""A lock between processes, held for the length of one write."""

import errno
import os
import sys
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Final

from dccd.system import SYSTEM, System

if sys.platform != "win32":
    import fcntl

__all__ = ["file_lock", "is_locked"]

_POLL: Final = 0.001  # at filelock's own 50 ms two busy processes starve each other
_PRIVATE: Final = 0o600
_UNKNOWN: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP})
_held: Final[set[int]] = set()


def file_lock(path: Path, timeout: float, *, system: System = SYSTEM) -> AbstractContextManager[object]:
    """Return a lock between processes and between threads, not reentrant.

    Parameters
    ----------
    path : Path
        The lock file; it stays when the lock is released, and one that a killed process left never blocks.
    timeout : float
        Seconds to wait for another holder; then entering raises `TimeoutError`, which is an `OSError`.
    system : System, optional
        What makes the system calls.

    Returns
    -------
    context manager
        For one use.
    """
    return _portable(path, timeout) if sys.platform == "win32" else _Flock(path, timeout, system)


def is_locked(path: Path) -> bool:
    """Return whether somebody holds a lock, without creating or keeping anything.

    Parameters
    ----------
    path : Path
        The lock file.

    Returns
    -------
    bool
        False where there is no such file. Who takes the lock at this very moment may have to try again.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    if sys.platform == "win32":
        if not path.exists():
            return False
        try:
            with _portable(path, 0.0):
                return False
        except TimeoutError:
            return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _portable(path: Path, timeout: float) -> AbstractContextManager[object]:
    from filelock import FileLock  # noqa: PLC0415 - 15 ms that only Windows and odd file systems cost

    return FileLock(path, timeout=timeout, poll_interval=_POLL, mode=_PRIVATE, thread_local=False)


class _Flock:
    """The lock of filelock on POSIX, on the same file, without its cost: it is taken at each record."""

    def __init__(self, path: Path, timeout: float, system: System) -> None:
        self._path = path
        self._timeout = timeout
        self._system = system
        self._descriptor: int | None = None
        self._stand_in: AbstractContextManager[object] | None = None

    def __enter__(self) -> None:
        until = time.monotonic() + self._timeout
        while not self._try():
            if self._stand_in is not None:
                self._stand_in.__enter__()
                return
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock")
            time.sleep(_POLL)

    def __exit__(self, *_: object) -> None:
        if self._stand_in is not None:
            self._stand_in.__exit__(None, None, None)
        self._release()

    def __del__(self) -> None:
        self._release()  # a signal handler that raised between taking the lock and entering the context

    def _try(self) -> bool:
        descriptor = self._system.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        self._descriptor = descriptor
        _held.add(descriptor)
        locked = False
        try:
            # A file that somebody removed between the two calls is a lock that nobody else will find.
            locked = self._system.lock(descriptor) and self._system.fstat(descriptor).st_nlink > 0
        except OSError as error:
            if error.errno not in _UNKNOWN:
                raise
            self._stand_in = _portable(self._path, self._timeout)
        finally:
            if not locked:
                self._release()
        return locked

    def _release(self) -> None:
        descriptor = self._descriptor
        if descriptor not in _held:  # as in a child that was forked while the lock was held
            return
        try:
            with suppress(OSError):  # closing unlocks too, unless a child has the file open
                self._system.unlock(descriptor)
        finally:
            self._descriptor = None
            _held.discard(descriptor)
            with suppress(OSError):  # it is closed all the same
                self._system.close(descriptor)


def _leave_locks_to_parent() -> None:
    # What a child keeps open stays locked when the parent is killed.
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_locks_to_parent)
