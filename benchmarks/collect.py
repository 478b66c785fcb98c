"""How fast a series is filled: exchange on loopback, ccxt, checks, Parquet.

``python benchmarks/collect.py [--candles 1000000] [--profile]`` prints candles a second through the whole path that
``dccd run`` takes for one series of one-minute candles. The exchange is another process with its answers made up
beforehand; the waiting for its rate limit is left out, so the figure is that of the machine.
"""

import argparse
import cProfile
import multiprocessing
import pstats
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from urllib.parse import parse_qsl, urlsplit

from dccd._compat import override
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.jobs import Collector, JobResult, tasks_of
from dccd.testing import Answer, ManualClock
from dccd.testing.market import binance_symbol
from dccd.testing.server import LoopbackServer

NOW, MINUTE, PAGE = 1_801_440_000_000, 60_000, 1000
JSON = {"Content-Type": "application/json"}


class Klines(LoopbackServer):
    """Binance with one pair, whose candles are text already."""

    def __init__(self, candles: int) -> None:
        super().__init__()
        self._first = NOW - candles * MINUTE
        self._rows = [_row(self._first + number * MINUTE, number) for number in range(candles)]

    @override
    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        if parts.path != "/api/v3/klines":
            return Answer(body={"symbols": [binance_symbol("BTC/USDT")], "serverTime": NOW})
        query = dict(parse_qsl(parts.query))
        start = max(0, (int(query["startTime"]) - self._first) // MINUTE)
        rows = self._rows[start : start + min(PAGE, int(query["limit"]))]
        return Answer(body=b"[" + b",".join(rows) + b"]", headers=JSON)


def _row(opened: int, number: int) -> bytes:
    price = 50_000 + number % 997 + number % 13 / 100
    prices = (price, price * 1.01, price * 0.99, price + 1, number % 101 / 7)
    numbers = ",".join(f'"{value:.8f}"' for value in prices)
    return f'[{opened},{numbers},{opened + MINUTE - 1},"5000000.00000000",42,"0.0","0.0","0"]'.encode()


def serve(candles: int, channel: Connection) -> None:
    """Be the exchange until told to end."""
    with Klines(candles) as server:
        channel.send(server.url)
        channel.recv()


def fill(url: str, candles: int, path: str) -> JobResult:
    """Bring one series up to date."""
    start = datetime.fromtimestamp((NOW - candles * MINUTE) / 1000, UTC)
    job = HistoJob(exchange="binance", pairs=("BTC/USDT",), timeframe="1m", base_url=url, start=start)
    config = CollectorConfig(storage=StorageConfig(local_path=path), histo_jobs=(job,))
    collector = Collector(config, clock=ManualClock(NOW / 1000))
    try:
        return collector.run(tasks_of(config)[0])
    finally:
        collector.close()


def main() -> int:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candles", type=int, default=1_000_000)
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    exchange = context.Process(target=serve, args=(options.candles, theirs))
    exchange.start()
    url = ours.recv()
    profiler = cProfile.Profile()
    with tempfile.TemporaryDirectory() as path:
        fill(url, 10, path)  # imports, markets
    with tempfile.TemporaryDirectory() as path:
        if options.profile:
            profiler.enable()
        began = time.perf_counter()
        result = fill(url, options.candles, path)
        took = time.perf_counter() - began
        profiler.disable()
    ours.send("end")
    exchange.join()
    sys.stdout.write(f"{result.rows} candles in {took:.1f} s: {result.rows / took:,.0f} candles/s\n")
    if options.profile:
        pstats.Stats(profiler).sort_stats("tottime").print_stats(18)
    return 0 if result.ok and result.rows == options.candles else 1


if __name__ == "__main__":
    sys.exit(main())
