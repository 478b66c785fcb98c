"""What runs in the environment of one of the packages measured: it takes orders on stdin and answers with times.

Both packages are called ``dccd``, so they cannot be in one process. An order is a line of JSON with the name of a
function below under ``do`` and its arguments; so is the answer. Needs the standard library and one of the packages.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol


class Subject(Protocol):
    """Something that records that a job succeeded."""

    def record(self, number: int) -> None:
        """Record a success of the job with a number."""
        ...

    def close(self) -> None:
        """Leave the process as it was."""
        ...


class Monitor:
    """The monitor of the package in this environment, as its users make it."""

    def __init__(self, path: str, *, fsync: bool) -> None:
        from dccd.daemon.config import AlertConfig, CollectorConfig  # noqa: PLC0415 - a floor needs no package
        from dccd.daemon.health import HealthMonitor  # noqa: PLC0415

        began = time.perf_counter()
        if fsync:
            self.monitor = HealthMonitor(path, AlertConfig())
        else:
            config = CollectorConfig.model_validate({"storage": {"local_path": path, "fsync": False}})
            self.monitor = HealthMonitor.from_config(config)
        self.seconds = time.perf_counter() - began

    def record(self, number: int) -> None:
        """Record a success of the job with a number."""
        self.monitor.record_success(f"exchange{number % 10}", f"COIN{number:05}/USDT", rows=720)

    def close(self) -> None:
        """Close what can be closed, and take away what the peer leaves behind."""
        if close := getattr(self.monitor, "close", None):
            close()
        root = logging.getLogger()
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()


class Floor:
    """The least that replacing a file costs: the bytes of the metrics file, into a new file that takes its place."""

    def __init__(self, path: str, *, fsync: bool) -> None:
        self._path = Path(path) / ".dccd" / "metrics.json"
        self._data = self._path.read_bytes()
        self._fsync = fsync

    def record(self, number: int) -> None:
        """Replace the file, whatever the job."""
        temporary = self._path.with_name(f"{number}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(descriptor, self._data)
        if self._fsync:
            os.fsync(descriptor)
        os.close(descriptor)
        temporary.replace(self._path)

    def close(self) -> None:
        """Keep nothing open."""


_subjects: list[Subject] = []


def start(path: str, *, fsync: bool, floor: bool) -> None:
    """Make what the next orders are for."""
    _subjects.append(Floor(path, fsync=fsync) if floor else Monitor(path, fsync=fsync))


def records(calls: int, jobs: int, first: int) -> list[float]:
    """Return the seconds that each of some calls took, each for another job."""
    (subject,) = _subjects
    seconds = []
    for call in range(first, first + calls):
        number = call * 7919 % jobs  # a prime, so that all jobs have their turn
        began = time.perf_counter()
        subject.record(number)
        seconds.append(time.perf_counter() - began)
    return seconds


def together(threads: int, jobs: int, seconds: float) -> float:
    """Return how many calls a second some threads make in all."""
    (subject,) = _subjects
    barrier = threading.Barrier(threads + 1)
    counts = [0] * threads

    def work(index: int) -> None:
        barrier.wait()
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            subject.record((index * 7919 + counts[index]) % jobs)
            counts[index] += 1

    workers = [threading.Thread(target=work, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - began)


def construct(path: str, jobs: int) -> float:
    """Return the seconds that making a monitor takes where there is a file already."""
    subject = Monitor(path, fsync=True)
    known = len(subject.monitor.get_metrics())
    subject.close()
    if known != jobs:
        msg = f"{known} of {jobs} jobs were read"
        raise RuntimeError(msg)
    return subject.seconds


def memory() -> int:
    """Return the bytes of memory that this process occupies now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def stop() -> None:
    """Close what `start` made."""
    while _subjects:
        _subjects.pop().close()


def main() -> None:
    """Carry out orders until stdin ends; answers alone go to stdout."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    orders = {order.__name__: order for order in (start, records, together, construct, memory, stop)}
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        answers.write(json.dumps(orders[order.pop("do")](**order)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
