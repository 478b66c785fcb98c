"""A directory that may go away with its disk."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from dccd._compat import override
from dccd.disk.mounted_directory import MountedDirectory
from dccd.disk.system import System


class Mounts(System):
    """The system, with device numbers and inodes to choose."""

    def __init__(self) -> None:
        self.devices: dict[Path, int] = {}
        self.inodes: dict[Path, int] = {}

    @override
    def __getattribute__(self, name: str) -> Any:
        return self.look if name == "stat" else super().__getattribute__(name)

    def look(self, path: Path) -> os.stat_result:
        """Look at a directory."""
        found = list(path.stat())
        found[1] = self.inodes.get(path, found[1])
        found[2] = self.devices.get(path, found[2])
        return os.stat_result(found)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory that exists."""
    directory = tmp_path / "data" / ".dccd"
    directory.mkdir(parents=True)
    return directory


def test_a_directory_of_another_disk_is_not_the_place_until_its_own_is_back(directory: Path) -> None:
    """However often one looks."""
    system = Mounts()
    place = MountedDirectory(directory, system=system)
    place.check()
    system.devices[directory], system.inodes[directory] = 99, 12345
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.ENODEV)):
            place.check()
    system.devices.clear()
    system.inodes.clear()
    place.check()


def test_a_disk_may_come_back_under_another_number(directory: Path) -> None:
    """Its directories have the inodes they had; from then on the new number is its own."""
    system = Mounts()
    place = MountedDirectory(directory, system=system)
    system.devices[directory] = 99
    place.check()
    system.inodes[directory] = 12345
    place.check()


def test_a_directory_that_was_removed_and_made_again_is_the_place(directory: Path) -> None:
    """On the same disk, by whomever."""
    place = MountedDirectory(directory)
    shutil.rmtree(directory)
    with pytest.raises(FileNotFoundError):
        place.check()
    place.restore()
    place.check()
    shutil.rmtree(directory.parent)
    directory.mkdir(parents=True)
    place.check()


def test_nothing_is_made_on_the_disk_below_a_mount_point(directory: Path) -> None:
    """What is left of the path when the disk is away."""
    system = Mounts()
    place = MountedDirectory(directory, system=system)
    directory.rmdir()
    system.devices[directory.parent] = 99
    place.restore()
    assert not directory.exists()
    directory.parent.rmdir()
    with pytest.raises(FileNotFoundError):
        place.restore()
