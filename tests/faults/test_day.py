"""A day of collecting on simulated time: an exchange in trouble, kills, and in the end every candle once."""

import contextlib
import json
import logging
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pytest

from dccd._compat import override
from dccd.candles import CandleStore, Series
from dccd.clock import Clock
from dccd.daemon.state.store import read_records
from dccd.testing import LoopbackExchange, WebhookReceiver, candle

SOAK = bool(os.environ.get("DCCD_SOAK"))
SERIES, MINUTES = (200, 1440) if SOAK else (8, 80)
SEED = os.environ.get("DCCD_SEED")
BEGIN = 1_801_438_200  # half past eleven on the last evening of a month
MINUTE, SETTLE = 60, 4000
TIMEOUT = 0.4
REFUSAL = {"code": -1121, "msg": "Invalid symbol."}


class SharedClock(Clock):
    """A time that two processes share; waiting moves it on."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    @override
    def time(self) -> float:
        """Return Unix seconds."""
        return float(struct.unpack("d", self._map[:8])[0])

    @override
    def monotonic(self) -> float:
        """Return the same: nobody sets this clock back."""
        return self.time()

    @override
    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on at once."""
        if not event.is_set() and seconds > 0:
            self.set(self.time() + seconds)
        return event.is_set()

    def set(self, now: float) -> None:
        """Say what time it is."""
        self._map[:8] = struct.pack("d", now)


class Onlooker(SharedClock):
    """The same time for what waits in the background: it looks now and then, and moves nothing."""

    @override
    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for a moment of real time."""
        return event.wait(min(seconds, 0.02))


def collect_by_the_tick(settings: dict[str, Any]) -> None:
    """Be the process that collects: run what the scheduler has due at each line, and tell what that took."""
    from dccd.daemon.config import CollectorConfig
    from dccd.daemon.health import HealthMonitor
    from dccd.daemon.scheduler import CHECK_JOB, build_histo_scheduler

    logging.basicConfig(handlers=[logging.NullHandler()])
    clock, path = SharedClock(Path(settings["clock"])), Path(settings["clock"])
    config = CollectorConfig.model_validate(settings["config"])
    with HealthMonitor.from_config(config, clock=Onlooker(path)) as health:
        jobs = build_histo_scheduler(config, health, clock=clock).get_jobs()
        due = {job.id: (0.0, job) for job in jobs if job.id != CHECK_JOB}
        collector = next(iter(due.values()))[1].func.__self__
        collector.timeout = TIMEOUT
        for line in sys.stdin:
            if line == "end\n":
                break
            runs, failed = 0, 0
            while ready := [job for at, job in due.values() if at <= clock.time()]:
                for job in ready:
                    result = job.func(*job.args)
                    runs, failed = runs + 1, failed + (not result.ok)
                    at = job.trigger.get_next_fire_time(None, _utc(clock.time())).timestamp()
                    due[job.id] = (at if result.complete else 0.0, job)
                if runs > 5 * len(due):
                    break
            health.check()
            put(json.dumps({"runs": runs, "failed": failed, **resources()}))
        put(str(health.flush(30)))
        collector.close()


def _utc(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


def put(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def resources() -> dict[str, int]:
    """Return what could leak: descriptors, threads, and memory in kB."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return {"fds": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(), "kb": memory}  # noqa: PTH208


class Child:
    """The collecting process, to be killed and born again."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = json.dumps(settings)
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _start(self) -> None:
        code = f"import json, tests.faults.test_day as day; day.collect_by_the_tick(json.loads({self._settings!r}))"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def tick(self) -> dict[str, int]:
        """Have it run what is due."""
        self.say("tick")
        report: dict[str, int] = json.loads(self.hear())
        return report

    def say(self, line: str) -> None:
        """Send a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def hear(self) -> str:
        """Return its answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that collects has ended"
        return line

    def kill_during_a_tick(self, after: float) -> None:
        """End it as the kernel would, in the middle of its work, and start another."""
        self.say("tick")
        time.sleep(after)
        os.kill(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()
        self._start()


class Weather:
    """What the exchange does to whom, and when."""

    def __init__(self, exchange: LoopbackExchange, chance: random.Random, minutes: int) -> None:
        self._exchange = exchange
        self._chance = chance
        pairs = list(exchange.pairs)
        victims = chance.sample(pairs, max(3, len(pairs) // 20))
        # A pair that cannot be reached, or is refused, for a while that is told; and once nobody can be reached.
        self.outages = {
            pair: (start := chance.randrange(minutes // 10, minutes // 2), start + chance.randrange(8, 20), number % 3)
            for number, pair in enumerate(victims)
        }
        self.blackout = range(minutes * 3 // 4, minutes * 3 // 4 + 6)
        self.single = 0

    def set(self, minute: int) -> None:
        """Make the faults of a minute."""
        exchange, chance = self._exchange, self._chance
        exchange.heal()
        exchange._requests.clear()
        if minute in self.blackout:
            exchange.fail(status=502, body="<html>bad gateway</html>")
            return
        for pair, (start, end, kind) in self.outages.items():
            if start <= minute < end and kind == 0:
                exchange.fail(pair, status=503)
            elif start <= minute < end and kind == 1:
                exchange.fail(pair, status=200, body={"code": -1000, "msg": "UNKNOWN"})
            elif start <= minute < end:
                exchange.fail(pair, status=400, body=REFUSAL)
        for _ in range(max(1, len(exchange.pairs) // 40)):
            self._fault(chance.choice(exchange.pairs))

    def _fault(self, pair: str) -> None:
        exchange, kind = self._exchange, self._chance.randrange(60)
        self.single += 1
        if kind < 14:
            exchange.fail(pair, status=429, headers={"Retry-After": str(kind % 5)}, times=2)
        elif kind < 28:
            exchange.fail(pair, status=500, times=2)
        elif kind < 38:
            exchange.fail(pair, status=200, body={"code": -1001, "msg": "DISCONNECTED"}, times=1)
        elif kind < 48:
            exchange.fail(pair, status=200, body="<html>maintenance</html>", times=1)
        elif kind < 54:
            exchange.reset(pair, times=1)
        elif kind < 58:
            exchange.hang(pair, seconds=2 * TIMEOUT, times=1)
        else:
            exchange.fail(pair, status=418, headers={"Retry-After": "70"}, times=1)


@pytest.fixture
def clock(tmp_path: Path) -> SharedClock:
    """Return a clock that shows the beginning."""
    path = tmp_path / "clock"
    path.write_bytes(struct.pack("d", float(BEGIN)))
    return SharedClock(path)


def settings_of(path: Path, exchange: LoopbackExchange, webhook: WebhookReceiver) -> dict[str, Any]:
    """Return what the child needs to know."""
    job = {
        "exchange": "binance",
        "pairs": list(exchange.pairs),
        "timeframe": "1m",
        "base_url": exchange.url,
        "start": _utc(BEGIN - 30 * MINUTE).isoformat(),
    }
    return {
        "clock": str(path / "clock"),
        "config": {
            "storage": {"local_path": str(path / "data"), "fsync": False},
            "alerts": {"webhook_url": webhook.url, "repeat_interval": 0},
            "log": {"file": "text"},
            "histo_jobs": [job],
        },
    }


@pytest.mark.timeout(4 * 3600 if SOAK else 180)
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="resources are counted in /proc")
def test_a_day_in_trouble_leaves_every_candle_once(tmp_path: Path, clock: SharedClock) -> None:
    """No gap, no candle twice; each outage told once, and its end once; nothing leaks."""
    seed = int(SEED or random.randrange(1 << 32))
    chance, pairs = random.Random(seed), [f"C{number:03}/USDT" for number in range(SERIES)]
    with LoopbackExchange(pairs, now=clock.time) as exchange, WebhookReceiver() as webhook:
        weather, reports = Weather(exchange, chance, MINUTES), list[dict[str, int]]()
        kills = set(chance.sample(range(MINUTES // 8, MINUTES * 3 // 4 - 3), 3))
        began, longest = time.monotonic(), 0.2
        with Child(settings_of(tmp_path, exchange, webhook)) as child:
            for minute in range(MINUTES):
                clock.set(max(clock.time(), BEGIN + minute * MINUTE + 5.1))
                weather.set(minute)
                if minute in kills:
                    child.kill_during_a_tick(chance.uniform(0.0, longest))
                start = time.monotonic()
                reports.append(child.tick() | {"minute": minute})
                longest = time.monotonic() - start
                if SOAK and minute % 60 == 0:
                    put(f"{time.monotonic() - began:.0f} s {reports[-1]}")
            exchange.heal()
            for later in (0, SETTLE, SETTLE + 120):  # what was refused is asked again after an hour
                clock.set(BEGIN + MINUTES * MINUTE + later + 5.1)
                child.tick()
            child.say("end")
            assert child.hear() == "True\n"
        context = f"seed {seed}"
        until = int(clock.time()) // MINUTE * MINUTE
        assert stored_otherwise(tmp_path / "data", pairs, until) == {}, context
        check_alerts(tmp_path / "data", webhook, weather, context)
        check_resources(reports[max(kills) + 2 :], context)
    runs, failed = (sum(report[name] for report in reports) for name in ("runs", "failed"))
    incidents = Counter(facts["incident"].partition("-")[0] for _, facts in told(webhook) if facts["event"] == "firing")
    put(f"{context}: {time.monotonic() - began:.0f} s, {runs} runs, {failed} failed, {weather.single} single faults")
    put(f"{len(webhook.messages)} messages, {dict(incidents)}, first {reports[0]}, last {reports[-1]}")


def stored_otherwise(path: Path, pairs: list[str], until: int) -> dict[str, str]:
    """Return the pairs whose candles are not exactly those of the exchange."""
    store, wrong = CandleStore(path), dict[str, str]()
    first = (BEGIN - 30 * MINUTE) * 1000
    expected = list(range(first, until * 1000, MINUTE * 1000))
    for pair in pairs:
        table = store.read(Series("binance", pair, "1m"))
        times = table["ts"].cast(pa.int64()).to_pylist()
        closes = table["close"].to_pylist()
        if times[: len(expected) - 1] != expected[:-1] or len(set(times)) != len(times):
            wrong[pair] = f"{len(times)} candles of {len(expected)}, gaps {store.gaps(Series('binance', pair, '1m'))}"
        elif closes != [candle(pair, MINUTE, at)[4] for at in expected[: len(closes)]]:
            wrong[pair] = "another close"
    return wrong


def told(webhook: WebhookReceiver) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each notice with the identifier of its message; a message that came twice counts once."""
    seen = set()
    for message in webhook.messages:
        if message.headers["webhook-id"] not in seen:
            seen.add(message.headers["webhook-id"])
            for facts in message.json["data"]["jobs"]:
                yield message.headers["webhook-id"], facts


def check_alerts(path: Path, webhook: WebhookReceiver, weather: Weather, context: str) -> None:
    """Each incident is told once and its end once, and those that failed long enough had one."""
    events, kinds = defaultdict(list), defaultdict(list)
    for _, facts in told(webhook):
        events[facts["job"], facts["incident"]].append(facts["event"])
        if facts["event"] == "firing":
            kinds[facts["job"].removeprefix("binance/")].append(facts["incident"].partition("-")[0])
    for name, course in events.items():
        assert course == ["firing", "resolved"], (context, name, course)
    for pair in weather.outages:
        assert "failing" in kinds[pair], (context, pair, kinds[pair])
    for record in read_records(path).values():
        assert (record.owed, record.incidents) == ((), ()), context


def check_resources(reports: list[dict[str, int]], context: str) -> None:
    """The last hours take no more than the first ones."""
    early, late = reports[: len(reports) // 4], reports[-len(reports) // 4 :]
    for name, slack in (("fds", 2), ("threads", 2), ("kb", 20_000)):
        before, after = max(report[name] for report in early), max(report[name] for report in late)
        assert after <= before + slack, (context, name, before, after)
