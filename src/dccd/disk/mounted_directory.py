"""A directory that may go away with its disk, and what may have come in its place."""

import errno
import os
from pathlib import Path

from dccd.disk.system import SYSTEM, System


class MountedDirectory:
    """A directory, remembered with the disk it is on.

    Where a disk is unmounted, its mount point is left: a directory of the disk below, and whatever was written there
    before. So what has another device number and another inode is not the place. A disk that comes back may have a new
    device number; its directories have their inodes then. A directory that was removed and made again has neither a
    new device nor a new parent, and is the place.
    """

    def __init__(self, directory: Path, *, system: System = SYSTEM) -> None:
        self._directory = directory
        self._system = system
        self._there = system.stat(directory)

    def check(self) -> None:
        """Raise `OSError` if the directory is not there, or another one is in its place."""
        found = self._system.stat(self._directory)
        if found.st_dev != self._there.st_dev and found.st_ino != self._there.st_ino:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self._there = found

    def restore(self) -> None:
        """Make the directory again if it was removed from a parent that is still there, on the same disk."""
        if self._system.stat(self._directory.parent).st_dev == self._there.st_dev:
            self._system.mkdir(self._directory)
