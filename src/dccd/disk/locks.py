"""A lock between processes, held for the length of one write."""

import errno
import os
import sys
import time
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol
from weakref import ref

from dccd.disk.system import SYSTEM, System

if sys.platform != "win32":
    import fcntl

_POLL_SECONDS: Final = 0.001  # at filelock's own 50 ms two busy processes starve each other
_PRIVATE: Final = 0o600
_UNKNOWN: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP})
# By descriptor. A signal handler that raises may keep a lock from being given back; then it is once it is dropped.
_held: Final[dict[int, "ref[_Flock]"]] = {}


class FileLock(AbstractContextManager[object], Protocol):
    """A context in which no other process and no other thread is."""

    def release(self) -> None:
        """Give the lock back, if it is held."""
        ...


def file_lock(path: Path, timeout: float, *, system: System = SYSTEM) -> FileLock:
    """Return a lock between processes and between threads, not reentrant."""
    return _portable(path, timeout) if sys.platform == "win32" else _Flock(path, timeout, system)


def is_locked(path: Path) -> bool:
    """Return whether somebody holds a lock, without creating or keeping anything."""
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


def _portable(path: Path, timeout: float) -> FileLock:
    import filelock  # noqa: PLC0415 - 15 ms that only Windows and odd file systems cost

    return filelock.FileLock(path, timeout=timeout, poll_interval=_POLL_SECONDS, mode=_PRIVATE, thread_local=False)


class _Flock:
    """The lock of filelock on POSIX, on the same file, without its cost: it is taken at each record."""

    def __init__(self, path: Path, timeout: float, system: System) -> None:
        self._path = path
        self._timeout = timeout
        self._system = system
        self._held: tuple[int, System, ref[_Flock]] | None = None
        self._stand_in: FileLock | None = None

    def __enter__(self) -> None:
        until = time.monotonic() + self._timeout
        while not self._try():
            if self._stand_in is not None:
                self._stand_in.__enter__()
                return
            if time.monotonic() >= until:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock")
            time.sleep(_POLL_SECONDS)

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._stand_in is not None:
            self._stand_in.release()
        if self._held is not None:
            _give_back(*self._held)
            self._held = None

    def _try(self) -> bool:
        descriptor = self._system.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
        held = _held[descriptor] = ref(self, partial(_give_back, descriptor, self._system))
        self._held = (descriptor, self._system, held)
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
                self.release()
        return locked


def _give_back(descriptor: int, system: System, held: "ref[_Flock]") -> None:
    if _held.get(descriptor) is not held:  # as in a child that was forked while the lock was held
        return
    try:
        with suppress(OSError):  # closing unlocks too, unless a child has the file open
            system.unlock(descriptor)
    finally:
        del _held[descriptor]
        with suppress(OSError):  # it is closed all the same
            system.close(descriptor)


def _leave_locks_to_parent() -> None:
    # What a child keeps open stays locked when the parent is killed.
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_locks_to_parent)
