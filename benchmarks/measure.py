"""Take the measurements.

Those compared take turns (A B C A B C ...), so that what the machine does meanwhile hits all of them.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.environments import BUILD, Environment, Worker, worker
from benchmarks.figures import DURABLE, FLOOR, FLOOR_DURABLE, PEER, QUICK, Row, Section

__all__ = ["Plan", "measure"]

SIZES: Final = (1, 100, 1_000, 10_000)
MOST: Final = SIZES[-1]
THREADS: Final = (1, 8, 64)
_MICRO: Final = 1e6
_MILLI: Final = 1e3
_MEGA: Final = 1e6
# Calls of one turn, by what 1 / 100 / 1,000 / 10,000 jobs cost the slowest.
_CALLS: Final = {1: 50, 100: 40, 1_000: 20, 10_000: 5}
_SECONDS: Final = 1.0  # that threads run in one turn
_IMPORT: Final = "import time; t = time.perf_counter(); import dccd.daemon.health; print(time.perf_counter() - t)"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure with, and how often."""

    core: Environment
    collect: Environment
    peer: Environment
    rounds: int

    @property
    def compared(self) -> dict[str, tuple[Environment, bool, bool]]:
        """Those compared: environment, whether to wait for the disk, whether it is a floor."""
        return {
            DURABLE: (self.core, True, False),
            QUICK: (self.core, False, False),
            PEER: (self.peer, True, False),
            FLOOR_DURABLE: (self.core, True, True),
            FLOOR: (self.core, False, True),
        }


def measure(plan: Plan) -> Iterator[Section]:
    """Take all measurements, one table after the other; takes minutes."""
    samples = {QUICK: _sample(plan.core), PEER: _sample(plan.peer)}
    recorded, together = [], []
    for jobs in SIZES:
        _say(f"record_success at {jobs:,} jobs")
        with _subjects(plan, samples, jobs) as subjects:
            recorded.append(_record(plan, subjects, jobs))
            if jobs == MOST:
                together = [_together(plan, subjects, threads) for threads in THREADS]
    pairs = [(PEER, DURABLE), (PEER, QUICK), (DURABLE, FLOOR_DURABLE), (QUICK, FLOOR)]
    yield Section("record", "record_success, by number of jobs", "microseconds a call", recorded, pairs)
    pairs = [(DURABLE, PEER), (QUICK, PEER)]
    yield Section("threads", f"Threads at {MOST:,} jobs", "records a second in all", together, pairs)
    rows = [_construct(plan, samples, jobs) for jobs in SIZES]
    yield Section("construct", "HealthMonitor(...) by number of jobs", "milliseconds", rows, [(PEER, QUICK)])
    yield Section("start", "A fresh process", "milliseconds", _start(plan), [(PEER, QUICK)])
    rows = [_memory(plan, samples)]
    yield Section("memory", "Memory of a process with a monitor", "MB resident", rows, [(PEER, QUICK)])
    yield _weight(plan)


def _record(plan: Plan, subjects: dict[str, Worker], jobs: int) -> Row:
    calls = _CALLS[jobs]
    first = count(0, calls)

    def turn(subject: Worker) -> float:
        seconds: list[float] = subject.ask("records", calls=calls, jobs=jobs, first=next(first))
        return median(seconds) * _MICRO

    return _rounds(f"{jobs:,}", plan.rounds, {who: partial(turn, subject) for who, subject in subjects.items()})


def _together(plan: Plan, subjects: dict[str, Worker], threads: int) -> Row:
    _say(f"{threads} threads")

    def turn(subject: Worker) -> float:
        return float(subject.ask("together", threads=threads, jobs=MOST, seconds=_SECONDS))

    turns = {who: partial(turn, subjects[who]) for who in (DURABLE, QUICK, PEER)}
    return _rounds(str(threads), max(3, plan.rounds // 3), turns)


def _construct(plan: Plan, samples: dict[str, object], jobs: int) -> Row:
    _say(f"construction at {jobs:,} jobs")

    def turn(subject: Worker, path: Path) -> float:
        return float(subject.ask("construct", path=str(path), jobs=jobs)) * _MILLI

    with ExitStack() as stack:
        turns = {
            who: partial(turn, stack.enter_context(worker(place)), _data(who, samples[who], jobs))
            for who, place in {QUICK: plan.core, PEER: plan.peer}.items()
        }
        return _rounds(f"{jobs:,}", plan.rounds, turns)


def _start(plan: Plan) -> list[Row]:
    _say("import and dccd --help")
    places = {QUICK: plan.core, PEER: plan.peer}
    imports = {who: partial(_import_time, place) for who, place in places.items()}
    helps = {who: partial(_help_time, place) for who, place in places.items()}
    return [_rounds("import", plan.rounds, imports), _rounds("--help", plan.rounds, helps)]


def _import_time(place: Environment) -> float:
    done = subprocess.run([place.python, "-I", "-c", _IMPORT], capture_output=True, text=True, check=True)
    return float(done.stdout) * _MILLI


def _help_time(place: Environment) -> float:
    began = time.perf_counter()
    subprocess.run([place.command, "--help"], capture_output=True, check=True)
    return (time.perf_counter() - began) * _MILLI


def _memory(plan: Plan, samples: dict[str, object]) -> Row:
    _say("memory")
    paths = {who: _data(who, samples[who], MOST) for who in (QUICK, PEER)}

    def occupied(place: Environment, who: str) -> float:
        with worker(place) as subject:
            subject.ask("start", path=str(paths[who]), fsync=True, floor=False)
            return float(subject.ask("memory")) / _MEGA

    turns = {QUICK: partial(occupied, plan.core, QUICK), PEER: partial(occupied, plan.peer, PEER)}
    return _rounds(f"{MOST:,} jobs", max(3, plan.rounds // 3), turns)


def _weight(plan: Plan) -> Section:
    places = {QUICK: plan.core, f"{QUICK}[collect]": plan.collect, f"{PEER}[daemon]": plan.peer}
    weights = {who: place.weight() for who, place in places.items()}
    rows = [
        Row("packages", {who: [float(packages)] for who, (packages, _) in weights.items()}),
        Row("MB", {who: [size / _MEGA] for who, (_, size) in weights.items()}),
    ]
    return Section("weight", "What is installed", "packages and MB", rows)


def _rounds(label: str, rounds: int, turns: Mapping[str, Callable[[], float]]) -> Row:
    """Let each have its turn in each round; a round before the first counts for none."""
    values: dict[str, list[float]] = {who: [] for who in turns}
    for number in range(rounds + 1):
        for who, turn in turns.items():
            value = turn()
            if number > 0:
                values[who].append(value)
    return Row(label, values)


@contextmanager
def _subjects(plan: Plan, samples: dict[str, object], jobs: int) -> Iterator[dict[str, Worker]]:
    """Run a worker for each of those compared, all on files with so many jobs."""
    with ExitStack() as stack:
        subjects = {}
        for who, (place, fsync, floor) in plan.compared.items():
            path = _data(who, samples[PEER if who == PEER else QUICK], jobs)
            subjects[who] = stack.enter_context(worker(place))
            subjects[who].ask("start", path=str(path), fsync=fsync, floor=floor)
        yield subjects
        for subject in subjects.values():
            subject.ask("stop")


def _sample(place: Environment) -> object:
    """Return the record of a job that has run a few times, as the package in an environment writes it."""
    path = _empty("sample")
    with worker(place) as subject:
        subject.ask("start", path=str(path), fsync=True, floor=False)
        subject.ask("records", calls=3, jobs=1, first=0)
        subject.ask("stop")
    (record,) = json.loads((path / ".dccd" / "metrics.json").read_bytes()).values()
    return record


def _data(who: str, sample: object, jobs: int) -> Path:
    """Make a directory where so many jobs have run a few times."""
    path = _empty(who.replace(" ", "-").replace(",", ""))
    records = {f"exchange{number % 10}/COIN{number:05}/USDT": sample for number in range(jobs)}
    text = ",\n".join(f"{json.dumps(key)}: {json.dumps(record)}" for key, record in records.items())
    (path / ".dccd" / "metrics.json").write_text(f"{{\n{text}\n}}\n", encoding="ascii")
    return path


def _empty(name: str) -> Path:
    path = BUILD / "data" / name
    shutil.rmtree(path, ignore_errors=True)
    (path / ".dccd").mkdir(parents=True)
    return path


def _say(text: str) -> None:
    sys.stderr.write(f"{text} ...\n")
    sys.stderr.flush()
