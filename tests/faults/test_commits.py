"""A commit of which any system call fails, or is interrupted."""

import errno
import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from dccd._compat import override
from dccd.daemon.records.model import JobRecord
from dccd.daemon.state.metrics_file import METRICS_FILE
from dccd.daemon.state.store import MetricsStore, read_records
from dccd.disk.state_directory import STATE_DIRECTORY
from dccd.disk.system import System

CALLS = {name for name in vars(System) if not name.startswith("_")}
FAULTS = [OSError(number, os.strerror(number)) for number in (errno.ENOSPC, errno.EIO, errno.EACCES, errno.ENOENT)]


class Faulty(System):
    """The system, of which chosen calls fail."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.fault: BaseException | None = None
        self.fails: Callable[[int], bool] = lambda number: False
        self.takes_effect = False

    @override
    def __getattribute__(self, name: str) -> Any:
        real = super().__getattribute__(name)
        return partial(self._call, name, real) if name in CALLS else real

    def begin(self, fault: BaseException | None = None, fails: Callable[[int], bool] = lambda number: False) -> None:
        """Count the calls from now on, and have some of them fail."""
        self.made, self.fault, self.fails = [], fault, fails

    def _call(self, name: str, real: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        self.made.append(name)
        fault = self.fault if self.fails(len(self.made) - 1) else None
        if fault is None:
            return real(*arguments, **keywords)
        if self.takes_effect or (name == "close" and isinstance(fault, OSError)):  # a close that fails has closed
            real(*arguments, **keywords)
        raise fault


class Dribbling(Faulty):
    """The system, on a disk that takes a few bytes at a time."""

    @override
    def _call(self, name: str, real: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        if name == "write":
            descriptor, data = arguments
            return real(descriptor, data[:7])
        return real(*arguments, **keywords)


def add(record: JobRecord) -> JobRecord:
    """Count a row."""
    return replace(record, metrics=replace(record.metrics, rows_collected=record.metrics.rows_collected + 1))


def rows(directory: Path) -> int:
    """Return what a reader finds."""
    return read_records(directory.parent)["a"].metrics.rows_collected


def open_descriptors() -> set[Path]:
    """Return what this process has open."""
    return set(Path("/dev/fd").iterdir())


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a state directory that does not exist yet."""
    return tmp_path / STATE_DIRECTORY


@pytest.fixture
def system() -> Faulty:
    """Return a system without faults yet."""
    return Faulty()


def calls_of_a_commit(directory: Path) -> list[str]:
    """Return the system calls by name, in order."""
    system = Faulty()
    store = MetricsStore(directory.with_name("counted"), system=system)
    store.update({"a": add})
    system.begin()
    store.update({"a": add})
    return system.made


def assert_nothing_is_left(store: MetricsStore, directory: Path, before: set[Path]) -> None:
    """Neither a file, nor a descriptor, nor the lock."""
    assert {file.name for file in directory.iterdir()} == {METRICS_FILE, f"{METRICS_FILE}.lock"}
    assert open_descriptors() <= before  # what tests before this one left may be closed by now
    other = MetricsStore(directory)
    assert other.update({"b": add})["b"].metrics.rows_collected == 1
    assert other.fault is None
    assert store.snapshot()["b"].metrics.rows_collected == 1


def test_a_commit_makes_the_calls_that_durability_needs(directory: Path) -> None:
    """In their order, and few others."""
    made = calls_of_a_commit(directory)
    needed = ["open", "lock", "open", "write", "fsync", "close", "replace", "unlock", "close"]
    places = iter(made)
    assert all(name in places for name in needed), made
    assert len(made) < 25


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_any_call_may_fail_once(directory: Path, system: Faulty, fault: OSError) -> None:
    """The old content or the new is there, nothing is counted twice, and the next commit makes it good."""
    for number in range(len(calls_of_a_commit(directory))):
        place = directory.parent / str(number) / STATE_DIRECTORY
        store = MetricsStore(place, system=system)
        store.update({"a": add})
        before = open_descriptors()
        system.begin(fault, number.__eq__)
        after = store.update({"a": add})
        name = system.made[number]
        system.begin()
        assert after["a"].metrics.rows_collected == 2, name
        assert rows(place) == (1 if store.fault else 2), name
        assert store.update({"a": add})["a"].metrics.rows_collected == 3, name
        assert store.fault is None, name
        assert rows(place) == 3, name
        assert_nothing_is_left(store, place, before)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_every_call_from_some_point_on_may_fail(
    directory: Path, system: Faulty, fault: OSError, caplog: pytest.LogCaptureFixture
) -> None:
    """For as long as it lasts; the log says once that it began and once that it is over."""
    for number in range(len(calls_of_a_commit(directory))):
        place = directory.parent / str(number) / STATE_DIRECTORY
        store = MetricsStore(place, system=system)
        store.update({"a": add})
        caplog.clear()
        for begun in range(3):
            system.begin(fault, lambda made: made >= number if begun == 0 else True)  # noqa: B023 - used in this round
            assert store.update({"a": add})["a"].metrics.rows_collected == 2 + begun
            assert rows(place) in {1, 2}
            assert store.snapshot()["a"].metrics.rows_collected == 2 + begun
        assert not store.flush()
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        system.begin()
        assert store.flush()
        assert rows(place) == 4
        assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_a_call_that_fails_may_have_done_its_work(directory: Path, system: Faulty) -> None:
    """A network file system replaces a file and says that it could not: the change counts once."""
    system.takes_effect = True
    for number, name in enumerate(calls_of_a_commit(directory)):
        place = directory.parent / str(number) / STATE_DIRECTORY
        store = MetricsStore(place, system=system)
        store.update({"a": add})
        system.begin(FAULTS[1], number.__eq__)
        store.update({"a": add})
        assert name == system.made[number]
        system.begin()
        store.update({"a": add})
        assert rows(place) == 3, name
        assert MetricsStore(place).snapshot()["a"].metrics.rows_collected == 3, name


@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_signal_handler_may_raise_at_any_call(directory: Path, system: Faulty, takes_effect: bool) -> None:
    """The store goes on: nobody waits for a leader that is gone, no change is lost and none counts twice."""
    system.takes_effect = takes_effect
    for number, name in enumerate(calls_of_a_commit(directory)):
        place = directory.parent / str(number) / STATE_DIRECTORY
        store = MetricsStore(place, system=system)
        store.update({"a": add})
        system.begin(KeyboardInterrupt(), number.__eq__)
        with pytest.raises(KeyboardInterrupt):
            store.update({"a": add})
        system.begin()
        store.update({"a": add})
        assert rows(place) == 3, name
        assert store.flush(), name
        assert MetricsStore(place).update({"a": add})["a"].metrics.rows_collected == 4, name


class Meeting(Faulty):
    """The system, on which a write waits for another caller and is interrupted then."""

    def __init__(self) -> None:
        super().__init__()
        self.queued = threading.Event()

    @override
    def _call(self, name: str, real: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        if name == "fsync" and self.fault is not None:
            fault, self.fault = self.fault, None
            assert self.queued.wait(30)
            raise fault
        return real(*arguments, **keywords)


@pytest.mark.parametrize("when", ["before", "in"])
def test_who_waits_for_a_committer_that_is_interrupted_gets_its_own_commit(directory: Path, when: str) -> None:
    """Whether its change was in that commit or not: what has returned is on the disk."""
    system = Meeting()
    store, there = MetricsStore(directory, system=system), list[int]()

    def work() -> None:
        store.update({"a": add})
        there.append(rows(directory))

    def last(record: JobRecord) -> JobRecord:
        # The other caller comes now: late for this commit, and waits for the next.
        thread.start()
        while not store._queue:
            pass
        if when == "in":
            batch = store._queue[:]
            store._pending.tickets += batch
            store._taken += batch
            del store._queue[:]
        system.queued.set()
        return add(record)

    thread = threading.Thread(target=work)
    system.fault = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        store.update({"b": last})
    thread.join(30)
    assert there == [1]


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_all_of_them(directory: Path) -> None:
    """A write may be shorter than what it was given."""
    store = MetricsStore(directory, system=Dribbling())
    for number in range(5):
        store.update({f"job {number}": add})
    assert list(json.loads((directory / METRICS_FILE).read_bytes())) == [f"job {number}" for number in range(5)]
