"""The system calls that files and locks need, passed as an argument so that a test can make each of them fail."""

import errno
import os
import sys
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl


class System:
    """The operating system; a test passes a subclass with faults."""

    def open(self, path: Path | str, flags: int, mode: int) -> int:
        """Open a file and return its descriptor."""
        return os.open(path, flags, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write to a file and return how many bytes were written."""
        return os.write(descriptor, data)

    def fsync(self, descriptor: int) -> None:
        """Wait until the content of a file is on the disk."""
        os.fsync(descriptor)

    def fchown(self, descriptor: int, user: int, group: int) -> None:
        """Give an open file to a user and a group; -1 leaves one as it is."""
        if sys.platform != "win32":
            os.fchown(descriptor, user, group)

    def fchmod(self, descriptor: int, mode: int) -> None:
        """Set the permissions of an open file."""
        if sys.platform != "win32":
            os.fchmod(descriptor, mode)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def replace(self, source: Path | str, target: Path | str) -> None:
        """Rename a file, over the target if it exists."""
        os.replace(source, target)

    def unlink(self, path: Path | str) -> None:
        """Remove a file."""
        os.unlink(path)

    def mkdir(self, path: Path | str, mode: int) -> None:
        """Make a directory."""
        os.mkdir(path, mode)

    def utime(self, path: Path | str, *, ns: tuple[int, int]) -> None:
        """Set the times of access and change of a file, in nanoseconds."""
        os.utime(path, ns=ns)

    def stat(self, path: Path | str) -> os.stat_result:
        """Return the status of the file at a path, symbolic links followed."""
        return os.stat(path)

    def lstat(self, path: Path | str) -> os.stat_result:
        """Return the status of a path itself, also if it is a symbolic link."""
        return os.lstat(path)

    def fstat(self, descriptor: int) -> os.stat_result:
        """Return the status of an open file."""
        return os.fstat(descriptor)

    def lock(self, descriptor: int) -> bool:
        """Lock an open file if no other open file of its path is locked, and return whether it is locked now."""
        if sys.platform == "win32":
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self, descriptor: int) -> None:
        """Unlock an open file, for every process that inherited it."""
        if sys.platform != "win32":
            fcntl.flock(descriptor, fcntl.LOCK_UN)


SYSTEM: Final = System()
