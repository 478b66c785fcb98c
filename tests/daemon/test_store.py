"""The records of all jobs in one file."""

import itertools
import json
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dccd import files
from dccd._compat import override
from dccd.daemon.metrics import JobMetrics, JobRecord
from dccd.daemon.store import METRICS_FILE, STATE_DIRECTORY, MetricsStore, Transition, read_records
from dccd.errors import StorageError
from dccd.testing import ManualClock

FOUR = {"last_run_at": None, "last_success_at": None, "rows_collected": 0, "errors_count": 0}


def add(record: JobRecord, rows: int = 1) -> JobRecord:
    """Count rows."""
    return replace(record, metrics=replace(record.metrics, rows_collected=record.metrics.rows_collected + rows))


def drop(record: JobRecord) -> None:
    """Drop the job."""
    del record


def rows(store: MetricsStore, key: str = "a") -> int:
    """Return what is counted for a job."""
    return store.snapshot()[key].metrics.rows_collected


def fault_of(store: MetricsStore) -> str | None:
    """Return why records are in memory only, as it is now."""
    return store.fault


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a state directory that does not exist yet."""
    return tmp_path / "data" / STATE_DIRECTORY


@pytest.fixture
def path(directory: Path) -> Path:
    """Return the path of the metrics, in a directory that exists."""
    directory.mkdir(parents=True)
    return directory / METRICS_FILE


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KiB."""
    mountpoint = tmp_path / "disk"
    mountpoint.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if not sys.platform.startswith("linux") or os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root on Linux can mount a small disk")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", mountpoint], check=False)
    if done.returncode:
        pytest.skip("no disk can be mounted here")
    yield mountpoint
    subprocess.run([umount, "-l", mountpoint], check=True)


def on_disk(directory: Path) -> dict[str, int]:
    """Return the rows of each job, as another process reads them."""
    return {key: record.metrics.rows_collected for key, record in read_records(directory.parent).items()}


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


def test_the_file_is_private_and_nothing_is_left_beside_it(directory: Path) -> None:
    """Errors of other people's systems are in it."""
    store = MetricsStore(directory)
    for _ in range(3):
        store.update({"a": add})
    assert stat.S_IMODE((directory / METRICS_FILE).stat().st_mode) == 0o600
    assert {file.name for file in directory.iterdir()} <= {METRICS_FILE, f"{METRICS_FILE}.lock"}


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


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"a": ', b"[" * 100_000, b"null", b"\0" * 500])
def test_a_damaged_file_is_renamed_and_an_error_names_it(
    path: Path, caplog: pytest.LogCaptureFixture, damage: bytes
) -> None:
    """Nothing of it is lost, and the monitor goes on."""
    path.write_bytes(damage)
    store = MetricsStore(path.parent, clock=ManualClock(0))
    store.update({"a": add})
    aside = path.with_name("metrics.json.corrupt-19700101T000000Z")
    assert aside.read_bytes() == damage
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert str(aside) in record.getMessage()
    assert on_disk(path.parent) == {"a": 1}


def test_a_second_damaged_file_never_replaces_the_first(path: Path) -> None:
    """Though both are found in the same second."""
    for number in range(3):
        path.write_bytes(b"damage %d" % number)
        MetricsStore(path.parent, clock=ManualClock(0))
    found = {file.read_bytes() for file in path.parent.glob("metrics.json.corrupt-*")}
    assert found == {b"damage 0", b"damage 1", b"damage 2"}


def test_a_file_damaged_under_a_running_store_costs_nothing(path: Path) -> None:
    """What the store knows is written anew."""
    store = MetricsStore(path.parent)
    store.update({"a": add})
    path.write_bytes(b"damage")
    assert rows(store) == 1
    assert path.read_bytes() == b"damage"
    store.update({"a": add})
    assert on_disk(path.parent) == {"a": 2}
    assert [file.read_bytes() for file in path.parent.glob("metrics.json.corrupt-*")] == [b"damage"]


def test_a_bad_record_is_set_aside_alone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others go on; what was bad is kept, and an ERROR names it."""
    bad = {"rows_collected": -1}
    path.write_text(json.dumps({"good": {**FOUR, "rows_collected": 7}, "bad": bad}))
    store = MetricsStore(path.parent)
    store.update({"good": add, "bad": add})
    assert on_disk(path.parent) == {"good": 8, "bad": 1}
    (aside,) = path.parent.glob("metrics.json.rejected-*")
    assert json.loads(aside.read_bytes()) == {"bad": bad}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "bad" in record.getMessage()
    assert str(aside) in record.getMessage()


def test_a_bad_record_is_set_aside_once_however_often_the_file_is_opened(path: Path) -> None:
    """A process that starts every minute and records nothing does not fill the directory."""
    path.write_text(json.dumps({"good": FOUR, "bad": {"rows_collected": -1}}))
    for _ in range(3):
        MetricsStore(path.parent)
    assert len(list(path.parent.glob("metrics.json.rejected-*"))) == 1


def test_a_record_that_json_cannot_hold_is_a_bad_one(path: Path) -> None:
    """Python reads NaN, but no other program does."""
    path.write_text('{"good": {"rows_collected": 1}, "bad": {"of_a_newer_version": NaN}}')
    store = MetricsStore(path.parent)
    assert set(store.snapshot()) == {"good"}
    store.update({"good": add})
    json.loads(path.read_bytes(), parse_constant=pytest.fail)


def test_records_nobody_touched_are_written_back_as_they_were(path: Path) -> None:
    """Of a newer version, of dccd 2.x, with keys of any kind."""
    untouched = {
        "newer/X": {"rows_collected": 1, "surprise": {"deep": [1, None]}},
        "two/X": {**FOUR, "errors_count": 2},
        'odd "key"\n\ud800 é': FOUR,
    }
    path.write_text(json.dumps(untouched))
    MetricsStore(path.parent).update({"a": add, "newer/X": add})
    body = json.loads(path.read_bytes())
    assert body.pop("a") == {**FOUR, "rows_collected": 1}
    assert body.pop("newer/X") == {**FOUR, "rows_collected": 2, "surprise": {"deep": [1, None]}}
    assert body == {key: value for key, value in untouched.items() if key != "newer/X"}


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    """Somebody may keep the file elsewhere."""
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("{}")
    path.symlink_to(elsewhere)
    store = MetricsStore(path.parent)
    store.update({"a": add})
    assert path.is_symlink()
    assert set(json.loads(elsewhere.read_bytes())) == {"a"}


def test_a_file_that_was_removed_is_written_again(path: Path) -> None:
    """With all that the store knows."""
    store = MetricsStore(path.parent)
    store.update({"a": add, "b": add})
    path.unlink()
    assert rows(store) == 1
    store.update({"a": add})
    assert on_disk(path.parent) == {"a": 2, "b": 1}


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


def test_a_full_disk_delays_and_loses_nothing(disk: Path) -> None:
    """The old content stays whole meanwhile."""
    store = MetricsStore(disk / STATE_DIRECTORY)
    store.update({"a": add})
    filler = disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
        file.writelines(itertools.repeat(b"x" * 1024))
    store.update({"a": add})
    assert "full" in (fault_of(store) or "\n no fault")
    assert on_disk(disk / STATE_DIRECTORY) == {"a": 1}
    filler.unlink()
    store.update({"a": add})
    assert fault_of(store) is None
    assert on_disk(disk / STATE_DIRECTORY) == {"a": 3}


def test_a_lock_that_hangs_delays_and_loses_nothing(path: Path) -> None:
    """Recording goes on within the time that the lock may take."""
    store = MetricsStore(path.parent)
    with files.file_lock(path.with_name(f"{METRICS_FILE}.lock"), timeout=0):
        assert store.update({"a": add})["a"].metrics.rows_collected == 1
        assert "lock" in (fault_of(store) or "\n no fault")
        assert not path.exists()
    store.update({"a": add})
    assert (fault_of(store), on_disk(path.parent)) == (None, {"a": 2})


def test_a_transition_that_raises_harms_no_other(directory: Path) -> None:
    """Its caller gets the error, and the next commit is as if it had never come."""
    store = MetricsStore(directory)

    def broken(record: JobRecord) -> JobRecord:
        msg = "a bug of ours"
        raise ZeroDivisionError(msg)

    with pytest.raises(ZeroDivisionError):
        store.update({"a": broken})
    assert store.update({"b": add})["b"].metrics.rows_collected == 1
    assert on_disk(directory) == {"b": 1}


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


def test_a_record_that_json_cannot_hold_harms_no_other(directory: Path) -> None:
    """A number that is not finite is refused once, and not again with each commit to come."""
    store = MetricsStore(directory)
    with pytest.raises(ValueError, match="JSON"):
        store.update({"a": lambda record: replace(record, metrics=JobMetrics(last_duration=float("inf")))})
    assert store.update({"b": add})["b"].metrics.rows_collected == 1
    assert on_disk(directory) == {"b": 1}


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


_CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from dccd.daemon.store import MetricsStore

store = MetricsStore(Path(sys.argv[1]))
def add(record):
    return replace(record, metrics=replace(record.metrics, rows_collected=record.metrics.rows_collected + 1))
while True:
    sys.stdout.write(f"{store.update({'a': add})['a'].metrics.rows_collected}\\n")
    sys.stdout.flush()
"""


def test_a_kill_loses_nothing_that_was_acknowledged(directory: Path) -> None:
    """Twenty times, each after another number of changes; and it leaves no file that cannot be read."""
    known = 0
    for number in range(20):
        with subprocess.Popen([sys.executable, "-c", _CHILD, directory], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            for _ in range(1 + 3 * number % 17):
                known = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            known = max([known, *map(int, child.stdout.read().splitlines(keepends=False)[:-1])])
        assert on_disk(directory)["a"] >= known
    assert not list(directory.glob("*.corrupt-*"))


def test_what_killed_writers_left_is_cleared_an_hour_later(path: Path) -> None:
    """What is younger may belong to a writer at work."""
    stray = path.with_name(f".{METRICS_FILE}.1-2.tmp")
    stray.write_text("half")
    written = stray.stat().st_mtime
    MetricsStore(path.parent, clock=ManualClock(written + 3500))
    assert stray.exists()
    MetricsStore(path.parent, clock=ManualClock(written + 3700))
    assert not stray.exists()
