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
