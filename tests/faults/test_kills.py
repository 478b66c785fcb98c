"""Processes that are killed or told to end in the middle of what they do, and others that read or write meanwhile."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dccd.daemon.state.metrics_file import METRICS_FILE
from dccd.daemon.state.store import MetricsStore, read_records
from dccd.disk.state_directory import STATE_DIRECTORY

SOAK = bool(os.environ.get("DCCD_SOAK"))
KILLS = 2000 if SOAK else 200
ENDS = 200 if SOAK else 20
CALLS = 5000 if SOAK else 1000  # on each of two jobs, from each of sixteen threads
LONGEST_LIFE = 0.06
LONGEST_END = 20

# Forks a process for each line that it reads; so a run takes no time to import. Each counts rows of its own job and of
# one that all share, and writes down what it begins and what it was told is on the disk: not what is kept in memory
# only, because a machine was so busy that the lock could not be had.
NURSERY = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path

from dccd.daemon.state.store import MetricsStore

directory, journal, end = Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def add(record):
    return replace(record, metrics=replace(record.metrics, rows_collected=record.metrics.rows_collected + 1))


def stop(number, frame):
    raise SystemExit(3)


def live(name):
    notes = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    store = MetricsStore(directory)
    if end == "handler":
        signal.signal(signal.SIGTERM, stop)
    others = {f"other/{number}": add for number in range(int(name) % 4 * 100)}
    store.update(others)
    count = 0
    try:
        while True:
            count += 1
            os.write(notes, f"{name} begins {count}\\n".encode())
            store.update({f"own/{name}": add, "all": add})
            if store.fault is None:
                os.write(notes, f"{name} has {count}\\n".encode())
    except SystemExit:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert store.flush()
        store.update({f"ended/{name}": add})


for line in sys.stdin:
    pids = []
    for name in line.split():
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                live(name)
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    print(*pids, flush=True)
    print(*[os.waitpid(pid, 0)[1] for pid in pids], flush=True)
"""

# As many threads of a process record as they can.
CROWD = """
import sys, threading
from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor

path, name, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=AlertConfig(), log=LogConfig(file="off"))
with HealthMonitor.from_config(config) as monitor:
    def work(number):
        for count in range(calls):
            monitor.record_success("own", f"{name}-{number}", rows=count)
            monitor.record_success("all", "A/B", rows=1)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(monitor.persistence_fault)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a state directory that exists."""
    directory = tmp_path / STATE_DIRECTORY
    directory.mkdir()
    return directory


@contextmanager
def nursery(directory: Path, journal: Path, end: str) -> Iterator["subprocess.Popen[str]"]:
    """Start the process that forks."""
    journal.touch()
    command = [sys.executable, "-W", "ignore", "-c", NURSERY, str(directory), str(journal), end]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def reader(directory: Path) -> Iterator[list[int]]:
    """Read as fast as possible, and collect what was counted."""
    seen: list[int] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            records = read_records(directory.parent)  # raises if it sees a part of a file
            seen.append(records["all"].metrics.rows_collected if "all" in records else 0)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def wait_for_more(journal: Path, known: int) -> None:
    """Return once a process has written that it begins."""
    while journal.stat().st_size == known:
        threading.Event().wait(0.001)


def told(journal: Path) -> dict[str, range]:
    """Return what each process may have counted: at least what it was told is on the disk, at most what it began."""
    counts: dict[str, dict[str, int]] = {}
    for line in journal.read_text().splitlines():
        name, what, count = line.split()
        counts.setdefault(name, {})[what] = int(count)
    return {name: range(count.get("has", 0), count["begins"] + 1) for name, count in counts.items()}


def counted(directory: Path) -> dict[str, int]:
    """Return the rows of each job."""
    return {key: record.metrics.rows_collected for key, record in read_records(directory.parent).items()}


@pytest.mark.timeout(600)
def test_kills_at_random_moments_lose_nothing_and_tear_nothing(directory: Path, tmp_path: Path) -> None:
    """Two writers at a time die; all that either was told is there, and a reader saw whole files only."""
    seed = random.randrange(1 << 32)
    chance, journal, promised = random.Random(seed), tmp_path / "journal", dict[str, range]()
    with nursery(directory, journal, "kill") as process, reader(directory) as seen:
        assert process.stdin is not None
        assert process.stdout is not None
        for run in range(0, KILLS, 2):
            known = journal.stat().st_size
            process.stdin.write(f"{run} {run + 1}\n")
            pids = list(map(int, process.stdout.readline().split()))
            if run % 3:  # others die while they read the file, or before
                wait_for_more(journal, known)
            for pid in pids:
                threading.Event().wait(chance.uniform(0, LONGEST_LIFE))
                os.kill(pid, signal.SIGKILL)
            assert process.stdout.readline() == f"{signal.SIGKILL:d} {signal.SIGKILL:d}\n"
            there, promised = counted(directory), told(journal)
            for name, count in promised.items():
                assert there.get(f"own/{name}", 0) in count, f"seed {seed}"
            assert there.get("all", 0) == sum(there.get(f"own/{name}", 0) for name in map(str, range(run + 2)))
    assert len(promised) > KILLS / 4, f"seed {seed}"
    assert seen == sorted(seen)
    assert len(set(seen)) > 1
    MetricsStore(directory)
    assert {file.name for file in directory.iterdir()} == {METRICS_FILE, f"{METRICS_FILE}.lock"}


@pytest.mark.timeout(600)
def test_a_process_that_is_told_to_end_ends_and_counts_exactly(directory: Path, tmp_path: Path) -> None:
    """Its handler raises wherever it was, in the middle of a commit too; what it does last is on the disk."""
    seed = random.randrange(1 << 32)
    chance, journal = random.Random(seed), tmp_path / "journal"
    with nursery(directory, journal, "handler") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for run in range(ENDS):
            known = journal.stat().st_size
            process.stdin.write(f"{run}\n")
            pid = int(process.stdout.readline())
            wait_for_more(journal, known)
            threading.Event().wait(chance.uniform(0, LONGEST_LIFE / 2))
            os.kill(pid, signal.SIGTERM)
            watch = threading.Timer(LONGEST_END, os.kill, (pid, signal.SIGKILL))
            watch.start()
            assert process.stdout.readline() == "0\n", f"seed {seed}"
            watch.cancel()
            there = counted(directory)
            assert there[f"ended/{run}"] == 1
            assert there.get(f"own/{run}", 0) in told(journal)[str(run)], f"seed {seed}"


@pytest.mark.timeout(600)
def test_a_process_that_ends_by_a_signal_leaves_a_whole_file(directory: Path, tmp_path: Path) -> None:
    """Without a handler of its own, as most scripts."""
    chance, journal = random.Random(), tmp_path / "journal"
    with nursery(directory, journal, "default") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for run in range(ENDS // 2):
            process.stdin.write(f"{run}\n")
            pid = int(process.stdout.readline())
            threading.Event().wait(chance.uniform(0, LONGEST_LIFE))
            os.kill(pid, signal.SIGTERM)
            assert process.stdout.readline() == f"{signal.SIGTERM:d}\n"
            there = counted(directory)
            for name, count in told(journal).items():
                assert there.get(f"own/{name}", 0) in count


@pytest.mark.timeout(600)
def test_eight_threads_in_each_of_two_processes_are_all_counted(tmp_path: Path) -> None:
    """Every row of every call, on jobs of their own and on one that all share."""
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", CROWD, str(tmp_path), name, str(CALLS)], stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    with reader(tmp_path / STATE_DIRECTORY) as seen:
        for process in crowd:
            assert process.communicate()[0] == "None\n"
            assert process.returncode == 0
    there = counted(tmp_path / STATE_DIRECTORY)
    assert there.pop("all/A/B") == 2 * 8 * CALLS
    assert there == {f"own/{name}-{number}": sum(range(CALLS)) for name in ("one", "two") for number in range(8)}
    assert seen == sorted(seen)
