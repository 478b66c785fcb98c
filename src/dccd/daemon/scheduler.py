"""Run collection jobs, once or by the clock; the only part that knows both candles and health."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Final

from dccd.daemon.collector import Collector, JobResult, Progress, Task, tasks_of

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.health import HealthMonitor

__all__ = ["JobResult", "build_histo_scheduler", "run_histo_job", "run_once"]

AFTER_CLOSE: Final = 5
CHECK_EVERY: Final = 30
CHECK_JOB: Final = "dccd:check"
# APScheduler's own default drops a run that is a second late.
_NEVER_SKIPPED: Final = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)
_WEEK: Final = 604_800


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
    tasks = [task for task in tasks_of(config) if task.job == job and task.pair == pair]
    if not tasks:
        msg = f"the configuration has no job for {job.exchange} {pair} {job.timeframe}"
        raise ValueError(msg)
    collector = Collector(config, health)
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
    collector = Collector(config, health, stop or threading.Event(), progress=progress)
    tasks = tasks_of(config)
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

    collector = Collector(config, health, stop or threading.Event())
    tasks = tasks_of(config)
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


def _max_age(seconds: int) -> float:
    """Return the age at which the newest candle is old: three more should have closed, and some grace."""
    return 3 * seconds + max(300.0, seconds / 2)


def _exchange(task: Task) -> str:
    return task.job.exchange
