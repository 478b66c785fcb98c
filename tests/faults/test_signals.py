"""Signals at random moments, whose handlers raise."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dccd.daemon.state.store import read_records
from dccd.disk.state_directory import STATE_DIRECTORY

CALLS = 50_000 if os.environ.get("DCCD_SOAK") else 2000

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")

# Records until a signal raises, then once more while the exception is there, as a program does that is told to end.
PROGRAM = """
import json, random, signal, sys, threading
from dataclasses import replace
from pathlib import Path

from dccd.daemon.state.store import MetricsStore

store, calls, seed = MetricsStore(Path(sys.argv[1]), fsync=False), int(sys.argv[2]), random.randrange(1 << 32)
chance, counts = random.Random(seed), dict.fromkeys(("raised", "caught", "held up", "least", "busy"), 0)
armed = False
over = threading.Event()


def add(record):
    return replace(record, metrics=replace(record.metrics, rows_collected=record.metrics.rows_collected + 1))


def end(number, frame):
    global armed
    if armed:
        armed = False
        counts["raised"] += 1
        raise KeyboardInterrupt


def be_busy():
    while not over.is_set():
        store.update({"busy": add})
        store.snapshot()
        counts["busy"] += 1


signal.signal(signal.SIGALRM, end)
thread = threading.Thread(target=be_busy)
thread.start()
for _ in range(calls):
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 5e-4))
        store.update({"a": add})
        store.snapshot()
        armed = False
        counts["least"] += 1
    except KeyboardInterrupt:
        counts["caught"] += 1
        store.update({"last": add})
        counts["held up"] += store.fault is not None
signal.setitimer(signal.ITIMER_REAL, 0)
over.set()
thread.join()
print(json.dumps(counts | {"written": store.flush(), "seed": seed}))
"""

# Records while an alarm raises what any program may raise, also what a disk or a lock may. What the logging of Python
# itself swallows in some places, ValueError and KeyError, is left out.
ALARMED = """
import json, logging, random, signal, sys, threading

from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.health.engine import Engine

logging.getLogger().addHandler(logging.NullHandler())
path, calls, chance = sys.argv[1], int(sys.argv[2]), random.Random()
counts, over, places, lost = dict.fromkeys(("raised", "caught", "done", "busy"), 0), threading.Event(), [], []
armed = False


class Alarm(Exception):
    pass


KINDS = [Alarm, TimeoutError, FileNotFoundError, PermissionError, OSError, ArithmeticError, RuntimeError]


def alarm(number, frame):
    global armed
    inner = frame
    while inner is not None and inner.f_code is not Engine.record.__code__:
        inner = inner.f_back
    if armed and inner is not None and inner.f_lasti > 2:  # not before the first line of it
        armed = False
        counts["raised"] += 1
        kind = chance.choice(KINDS)
        places.append(f"{kind.__name__} in {frame.f_code.co_qualname}, line {frame.f_lineno}")
        raise kind("alarm")


def be_busy():
    while not over.is_set():
        monitor.record_success("busy", "B/B", 1)
        counts["busy"] += 1


config = CollectorConfig(storage=StorageConfig(local_path=path, fsync=False), alerts=AlertConfig())
monitor = HealthMonitor.from_config(config)
signal.signal(signal.SIGALRM, alarm)
thread = threading.Thread(target=be_busy)
thread.start()
for call in range(calls):
    armed = True
    signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 1e-3))
    try:
        if call % 2:
            monitor.record_success("a", "b", 1)
        else:
            monitor.record_failure("a", "b", error="E: x")
    except Exception as error:
        counts["caught"] += error.args == ("alarm",)
        places.clear()
    lost += places
    places.clear()
    armed = False
    counts["done"] += 1
signal.setitimer(signal.ITIMER_REAL, 0)
over.set()
thread.join()
monitor.close()
print(json.dumps(counts | {"lost": lost}))
"""


@pytest.mark.timeout(1200)
def test_what_a_handler_raises_reaches_the_program_and_the_outcome_is_kept(tmp_path: Path) -> None:
    """Whatever kind it is of, and wherever in a recording it comes; each outcome counts once."""
    command = [sys.executable, "-c", ALARMED, str(tmp_path), str(CALLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 + CALLS / 50)
    assert (done.returncode, done.stderr) == (0, "")
    counts = json.loads(done.stdout)
    there = read_records(tmp_path)
    assert counts["raised"] > CALLS / 20
    assert counts["lost"] == []
    assert counts["caught"] == counts["raised"], counts
    assert there["a/b"].metrics.runs == counts["done"], counts
    assert there["busy/B/B"].metrics.runs == counts["busy"], counts


@pytest.mark.timeout(1200)
def test_a_handler_that_raises_is_heard_and_what_is_recorded_then_is_kept(tmp_path: Path) -> None:
    """Wherever it comes: no exception is swallowed, no lock stays taken, and all that was told counts once."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / STATE_DIRECTORY), str(CALLS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60 + CALLS / 50)
    assert (done.returncode, done.stderr) == (0, "")
    counts = json.loads(done.stdout)
    there = {key: record.metrics.rows_collected for key, record in read_records(tmp_path).items()}
    assert counts["written"]
    assert counts["raised"] > CALLS / 20
    assert (counts["caught"], counts["held up"]) == (counts["raised"], 0), counts
    assert (there["last"], there["busy"]) == (counts["caught"], counts["busy"]), counts
    assert counts["least"] <= there["a"] <= CALLS, counts
