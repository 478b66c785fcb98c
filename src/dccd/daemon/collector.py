"""Bring series up to date and report how it went: where candles and health meet."""

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dccd.candles import CandleSource, CandleStore, Gap, Series, collect, open_source
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import DccdError

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.health import HealthMonitor

__all__ = ["Collector", "JobResult", "Progress", "Task", "tasks_of"]

logger: logging.Logger = logging.getLogger(__name__)

Progress = Callable[[str, int, int, int], None]
"""Called with the key of a job, candles fetched so far, the time reached and the time to reach (milliseconds)."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """How one run for one pair ended.

    Parameters
    ----------
    key : str
        Key of the job in the metrics.
    exchange, pair, timeframe : str
        What it collects.
    ok : bool
        Whether it succeeded.
    rows : int, optional
        Candles that are new to the store.
    newest : int or None, optional
        Open time of the newest candle stored, milliseconds since the epoch, UTC.
    gaps : tuple of Gap, optional
        Candles that the exchange did not give, between others that it did.
    error : str or None, optional
        What went wrong, as ``Type: message``.
    duration : float, optional
        Seconds it took.

    Examples
    --------
    >>> from dccd.daemon.scheduler import JobResult
    >>> JobResult("kraken/BTC/USD", "kraken", "BTC/USD", "1h", ok=True, rows=720).rows
    720
    """

    key: str
    exchange: str
    pair: str
    timeframe: str
    ok: bool
    rows: int = 0
    newest: int | None = None
    gaps: tuple[Gap, ...] = ()
    error: str | None = None
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class Task:
    """One series to bring up to date.

    Parameters
    ----------
    key : str
        Key of its record.
    job : HistoJob
        Exchange, timeframe and the rest.
    pair : str
        One of the job's pairs.
    """

    key: str
    job: "HistoJob"
    pair: str

    @property
    def qualifier(self) -> str | None:
        """The timeframe, where the key holds it."""
        return self.job.timeframe if self.key.endswith(f"@{self.job.timeframe}") else None


@dataclass(slots=True)
class Collector:
    """Runs tasks against one store; one source for each exchange, kept open between runs.

    Parameters
    ----------
    config : CollectorConfig
        Where candles are kept.
    health : HealthMonitor or None, optional
        Records the outcomes.
    stop : threading.Event, optional
        Once set, runs end soon and count as no failure.
    clock : Clock, optional
        Where the time comes from.
    progress : callable or None, optional
        Called after each page.
    """

    config: "CollectorConfig"
    health: "HealthMonitor | None" = None
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = SYSTEM_CLOCK
    progress: Progress | None = None
    _sources: dict[tuple[str, str | None], CandleSource] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _store: CandleStore | None = field(default=None, init=False)

    def run(self, task: Task) -> JobResult:
        """Bring one series up to date and record how that went.

        Parameters
        ----------
        task : Task
            Which one.

        Returns
        -------
        JobResult
            A failure is told there and raises nothing.
        """
        started = self.clock.monotonic()
        job, pair = task.job, task.pair
        result = JobResult(task.key, job.exchange, pair, job.timeframe, ok=False)
        try:
            with nullcontext() if self.health is None else self.health.watching(task.key):
                result = self._collect(task)
        except Exception as error:  # noqa: BLE001 - one failing pair never stops the others
            if self.stop.is_set():
                return replace(
                    result, error="stopped before it ended", duration=round(self.clock.monotonic() - started, 3)
                )
            return self._failed(task, result, error, self.clock.monotonic() - started)
        result = replace(result, duration=round(self.clock.monotonic() - started, 3))
        if self.health is not None:
            closed = None if result.newest is None else result.newest / 1000 + job.seconds
            self.health.record_success(
                job.exchange,
                pair,
                result.rows,
                duration=result.duration,
                timeframe=task.qualifier,
                newest_at=closed,
                rows_missing=sum(gap.missing for gap in result.gaps),
            )
        logger.info("%s: %d new candles in %.1f s", task.key, result.rows, result.duration)
        return result

    def close(self) -> None:
        """Close the sources."""
        with self._lock:
            sources, self._sources = list(self._sources.values()), {}
        for source in sources:
            source.close()

    def _collect(self, task: Task) -> JobResult:
        job, pair = task.job, task.pair
        report = None
        if (progress := self.progress) is not None:

            def report(fetched: int, reached: int, until: int) -> None:
                progress(task.key, fetched, reached, until)

        done = collect(
            self._source(job),
            self._candles(),
            Series(job.exchange, pair, job.timeframe),
            start=job.start,
            now=self.clock.time(),
            progress=report,
        )
        return JobResult(
            task.key, job.exchange, pair, job.timeframe, ok=True, rows=done.new, newest=done.newest, gaps=done.gaps
        )

    def _failed(self, task: Task, result: JobResult, error: Exception, duration: float) -> JobResult:
        if not isinstance(error, DccdError):
            logger.error("%s: unexpected error", task.key, exc_info=error)
        if self.health is not None:
            self.health.record_failure(
                task.job.exchange, task.pair, error=error, duration=duration, timeframe=task.qualifier
            )
        else:
            logger.warning("%s failed: %s", task.key, error)
        return replace(result, error=f"{type(error).__name__}: {error}", duration=round(duration, 3))

    def _source(self, job: "HistoJob") -> CandleSource:
        place = (job.exchange, job.base_url)
        with self._lock:
            if place not in self._sources:
                self._sources[place] = open_source(
                    job.exchange, base_url=job.base_url, clock=self.clock, stop=self.stop
                )
            return self._sources[place]

    def _candles(self) -> CandleStore:
        with self._lock:
            if self._store is None:
                storage = self.config.storage
                self._store = CandleStore(storage.local_path, fsync=storage.fsync, clock=self.clock)
            return self._store


def tasks_of(config: "CollectorConfig") -> list[Task]:
    """Return one task for each series of a configuration, in its order.

    Parameters
    ----------
    config : CollectorConfig
        What to collect.

    Returns
    -------
    list of Task
        With the keys of their records.
    """
    return [Task(key, job, pair) for key, job, pair in config.jobs_by_key()]
