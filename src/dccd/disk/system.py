"""The system calls that writing a file takes, as an argument, so that each of them can be made to fail."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl


class System:
    """The operating system. A test hands over a subclass with faults of its own."""

    def open(self, path: Path | str, flags: int, mode: int) -> int:
        """Return the descriptor of a file."""
        return os.open(path, flags, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Return how many bytes were written."""
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """Wait until a file is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def replace(self, source: Path | str, target: Path | str) -> None:
        """Rename a file to what may exist."""
        os.replace(source, target)

    def unlink(self, path: Path | str) -> None:
        """Take a file away."""
        os.unlink(path)

    def mkdir(self, path: Path | str) -> None:
        """Make a directory."""
        os.mkdir(path)

    def utime(self, path: Path | str, *, ns: tuple[int, int]) -> None:
        """Set when a file was read and changed, nanoseconds."""
        os.utime(path, ns=ns)

    def stat(self, path: Path | str) -> os.stat_result:
        """Return what is known of a path."""
        return os.stat(path)

    def lstat(self, path: Path | str) -> os.stat_result:
        """Return what is known of a path, which may be a link."""
        return os.lstat(path)

    def fstat(self, descriptor: int) -> os.stat_result:
        """Return what is known of an open file."""
        return os.fstat(descriptor)

    def lock(self, descriptor: int) -> bool:
        """Try to lock an open file against other open files of its path; say whether that was possible."""
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self, descriptor: int) -> None:
        """Give a lock back, for every process that has inherited the open file."""
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_UN)


SYSTEM: Final = System()
