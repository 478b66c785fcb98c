"""The lock between processes."""

import errno
import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from dccd._compat import override
from dccd.disk import files
from dccd.disk.locks import file_lock, is_locked
from dccd.disk.system import System


def test_a_lock_that_is_held_times_out(tmp_path: Path) -> None:
    """As an OSError of its own kind; it is free again afterwards, and private."""
    path = tmp_path / "a.lock"
    with file_lock(path, timeout=0):
        with pytest.raises(TimeoutError), file_lock(path, timeout=0.01):
            pytest.fail("two have it")
        assert path.stat().st_mode & 0o777 == 0o600
    with file_lock(path, timeout=0):
        pass


def test_filelock_respects_it_and_is_respected(tmp_path: Path) -> None:
    """It is the same lock, so that older processes and other programs can share it."""
    filelock = pytest.importorskip("filelock")
    path = tmp_path / "a.lock"
    with file_lock(path, timeout=0), pytest.raises(filelock.Timeout), filelock.FileLock(path, timeout=0):
        pytest.fail("two have it")
    with filelock.FileLock(path, timeout=0), pytest.raises(TimeoutError), file_lock(path, timeout=0):
        pytest.fail("two have it")


def test_a_lock_that_is_given_back_goes_to_who_waits(tmp_path: Path) -> None:
    """Threads of one process wait for each other, too."""
    path, order = tmp_path / "a.lock", list[int]()

    def work() -> None:
        with file_lock(path, timeout=30):
            order.append(len(order))

    threads = [threading.Thread(target=work) for _ in range(4)]
    with file_lock(path, timeout=0):
        for thread in threads:
            thread.start()
        assert order == []
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3]


class Removed(System):
    """The system, on which somebody removes the lock file just before it is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.times = 2

    @override
    def lock(self, descriptor: int) -> bool:
        if self.times:
            self.times -= 1
            self.path.unlink()
        return super().lock(descriptor)


def test_a_lock_on_a_file_that_is_gone_is_none(tmp_path: Path) -> None:
    """The next process would make another file, and two would have the lock."""
    path = tmp_path / "a.lock"
    with file_lock(path, timeout=5, system=Removed(path)):
        assert is_locked(path)
        with pytest.raises(TimeoutError), file_lock(path, timeout=0):
            pytest.fail("two have it")


class Odd(System):
    """A file system without locks."""

    @override
    def lock(self, descriptor: int) -> bool:
        raise OSError(errno.ENOSYS, "Function not implemented")


def open_on(path: Path) -> int:
    """Return how many descriptors of this process are open on a file."""
    found, there = 0, path.stat()
    for descriptor in Path("/dev/fd").iterdir():
        with suppress(OSError):  # that of the listing itself is closed by now
            found += os.path.samestat(os.fstat(int(descriptor.name)), there)
    return found


def test_a_file_system_without_locks_has_the_next_best(tmp_path: Path) -> None:
    """What filelock does there."""
    path = tmp_path / "a.lock"
    for _ in range(3):
        lock = file_lock(path, timeout=0, system=Odd())
        with lock:
            assert open_on(path) > 0
        assert open_on(path) == 0


def test_what_raises_in_between_gives_the_lock_back(tmp_path: Path) -> None:
    """So does an object that is dropped without being left."""
    path = tmp_path / "a.lock"
    with pytest.raises(KeyError), file_lock(path, timeout=0):
        raise KeyError
    lock = file_lock(path, timeout=0)
    lock.__enter__()
    del lock
    with file_lock(path, timeout=0):
        pass


def test_a_lock_that_is_given_back_twice_is_nobody_elses(tmp_path: Path) -> None:
    """Though the next one to open a file has its descriptor."""
    first, second = file_lock(tmp_path / "a.lock", timeout=0), file_lock(tmp_path / "b.lock", timeout=0)
    with first:
        pass
    with second:
        first.release()
        assert is_locked(tmp_path / "b.lock")
    second.release()
    assert not is_locked(tmp_path / "b.lock")


class Lockless(System):
    """A network file system whose lock server is away."""

    @override
    def lock(self, descriptor: int) -> bool:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def test_a_file_system_without_a_lock_server_is_told_with_what_to_do(tmp_path: Path) -> None:
    """In place of a wait for a lock that nobody holds."""
    with (
        pytest.raises(OSError, match=os.strerror(errno.ENOLCK)) as caught,
        file_lock(tmp_path / "a.lock", 0, system=Lockless()),
    ):
        pytest.fail("it is locked")
    assert "mount it with a lock server" in files.describe(caught.value)
