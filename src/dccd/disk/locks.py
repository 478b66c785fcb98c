"""A lock between processes, held for one write."""

import errno
import os
import sys
import time
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from weakref import ref

from dccd import interrupts
from dccd.disk.files import PRIVATE, open_file
from dccd.disk.system import SYSTEM, System

if sys.platform != "win32":
    import fcntl

_POLL_SECONDS: Final = 0.001  # with the 50 ms of filelock two busy processes starve each other
_NOT_SUPPORTED: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP})
# By descriptor. If a signal handler raises before a lock is released, the weak reference releases it.
_held: Final[dict[int, "ref[_Flock]"]] = {}


class FileLock(AbstractContextManager[object], Protocol):
    """A context that one thread of one process is in at a time."""

    def release(self) -> None:
        """Release the lock if it is held."""
        ...


def file_lock(path: Path, timeout: float, *, system: System = SYSTEM) -> FileLock:
    """Return a lock between processes and threads, for one use: not reentrant.

    Entering it raises `TimeoutError`, an `OSError`, after so many seconds. The file stays; one that a killed process
    left locks nobody out.
    """
    return _portable(path, timeout) if sys.platform == "win32" else _Flock(path, timeout, system)


def is_locked(path: Path) -> bool:
    """Return whether a process holds a lock, without creating the file; False if there is no file.

    Whoever tries to take the lock at this very moment may have to try again.
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
        descriptor = open_file(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _portable(path: Path, timeout: float) -> FileLock:
    import filelock  # noqa: PLC0415 - 15 ms that only Windows and file systems without flock need

    return filelock.FileLock(path, timeout=timeout, poll_interval=_POLL_SECONDS, mode=PRIVATE, thread_local=False)


class _Flock:
    """The lock that filelock takes on POSIX, on the same file, but cheaper: each record takes it."""

    def __init__(self, path: Path, timeout: float, system: System) -> None:
        self._path = path
        self._timeout = timeout
        self._system = system
        self._held: tuple[int, System, ref[_Flock]] | None = None
        self._portable: FileLock | None = None

    def __enter__(self) -> None:
        until = time.monotonic() + self._timeout
        while not self._try():
            if self._portable is not None:
                self._portable.__enter__()
                return
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock")
            time.sleep(_POLL_SECONDS)

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Release the lock if it is held."""
        if self._portable is not None:
            self._portable.release()
        if self._held is not None:
            _release(*self._held)
            self._held = None

    def _try(self) -> bool:
        descriptor = open_file(self._path, os.O_RDWR | os.O_CREAT, system=self._system)
        held = _held[descriptor] = ref(self, partial(_release, descriptor, self._system))
        self._held = (descriptor, self._system, held)
        locked = False
        try:
            # If the file was removed between the two calls, the next process would lock another file.
            locked = self._system.lock(descriptor) and self._system.fstat(descriptor).st_nlink > 0
        except OSError as error:
            interrupts.pass_on(error)
            if error.errno not in _NOT_SUPPORTED:
                raise
            self._portable = _portable(self._path, self._timeout)
        finally:
            if not locked:
                self.release()
        return locked


def _release(descriptor: int, system: System, held: "ref[_Flock]") -> None:
    if _held.get(descriptor) is not held:  # in a child that was forked while the lock was held
        return
    try:
        with interrupts.suppress(OSError):  # closing unlocks too, unless a child has the file open
            system.unlock(descriptor)
    finally:
        del _held[descriptor]
        with interrupts.suppress(OSError):  # the descriptor is closed even so
            system.close(descriptor)


def _leave_locks_to_parent() -> None:
    # A descriptor that the child keeps open stays locked after the parent is killed.
    for descriptor in _held:
        with interrupts.suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_locks_to_parent)
