"""Run collection jobs, once or by the clock; the only part that knows both candles and health."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from dccd.candles import CandleSource, CandleStore, Gap, Series, collect, open_source
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import DccdError

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.health import HealthMonitor

__all__ = ["JobResult", "build_histo_scheduler", "run_histo_job", "run_once"]

logger: logging.Logger = logging.getLogger(__name__)

AFTER_CLOSE: Final = 5
CHECK_EVERY: Final = 30
CHECK_JOB: Final = "dccd:check"
# APScheduler's own default drops a run that is a second late.
_NEVER_SKIPPED: Final = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)
_WEEK: Final = 604_800

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
class _Task:
    """One series to bring up to date."""

    key: str
    job: "HistoJob"
    pair: str

    @property
    def qualifier(self) -> str | None:
        """The timeframe, where the key holds it."""
        return self.job.timeframe if self.key.endswith(f"@{self.job.timeframe}") else None


@dataclass(slots=True)
class _Collector:
    """Runs tasks against one store; one source for each exchange, kept open between runs."""

    config: "CollectorConfig"
    health: "HealthMonitor | None" = None
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = SYSTEM_CLOCK
    progress: Progress | None = None
    _sources: dict[tuple[str, str | None], CandleSource] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _store: CandleStore | None = None

    def run(self, task: _Task) -> JobResult:
        started = self.clock.monotonic()
        job, pair = task.job, task.pair
        result = JobResult(task.key, job.exchange, pair, job.timeframe, ok=False)
        try:
            with nullcontext() if self.health is None else self.health.watching(task.key):
                result = self._collect(task)
        except Exception as error:  # noqa: BLE001 - one failing pair never stops the others
            if self.stop.is_set():
                return _with(result, error="stopped before it ended", duration=self.clock.monotonic() - started)
            return self._failed(task, result, error, self.clock.monotonic() - started)
        result = _with(result, duration=self.clock.monotonic() - started)
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
        with self._lock:
            sources, self._sources = list(self._sources.values()), {}
        for source in sources:
            source.close()

    def _collect(self, task: _Task) -> JobResult:
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

    def _failed(self, task: _Task, result: JobResult, error: Exception, duration: float) -> JobResult:
        if not isinstance(error, DccdError):
            logger.error("%s: unexpected error", task.key, exc_info=error)
        if self.health is not None:
            self.health.record_failure(
                task.job.exchange, task.pair, error=error, duration=duration, timeframe=task.qualifier
            )
        else:
            logger.warning("%s failed: %s", task.key, error)
        return _with(result, error=f"{type(error).__name__}: {error}", duration=duration)

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


def run_histo_job(
    config: "CollectorConfig", job: "HistoJob", pair: str, health: "HealthMonitor | None" = None
) -> JobResult:
    """Bring one series up to date.

    Parameters
    ----------
    config : CollectorConfig
        Where candles are kept, and which key the job has.
    job : HistoJob
        One of ``config.histo_jobs``.
    pair : str
        One of ``job.pairs``.
    health : HealthMonitor, optional
        Records the outcome; None for none.

    Returns
    -------
    JobResult
        How it ended; a failure is told there and raises nothing.

    Raises
    ------
    ValueError
        If the configuration has no such job.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
    >>> from dccd.daemon.scheduler import run_histo_job
    >>> from dccd.testing import LoopbackExchange
    >>> with LoopbackExchange() as exchange, tempfile.TemporaryDirectory() as tmp:
    ...     job = HistoJob(exchange="binance", pairs=("BTC/USDT",), base_url=exchange.url)
    ...     config = CollectorConfig(storage=StorageConfig(local_path=tmp), histo_jobs=(job,))
    ...     run_histo_job(config, job, "BTC/USDT").rows
    500
    """
    tasks = [task for task in _tasks(config) if task.job == job and task.pair == pair]
    if not tasks:
        msg = f"the configuration has no job for {job.exchange} {pair} {job.timeframe}"
        raise ValueError(msg)
    collector = _Collector(config, health)
    try:
        return collector.run(tasks[0])
    finally:
        collector.close()


def run_once(
    config: "CollectorConfig",
    health: "HealthMonitor | None" = None,
    *,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
) -> list[JobResult]:
    """Bring all series up to date, and return.

    Exchanges are asked side by side, the pairs of one exchange one after the other.

    Parameters
    ----------
    config : CollectorConfig
        What to collect and where to keep it.
    health : HealthMonitor, optional
        Records the outcomes; None means unwatched.
    stop : threading.Event, optional
        Once set, the run ends soon; what was not finished is reported as stopped and counts as no failure.
    progress : callable, optional
        Called after each page with the key of the job, the candles fetched so far, the open time reached and the
        one to reach, in milliseconds.

    Returns
    -------
    list of JobResult
        One for each pair, in the order of the configuration. A job that fails raises nothing.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
    >>> from dccd.daemon.scheduler import run_once
    >>> from dccd.testing import LoopbackExchange
    >>> with LoopbackExchange() as exchange, tempfile.TemporaryDirectory() as tmp:
    ...     job = HistoJob(exchange="binance", pairs=("BTC/USDT", "NO/SUCH"), base_url=exchange.url)
    ...     config = CollectorConfig(storage=StorageConfig(local_path=tmp), histo_jobs=(job,))
    ...     [(result.key, result.ok, result.rows) for result in run_once(config)]
    [('binance/BTC/USDT', True, 500), ('binance/NO/SUCH', False, 0)]
    """
    collector = _Collector(config, health, stop or threading.Event(), progress=progress)
    tasks = _tasks(config)
    queues = [list(group) for _, group in groupby(sorted(tasks, key=_exchange), key=_exchange)]
    try:
        with ThreadPoolExecutor(max_workers=max(1, len(queues)), thread_name_prefix="dccd-collect") as pool:
            batches = pool.map(lambda queue: [collector.run(task) for task in queue], queues)
            results = {result.key: result for batch in batches for result in batch}
    finally:
        collector.close()
    return [results[task.key] for task in tasks]


def build_histo_scheduler(
    config: "CollectorConfig", health: "HealthMonitor | None" = None, *, stop: threading.Event | None = None
) -> "BackgroundScheduler":
    """Return a scheduler that keeps all series up to date.

    Each series runs at once and then 5 seconds after each candle closes. One worker serves an exchange, so its rate
    limit holds; a run that is late is made up for, and never runs twice at the same time.

    Parameters
    ----------
    config : CollectorConfig
        What to collect and where to keep it.
    health : HealthMonitor, optional
        Records the outcomes; None means unwatched. Closing it is up to the caller.
    stop : threading.Event, optional
        Set it before shutting down, to interrupt runs that wait for an exchange.

    Returns
    -------
    apscheduler.schedulers.background.BackgroundScheduler
        Not started. Its jobs are named by their keys; shutting it down closes the connections.

    Examples
    --------
    >>> from dccd.daemon.config import CollectorConfig, HistoJob
    >>> from dccd.daemon.scheduler import build_histo_scheduler
    >>> job = HistoJob(exchange="kraken", pairs=("BTC/USD", "ETH/USD"), timeframe="1h")
    >>> scheduler = build_histo_scheduler(CollectorConfig(histo_jobs=(job,)))
    >>> [job.id for job in scheduler.get_jobs()]
    ['kraken/BTC/USD', 'kraken/ETH/USD']
    """
    from apscheduler.events import EVENT_SCHEDULER_SHUTDOWN  # noqa: PLC0415 - 100 ms, for those who schedule
    from apscheduler.executors.pool import ThreadPoolExecutor as Pool  # noqa: PLC0415
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415
    from apscheduler.triggers.interval import IntervalTrigger  # noqa: PLC0415

    collector = _Collector(config, health, stop or threading.Event())
    tasks = _tasks(config)
    scheduler = BackgroundScheduler(
        executors={name: Pool(1) for name in {CHECK_JOB, *(_exchange(task) for task in tasks)}},
        timezone=UTC,
    )
    scheduler.add_listener(lambda _: collector.close(), EVENT_SCHEDULER_SHUTDOWN)
    if health is not None:
        health.expect_only({task.key: (task.job.seconds, _max_age(task.job.seconds)) for task in tasks})
        scheduler.add_job(
            health.check,
            IntervalTrigger(seconds=CHECK_EVERY, timezone=UTC),
            id=CHECK_JOB,
            name="check",
            executor=CHECK_JOB,
            **_NEVER_SKIPPED,
        )
    for task in tasks:
        seconds = task.job.seconds
        scheduler.add_job(
            collector.run,
            IntervalTrigger(seconds=seconds, start_date=_first_close(seconds), timezone=UTC),
            args=(task,),
            id=task.key,
            name=task.key,
            executor=_exchange(task),
            next_run_time=datetime.now(UTC),
            **_NEVER_SKIPPED,
        )
    return scheduler


def _first_close(seconds: int) -> datetime:
    """Return the first close of a candle since 1970, and 5 seconds; weeks begin on Monday."""
    anchor = _MONDAY if seconds % _WEEK == 0 else _EPOCH
    return anchor + timedelta(seconds=AFTER_CLOSE)


def _tasks(config: "CollectorConfig") -> list[_Task]:
    return [_Task(key, job, pair) for key, job, pair in config.jobs_by_key()]


def _max_age(seconds: int) -> float:
    """Return the age at which the newest candle is old: three more should have closed, and some grace."""
    return 3 * seconds + max(300.0, seconds / 2)


def _exchange(task: _Task) -> str:
    return task.job.exchange


def _with(result: JobResult, *, error: str | None = None, duration: float) -> JobResult:
    return replace(result, error=error, duration=round(duration, 3))
