"""A directory that its disk may take away, and how to tell it from another one at the same path."""

import errno
import os
from pathlib import Path
from stat import S_IMODE
from typing import Final
from weakref import WeakValueDictionary

from dccd.disk.system import SYSTEM, System


class MountedDirectory:
    """A directory that exists, remembered with the disk it is on.

    An unmounted disk leaves its mount point, a directory of the disk below, which may have content of its own. So a
    directory with another device number and another inode is another directory. A disk that is mounted again may have
    a new device number, but its directories have their old inodes. A directory that was removed and made again has a
    new inode, but its old device number, and is accepted.
    """

    def __init__(self, directory: Path, *, system: System = SYSTEM) -> None:
        self._directory = directory
        self._system = system
        self._known = system.stat(directory)

    def check(self) -> None:
        """Raise `OSError` if the directory does not exist, or is another one."""
        found = self._system.stat(self._directory)
        if found.st_dev != self._known.st_dev and found.st_ino != self._known.st_ino:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self._known = found

    def restore(self) -> None:
        """Make the directory again if it was removed and its parent is still there, on the same disk."""
        if self._system.stat(self._directory.parent).st_dev == self._known.st_dev:
            self._system.mkdir(self._directory, S_IMODE(self._known.st_mode))


_known: Final[WeakValueDictionary[Path, MountedDirectory]] = WeakValueDictionary()


def mounted_directory(directory: Path, *, system: System = SYSTEM) -> MountedDirectory:
    """Return what all that write to a directory share, as it was when the first of them opened it."""
    if system is not SYSTEM:
        return MountedDirectory(directory, system=system)
    path = directory.resolve()
    return _known.get(path) or _known.setdefault(path, MountedDirectory(path))


def forget_directory(directory: Path) -> None:
    """Have the next one that opens a directory take it as it is then, as nobody has it open any more."""
    _known.pop(directory, None)
