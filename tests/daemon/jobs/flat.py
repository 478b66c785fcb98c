"""Jobs of a made-up exchange, whose candles all have one price."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dccd.candles import Candle, register_source, unregister_source
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.units import parse_timeframe

NAME = "made-up"


class Flat:
    """A source of ours: candles of one price, or trouble."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.came = threading.Event()
        self.opened = 0
        self.closed = 0
        self.trouble: dict[str, BaseException] = {}
        self.hold: threading.Event | None = None

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield one page."""
        self.asked.append((pair, timeframe))
        self.came.set()
        if self.hold is not None:
            self.hold.wait(20)
        if pair in self.trouble:
            raise self.trouble[pair]
        step = parse_timeframe(timeframe) * 1000
        yield [(time, 1.0, 1.0, 1.0, 1.0, 0.0) for time in range(since - since % -step, until, step)]

    def close(self) -> None:
        """Count."""
        self.closed += 1


def configured(path: Path, *jobs: HistoJob) -> CollectorConfig:
    """Return a configuration of jobs."""
    return CollectorConfig(storage=StorageConfig(local_path=path, fsync=False), histo_jobs=jobs)


def own(*pairs: str, timeframe: str = "1m") -> HistoJob:
    """Return a job of our own source."""
    return HistoJob(exchange=NAME, pairs=pairs or ("A/B",), timeframe=timeframe)


@contextmanager
def registered(source: Flat) -> Iterator[Flat]:
    """Let the made-up exchange be served by a source."""

    def open_source(_: object) -> Flat:
        source.opened += 1
        return source

    register_source(NAME, open_source)
    try:
        yield source
    finally:
        unregister_source(NAME)
