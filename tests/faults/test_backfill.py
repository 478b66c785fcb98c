"""A first fill that is killed again and again."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from dccd._compat import override
from dccd.candles import CandleStore, Series
from dccd.testing import Answer, LoopbackExchange

NOW, MINUTE, CANDLES = 1_801_440_000, 60, 40_000  # midnight, a month has just begun
SERIES = Series("binance", "BTC/USDT", "1m")
FILL = """
import sys
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.jobs.collector import Collector
from dccd.daemon.jobs.tasks import tasks_of
from dccd.testing import ManualClock

path, url, start, now = sys.argv[1:]
job = HistoJob(exchange="binance", pairs=("BTC/USDT",), timeframe="1m", base_url=url, start=start)
config = CollectorConfig(storage=StorageConfig(local_path=path, fsync=False), histo_jobs=(job,))
collector = Collector(config, clock=ManualClock(float(now)))
(task,) = tasks_of(config)
result = collector.run(task)
collector.close()
print(result.ok, result.error)
"""


class Counting(LoopbackExchange):
    """An exchange that says when it has been asked for so many pages."""

    def __init__(self) -> None:
        super().__init__(("BTC/USDT",), now=lambda: float(NOW))
        self.pages = 0
        self.wanted = threading.Event()
        self.at = 0

    @override
    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Count."""
        if "klines" in target:
            self.pages += 1
            if self.pages >= self.at:
                self.wanted.set()
        return super().respond(method, target, headers, body)

    def after(self, pages: int) -> None:
        """Say so after so many pages more."""
        self.at = self.pages + pages
        self.wanted.clear()


@pytest.mark.timeout(180)
def test_a_first_fill_goes_on_where_a_kill_ended_it(tmp_path: Path) -> None:
    """Every candle is there once in the end, and the next process does not begin anew."""
    seed = random.randrange(1 << 32)
    chance, kept = random.Random(seed), list[int]()
    start = datetime.fromtimestamp(NOW - CANDLES * MINUTE, UTC).isoformat()
    with Counting() as exchange:
        command = [sys.executable, "-c", FILL, str(tmp_path), exchange.url, start, str(NOW)]
        for _ in range(3):
            exchange.after(chance.randint(11, 14))
            with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
                assert exchange.wanted.wait(60), f"seed {seed}"
                time.sleep(chance.uniform(0, 0.05))
                os.kill(child.pid, signal.SIGKILL)
            kept.append(CandleStore(tmp_path).read(SERIES).num_rows)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "True None\n", f"seed {seed}"
        times = CandleStore(tmp_path).read(SERIES)["ts"].cast(pa.int64()).to_pylist()
    assert times == list(range((NOW - CANDLES * MINUTE) * 1000, NOW * 1000, MINUTE * 1000)), f"seed {seed}"
    assert 0 < kept[0] < kept[1] < kept[2], f"seed {seed}: {kept}"
    assert exchange.pages < CANDLES / 1000 * 2, f"seed {seed}"
