"""Children of `os.fork` that use what they inherit, as those of multiprocessing do."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dccd.daemon.health import read_metrics
from dccd.daemon.state.store import read_records
from dccd.disk.state_directory import STATE_DIRECTORY
from dccd.testing import Answer, WebhookReceiver

CHILDREN = 200 if os.environ.get("DCCD_SOAK") else 25

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

BEGIN = """
import logging, multiprocessing, os, sys, threading, time
logging.getLogger().addHandler(logging.NullHandler())
from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor

path, url, children = sys.stdin.read().split()
alerts = AlertConfig(webhook_url=None if url == "-" else url, max_consecutive_errors=1, group_window=0)
config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=alerts, log=LogConfig(file="off"))
monitor = HealthMonitor.from_config(config)
"""

# Other threads are in the middle of a commit, of a snapshot or between the two at each fork.
BUSY = """
over, calls = threading.Event(), [0] * 4

def work(number):
    while not over.is_set():
        monitor.record_success("parent", f"P/{number}", 1)
        calls[number] += 1
        monitor.get_metrics()

threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
for thread in threads:
    thread.start()
pids = []
for child in range(int(children)):
    time.sleep(0.003)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for _ in range(5):
                monitor.record_success("child", f"C/{child}", 1)
                monitor.record_success("children", "A/B", 1)
            code = 0 if monitor.persistence_fault is None and monitor.get_metrics()[f"child/C/{child}"].runs == 5 else 2
        finally:
            os._exit(code)
    pids.append(pid)
codes = [os.waitpid(pid, 0)[1] for pid in pids]
over.set()
for thread in threads:
    thread.join()
monitor.close()
print(set(codes), sum(calls))
"""

# What was recorded while the disk was away is in the memory of both.
AWAY = """
data, away = os.path.join(path, ".dccd"), os.path.join(path, "away")
monitor.record_success("a", "b", 1)
os.rename(data, away)
open(data, "w").close()
monitor.record_success("a", "b", 1)
pid = os.fork()
os.unlink(data) if pid else time.sleep(0)
if pid == 0:
    while os.path.exists(away):
        time.sleep(0.01)
    monitor.record_success("a", "b", 1)
    os._exit(0 if monitor.flush() and monitor.persistence_fault is None else 1)
os.rename(away, data)
code = os.waitpid(pid, 0)[1]
monitor.record_success("a", "b", 1)
monitor.close()
print(code, monitor.persistence_fault)
"""

# The webhook is slow: the parent is sending at the fork.
TOLD = """
def child(number):
    monitor.record_failure("child", f"C/{number}", error="E: x")
    monitor.record_failure("parent", "P/0", error="E: x")
    monitor.close()

monitor.record_failure("parent", "P/0", error="E: x")
time.sleep(0.05)
context = multiprocessing.get_context("fork")
processes = [context.Process(target=child, args=(number,)) for number in range(3)]
for process in processes:
    process.start()
for process in processes:
    process.join(60)
monitor.record_success("parent", "P/0")
monitor.close()
print([process.exitcode for process in processes])
"""

# Each worker makes a monitor and never closes it. It is gone long before its notices are due.
POOL = """
monitor.close()
alerts = alerts.model_copy(update={"group_window": 60.0})

def begin():
    global monitor
    monitor = HealthMonitor.from_config(config.model_copy(update={"alerts": alerts}))

def work(number):
    monitor.record_failure("pool", f"P/{number}", error="E: x")

from concurrent.futures import ProcessPoolExecutor
with ProcessPoolExecutor(2, multiprocessing.get_context("fork"), begin) as pool:
    list(pool.map(work, range(4)))
"""

# A child that is killed sends nothing, and the parent records nothing.
KILLED = """
if os.fork() == 0:
    monitor._engine._worker.stop(1)
    monitor.record_failure("child", "C/D", error="E: x")
    os.kill(os.getpid(), 9)
os.wait()
sys.stdin.close()
print("waiting", flush=True)
time.sleep(60)
"""

# A child that ends tells what it owes, though nobody closed what it got from its parent.
HANDED = """
monitor.close()

def child(monitor):
    monitor.record_failure("child", "C/D", error="E: x")

if __name__ == "__main__":
    monitor = HealthMonitor.from_config(config)
    monitor._engine._worker.stop(1)
    process = multiprocessing.get_context(METHOD).Process(target=child, args=(monitor,))
    process.start()
    process.join(60)
    print(process.exitcode, flush=True)
    os._exit(0)
"""

# The parent dies with the lock, and what it forked lives on.
ORPHAN = """
from dccd.disk import files, file_lock

lock = file_lock(monitor.local_path / ".dccd" / "metrics.json.lock", 5)
held = threading.Event()

def hold():
    lock.__enter__()
    held.set()
    threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
if os.fork() == 0:
    os.close(1)
    os.close(2)
    time.sleep(20)
    os._exit(0)
print("killed", flush=True)
os.kill(os.getpid(), 9)
"""


def run(code: str, path: Path, url: str = "-") -> str:
    """Run a program and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + code],
        input=f"{path} {url} {CHILDREN}",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_children_of_a_busy_process_count_exactly_and_hang_nowhere(tmp_path: Path) -> None:
    """Threads of the parent hold locks at the fork; no record is lost or doubled on either side."""
    codes, calls = run(BUSY, tmp_path).split("} ")
    assert codes == "{0"
    there = {key: metrics.rows_collected for key, metrics in read_metrics(tmp_path).items()}
    assert there.pop("children/A/B") == 5 * CHILDREN
    assert {there[f"child/C/{child}"] for child in range(CHILDREN)} == {5}
    assert sum(there[f"parent/P/{number}"] for number in range(4)) == int(calls)


def test_a_child_leaves_what_waits_for_the_disk_to_its_parent(tmp_path: Path) -> None:
    """The disk is away at the fork; both write when it is back, and nothing counts twice."""
    assert run(AWAY, tmp_path) == "0 None"
    assert read_metrics(tmp_path)["a/b"].rows_collected == 4


def test_no_notice_is_told_twice_by_parent_and_children(tmp_path: Path) -> None:
    """Nor lost: each delivers what it owes or leaves it to the other."""
    with WebhookReceiver() as receiver:
        receiver.answer(*[Answer(delay=0.2)] * 50)
        assert run(TOLD, tmp_path, receiver.url) == "[0, 0, 0]"
        facts = [job for message in receiver.messages for job in message.json["data"]["jobs"]]
    # Two jobs that fail in the same millisecond have notices of one name.
    told = Counter((job["job"], job["notice"]) for job in facts)
    jobs = Counter((job["job"], job["event"]) for job in facts)
    assert set(told.values()) == {1}
    assert jobs == {
        ("parent/P/0", "firing"): 1,
        ("parent/P/0", "resolved"): 1,
        **{(f"child/C/{number}", "firing"): 1 for number in range(3)},
    }
    assert all(record.owed == () for record in read_records(tmp_path).values())


def test_a_worker_of_a_process_pool_tells_at_its_end_what_it_owes(tmp_path: Path) -> None:
    """Such a process runs nothing that is registered with atexit."""
    with WebhookReceiver() as receiver:
        assert run(POOL, tmp_path, receiver.url) == ""
        told = [job["job"] for message in receiver.messages for job in message.json["data"]["jobs"]]
    assert sorted(told) == [f"pool/P/{number}" for number in range(4)]
    assert all(record.owed == () for record in read_records(tmp_path).values())


def test_the_parent_tells_what_a_child_left_that_was_killed(tmp_path: Path) -> None:
    """Though it records nothing itself: it looks every few seconds once it has forked."""
    with WebhookReceiver() as receiver:
        command = [sys.executable, "-W", "ignore", "-c", BEGIN + KILLED]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdin is not None
            parent.stdin.write(f"{tmp_path} {receiver.url} 0")
            parent.stdin.close()
            try:
                assert receiver.wait_for(1, timeout=30)
            finally:
                parent.kill()
    assert [job["job"] for job in receiver.messages[0].json["data"]["jobs"]] == ["child/C/D"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_monitor_may_be_handed_to_a_child(tmp_path: Path, method: str) -> None:
    """However it is started: what it records is kept, and told before it ends."""
    script = tmp_path / "script.py"
    begin = BEGIN.replace("sys.stdin.read().split()", "sys.argv[1:]")
    script.write_text(f"METHOD = {method!r}\n{begin}{HANDED}")
    data = tmp_path / "data"
    with WebhookReceiver() as receiver:
        command = [sys.executable, "-W", "ignore", str(script), str(data), receiver.url, "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.stdout.strip(), done.stderr) == ("0", "")
        assert [job["job"] for message in receiver.messages for job in message.json["data"]["jobs"]] == ["child/C/D"]
    assert read_records(data)["child/C/D"].owed == ()


def test_a_child_does_not_keep_the_lock_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    """The lock belongs to the open file, which the child has inherited."""
    assert run(ORPHAN, tmp_path) == "killed"
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + "monitor.record_success('a', 'b'); print(monitor.persistence_fault)"],
        input=f"{tmp_path} - 0",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "None", done.stderr
    assert (tmp_path / STATE_DIRECTORY / "metrics.json").exists()
