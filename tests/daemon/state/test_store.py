"""The records of all jobs in one file."""

import json
import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.daemon.state.counting import FOUR, add, drop, fault_of, on_disk, rows

from dccd._compat import override
from dccd.daemon.records.model import JobMetrics, JobRecord, Transition
from dccd.daemon.state.metrics_file import METRICS_FILE
from dccd.daemon.state.pending_changes import Ticket
from dccd.daemon.state.store import MetricsStore, read_records
from dccd.disk import file_lock
from dccd.disk.state_directory import STATE_DIRECTORY
from dccd.errors import StorageError


def test_a_change_is_on_the_disk_when_update_returns(directory: Path) -> None:
    """One JSON object from key to record, nothing else; several jobs change in one commit."""
    store = MetricsStore(directory)
    after = store.update({"a": partial(add, rows=2), "b": add})
    assert {key: record.metrics.rows_collected for key, record in after.items()} == {"a": 2, "b": 1}
    assert json.loads((directory / METRICS_FILE).read_bytes()) == {
        "a": {**FOUR, "rows_collected": 2},
        "b": {**FOUR, "rows_collected": 1},
    }
    assert fault_of(store) is None
    assert store.flush()


def test_a_new_store_begins_with_what_it_finds(directory: Path) -> None:
    """As after a restart."""
    MetricsStore(directory).update({"a": add})
    store = MetricsStore(directory)
    assert store.update({"a": add})["a"].metrics.rows_collected == 2
    assert on_disk(directory) == {"a": 2}


def test_a_snapshot_is_the_callers_own(directory: Path) -> None:
    """Neither side sees what the other does to it."""
    store = MetricsStore(directory)
    store.update({"a": add})
    before = store.snapshot()
    store.update({"a": add, "b": add})
    assert before == {"a": JobRecord(JobMetrics(rows_collected=1))}
    before.clear()
    assert set(store.snapshot()) == {"a", "b"}


def test_a_transition_to_none_drops_the_job(directory: Path) -> None:
    """For other processes too; if it comes back it begins anew."""
    store, other = MetricsStore(directory), MetricsStore(directory)
    store.update({"a": add, "b": add})
    assert other.update({"a": drop}) == {}
    assert set(store.snapshot()) == set(read_records(directory.parent)) == {"b"}
    assert store.update({"a": add})["a"].metrics.rows_collected == 1


def test_two_stores_take_turns_without_losing_a_change(directory: Path) -> None:
    """Each sees what the other wrote, before it changes and when it is asked."""
    first, second = MetricsStore(directory), MetricsStore(directory)
    for number in range(20):
        (first if number % 2 else second).update({"a": add, f"k{number}": add})
    assert rows(first) == rows(second) == 20
    assert len(first.snapshot()) == 21


def test_a_change_of_the_same_size_in_the_same_moment_is_seen(directory: Path) -> None:
    """Two writes of another process may give the file its old inode, size and time back."""
    first, second = MetricsStore(directory, fsync=False), MetricsStore(directory, fsync=False)
    first.update({"a": partial(add, rows=100_000)})
    for _ in range(300):
        first.update({"a": add})
        second.update({"a": add})
        second.update({"a": add})
    assert on_disk(directory) == {"a": 100_900}


@pytest.mark.parametrize("stores", [1, 2])
def test_many_threads_lose_nothing(directory: Path, stores: int) -> None:
    """Through one store and through two on the same directory."""
    opened = [MetricsStore(directory, fsync=False) for _ in range(stores)]
    begin = threading.Barrier(8)

    def work(number: int) -> None:
        begin.wait()
        for count in range(50):
            after = opened[number % stores].update({f"own{number}": add, "all": add})
            assert after[f"own{number}"].metrics.rows_collected == count + 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert on_disk(directory) == {"all": 400, **{f"own{number}": 50 for number in range(8)}}
    assert all(store.fault is None for store in opened)


def test_flushing_waits_for_one_commit_however_busy_the_others_are(directory: Path) -> None:
    """Who has nothing to write has a turn, too."""
    store, over = MetricsStore(directory, fsync=False), threading.Event()

    def work(number: int) -> None:
        while not over.is_set():
            store.update({f"own{number}": add})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    began, commits = time.monotonic(), 0
    while commits < 50 and time.monotonic() - began < 20:
        assert store.flush()
        store.update({})
        commits += 1
    over.set()
    for thread in threads:
        thread.join()
    assert commits == 50


@given(steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, 3)), max_size=25))
@settings(max_examples=40)
def test_any_interleaving_of_stores_and_restarts_equals_a_dict(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int]]
) -> None:
    """Zero rows stand for dropping the job, the third store for a restart."""
    directory = tmp_path_factory.mktemp("model") / STATE_DIRECTORY
    stores = [MetricsStore(directory, fsync=False) for _ in range(2)]
    model: dict[str, int] = {}
    for which, key, count in steps:
        if which == len(stores):
            stores[0] = MetricsStore(directory, fsync=False)
        change: Transition = partial(add, rows=count) if count else drop
        stores[which % 2].update({key: change})
        if count:
            model[key] = model.get(key, 0) + count
        else:
            model.pop(key, None)
        for store in stores:
            assert {name: record.metrics.rows_collected for name, record in store.snapshot().items()} == model


def test_a_directory_that_was_removed_is_made_again(path: Path) -> None:
    """At the latest when somebody makes the place it was in."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    shutil.rmtree(path.parent.parent)
    store.update({"a": add})
    path.parent.mkdir(parents=True, exist_ok=True)
    assert store.flush()
    assert on_disk(path.parent) == {"a": 2}


def test_a_directory_that_cannot_be_used_delays_and_loses_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Changes stay in memory; one ERROR when it begins, one WARNING when it is over."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    away = path.parent.rename(path.parent.with_name("away"))
    path.parent.write_text("in the way")
    for count in (2, 3):
        assert store.update({"a": add})["a"].metrics.rows_collected == count
    assert "\n" not in (fault_of(store) or "\n no fault")
    assert not store.flush()
    assert rows(store) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    path.parent.unlink()
    away.rename(path.parent)
    MetricsStore(path.parent).update({"a": partial(add, rows=10)})
    assert store.flush()
    assert fault_of(store) is None
    assert on_disk(path.parent) == {"a": 13}
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_dropped_job_stays_dropped_while_the_disk_is_away(path: Path) -> None:
    """Changes that wait are made in their order."""
    store = MetricsStore(path.parent)
    store.update({"a": partial(add, rows=5), "b": partial(add, rows=5)})
    path.parent.rename(path.parent.with_name("away"))
    path.parent.write_text("in the way")
    store.update({"a": drop, "b": drop})
    store.update({"b": add})
    assert {key: record.metrics.rows_collected for key, record in store.snapshot().items()} == {"b": 1}
    path.parent.unlink()
    path.parent.with_name("away").rename(path.parent)
    assert store.flush()
    assert on_disk(path.parent) == {"b": 1}


def test_a_lock_that_hangs_delays_and_loses_nothing(path: Path) -> None:
    """Recording goes on within the time that the lock may take."""
    store = MetricsStore(path.parent)
    with file_lock(path.with_name(f"{METRICS_FILE}.lock"), timeout=0):
        assert store.update({"a": add})["a"].metrics.rows_collected == 1
        assert "lock" in (fault_of(store) or "\n no fault")
        assert not path.exists()
    store.update({"a": add})
    assert (fault_of(store), on_disk(path.parent)) == (None, {"a": 2})


def test_a_call_in_the_middle_of_a_commit_of_its_own_thread_waits_for_nobody(directory: Path) -> None:
    """As a signal handler makes it, that records while the program it interrupts is recording."""
    store = MetricsStore(directory)
    inner: list[object] = []

    def interrupted(record: JobRecord) -> JobRecord:
        inner.append(store.update({"b": add}))
        return add(record)

    assert store.update({"a": interrupted})["a"].metrics.rows_collected == 1
    assert inner == [{}]
    assert on_disk(directory) == {"a": 1, "b": 1}


def test_a_call_in_the_middle_of_a_snapshot_of_its_own_thread_disturbs_nothing(path: Path) -> None:
    """As a signal handler makes it while the program looks, and a disk that was away is back with other records."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    path.parent.rename(path.parent.with_name("away"))
    path.parent.write_text("in the way")
    inner: list[object] = []

    def interrupted(record: JobRecord) -> JobRecord:
        if path.exists() and not inner:
            inner.extend([rows(store), store.update({"a": add, "b": add})])
        return add(record)

    for change in (interrupted, partial(add, rows=10)):
        store.update({"a": change})
    path.parent.unlink()
    path.parent.with_name("away").rename(path.parent)
    MetricsStore(path.parent).update({"a": partial(add, rows=100)})
    assert rows(store) == 112
    assert inner == [101, {}]
    store.update({"a": partial(add, rows=1000)})
    assert on_disk(path.parent) == {"a": 1113, "b": 1}


def test_what_comes_at_any_line_of_a_commit_is_written(directory: Path) -> None:
    """Other threads may run at each of them: under a debugger, or while garbage is collected."""
    store = MetricsStore(directory)
    code, came = MetricsStore._commit.__code__, 0

    def come(frame: FrameType, event: str, _arg: object) -> Callable[..., Any] | None:
        nonlocal came
        if frame.f_code is not code:
            return None
        if event == "line":
            came += 1
            store._queue.append(Ticket({"b": add}, thread=0))
        return come

    before = sys.gettrace()
    sys.settrace(come)
    try:
        store.update({"a": add})
    finally:
        sys.settrace(before)
    assert came > 5
    assert store.flush()
    assert on_disk(directory) == {"a": 1, "b": came}


def test_a_handler_that_records_while_the_store_speaks_does_not_hang(directory: Path) -> None:
    """What the store has to say it says outside its locks."""
    store = MetricsStore(directory)

    class Recording(logging.Handler):
        @override
        def emit(self, record: logging.LogRecord) -> None:
            store.update({"told": add})

    logger, handler = logging.getLogger("dccd.daemon.store"), Recording()
    logger.addHandler(handler)
    try:
        (directory / METRICS_FILE).write_bytes(b"damage")
        store.update({"a": add})
    finally:
        logger.removeHandler(handler)
    assert on_disk(directory) == {"a": 1, "told": 1}


@pytest.mark.parametrize("obstacle", [".", STATE_DIRECTORY, f"{STATE_DIRECTORY}/{METRICS_FILE}"])
def test_a_directory_that_cannot_be_used_at_the_start_is_an_error(tmp_path: Path, obstacle: str) -> None:
    """In one line, with what to do; nobody runs for a week without noticing."""
    place = tmp_path / "data"
    target = place / obstacle
    if target.name == METRICS_FILE:
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("in the way")
    with pytest.raises(StorageError) as caught:
        MetricsStore(place / STATE_DIRECTORY)
    assert "\n" not in str(caught.value)
    assert str(place) in str(caught.value)


def test_reading_needs_no_store_and_changes_nothing(path: Path) -> None:
    """Damage is an error of the reader; bad records are left out."""
    assert read_records(path.parent.parent) == {}
    path.write_text(json.dumps({"good": FOUR, "bad": 5}))
    assert set(read_records(path.parent.parent)) == {"good"}
    path.write_bytes(b"damage")
    with pytest.raises(StorageError, match="damaged"):
        read_records(path.parent.parent)
    assert [file.name for file in path.parent.iterdir()] == [METRICS_FILE]


def test_a_lock_file_that_was_left_behind_blocks_nobody(path: Path) -> None:
    """It is the lock that counts, not the file."""
    path.with_name(f"{METRICS_FILE}.lock").write_text("12345")
    store = MetricsStore(path.parent)
    store.update({"a": add})
    assert (fault_of(store), on_disk(path.parent)) == (None, {"a": 1})


def test_while_a_lock_hangs_a_record_waits_for_it_once(path: Path) -> None:
    """Two seconds at the first; a job that records each second would come to a stop otherwise."""
    store = MetricsStore(path.parent)
    with file_lock(path.with_name(f"{METRICS_FILE}.lock"), timeout=0):
        store.update({"a": add})
        began = time.monotonic()
        for _ in range(10):
            store.update({"a": add})
        assert time.monotonic() - began < 2.0
    assert store.flush()
    assert on_disk(path.parent) == {"a": 11}


@pytest.mark.parametrize(
    "place", ["with spaces and 'quotes'", "日本語 é 🕯", "\udcff", "/".join(["d" * 200] * 15), "%s{}$HOME~"]
)
def test_a_directory_may_have_any_name(tmp_path: Path, place: str) -> None:
    """Three thousand characters too."""
    directory = tmp_path / place / STATE_DIRECTORY
    store = MetricsStore(directory)
    store.update({"a": add})
    assert fault_of(store) is None
    assert on_disk(directory) == {"a": 1}
    (directory / METRICS_FILE).write_bytes(b"damage")
    store.update({"a": add})
    assert on_disk(directory) == {"a": 2}
    assert len(list(directory.glob("*.corrupt-*"))) == 1


def test_a_path_that_is_too_long_is_an_error_in_one_line(tmp_path: Path) -> None:
    """At the start, with what to do."""
    with pytest.raises(StorageError, match="too long"):
        MetricsStore(tmp_path / ("d" * 300))


def test_a_directory_that_was_removed_from_its_place_is_made_again_at_once(path: Path) -> None:
    """Its parent is still there, on the same disk: nothing was unmounted."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    shutil.rmtree(path.parent)
    store.update({"a": add})
    assert (fault_of(store), on_disk(path.parent)) == (None, {"a": 2})


def test_a_place_that_is_gone_with_its_parent_is_not_made_again(path: Path) -> None:
    """It may be a disk that was unmounted, or a temporary directory that nobody wants back."""
    store = MetricsStore(path.parent)
    shutil.rmtree(path.parent.parent)
    store.update({"a": add})
    assert "mount" in (fault_of(store) or "\n no fault")
    assert not path.parent.parent.exists()
