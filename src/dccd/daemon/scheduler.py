"""Run collection jobs, once or by the clock; the only part that knows both candles and health."""

import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.jobs import AtClose, Collector, DueAtOnce, JobResult, Progress, Task, make_due, tasks_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.schedulers.background import BackgroundScheduler

    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.health import HealthMonitor

__all__ = ["JobResult", "build_histo_scheduler", "run_histo_job", "run_once"]

logger: logging.Logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 30.0
CHECK_JOB: Final = "dccd:check"
# APScheduler skips a run that is a second late by default.
_JOB_DEFAULTS: Final = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
# A round of all series of an exchange may take so long while each of them has much to fetch.
_ROUND_SECONDS: Final = 30.0
_MIN_TURN_SECONDS: Final = 1.0
# Two tries of a request that hangs: the outage is found before the jobs that wait for their turn count as late.
_RETRY_BUDGET_SECONDS: Final = 20.0


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
    tasks = [task for task in tasks_of(config, health) if task.job == job and task.pair == pair]
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
    tasks = tasks_of(config, health)
    queues = [list(group) for _, group in groupby(sorted(tasks, key=_exchange), key=_exchange)]
    try:
        with ThreadPoolExecutor(max_workers=max(1, len(queues)), thread_name_prefix="dccd-collect") as pool:
            batches = pool.map(lambda queue: [collector.run(task) for task in queue], queues)
            results = {result.key: result for batch in batches for result in batch}
    finally:
        collector.close()
    return [results[task.key] for task in tasks]


def build_histo_scheduler(  # noqa: PLR0913 - keywords
    config: "CollectorConfig",
    health: "HealthMonitor | None" = None,
    *,
    stop: threading.Event | None = None,
    clock: Clock = SYSTEM_CLOCK,
    check_every: float = CHECK_SECONDS,
    ticked: "Callable[[list[str]], None] | None" = None,
) -> "BackgroundScheduler":
    """Return a scheduler that keeps all series up to date.

    Each series runs at once, which fetches what was missed, and then ``schedule.delay`` after each candle closes. One
    worker serves an exchange, so its rate limit holds; a run that is late is made up for, and never runs twice at the
    same time. A series that has much to fetch gives way to the others of its exchange after each turn.

    Parameters
    ----------
    config : CollectorConfig
        What to collect and where to keep it.
    health : HealthMonitor, optional
        Records the outcomes; None means unwatched. Closing it is up to the caller.
    stop : threading.Event, optional
        Set it before shutting down, to interrupt runs that wait for an exchange.
    clock : Clock, optional
        The time that runs go by; the scheduler itself has that of the machine.
    check_every : float, optional
        Seconds between two calls of `HealthMonitor.check <dccd.daemon.health.HealthMonitor.check>`, default 30.
    ticked : callable, optional
        Called after each of them with what it returned.

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
    from apscheduler.executors.pool import ThreadPoolExecutor as Pool  # noqa: PLC0415 - 100 ms, for those who schedule
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415
    from apscheduler.triggers.base import BaseTrigger  # noqa: PLC0415

    collector = Collector(config, health, stop or threading.Event(), clock, budget=_RETRY_BUDGET_SECONDS)
    tasks = tasks_of(config, health)
    waiting = Counter(map(_exchange, tasks))
    scheduler = BackgroundScheduler(
        executors={name: Pool(1) for name in (CHECK_JOB, *waiting)},
        job_defaults=_JOB_DEFAULTS,
        timezone=UTC,
        logger=_quiet_logger(),
    )
    at_once = DueAtOnce(partial(make_due, scheduler), check_every)
    BaseTrigger.register(AtClose)
    _Events(scheduler, collector, {task.key: task for task in tasks}, at_once).subscribe()
    if health is not None:
        health.expect_only({task.key: (task.job.seconds, _max_age(task.job)) for task in tasks})
        scheduler.add_job(
            _check,
            AtClose(check_every),
            args=(health, ticked),
            id=CHECK_JOB,
            name="check",
            executor=CHECK_JOB,
            next_run_time=datetime.now(UTC) + timedelta(seconds=check_every),
        )
    for task in tasks:
        scheduler.add_job(
            collector.run,
            AtClose(task.job.seconds, config.schedule.delay, config.schedule.jitter),
            args=(task, max(_MIN_TURN_SECONDS, _ROUND_SECONDS / waiting[_exchange(task)])),
            id=task.key,
            name=task.key,
            executor=_exchange(task),
            next_run_time=datetime.now(UTC),
        )
    return scheduler


def _check(health: "HealthMonitor", ticked: "Callable[[list[str]], None] | None") -> None:
    troubled = health.check()
    if ticked is not None:
        ticked(troubled)


class _Events:
    """Acts on the events of the scheduler: logs skipped runs, and makes a job due that has more to fetch."""

    def __init__(
        self, scheduler: "BackgroundScheduler", collector: Collector, tasks: dict[str, Task], at_once: DueAtOnce
    ) -> None:
        self._scheduler = scheduler
        self._collector = collector
        self._tasks = tasks
        self._at_once = at_once
        self._skipped: set[str] = set()
        self._behind: set[str] = set()

    def subscribe(self) -> None:
        from apscheduler import events  # noqa: PLC0415

        on = self._scheduler.add_listener
        on(self._on_end, events.EVENT_JOB_EXECUTED)
        on(self._on_skip, events.EVENT_JOB_MAX_INSTANCES | events.EVENT_JOB_MISSED)
        on(self._on_error, events.EVENT_JOB_ERROR)
        on(lambda _: self._at_once.start(), events.EVENT_SCHEDULER_STARTED)
        on(self._on_shutdown, events.EVENT_SCHEDULER_SHUTDOWN)

    def _on_end(self, event: Any) -> None:  # noqa: ANN401 - APScheduler is not typed
        self._skipped.discard(event.job_id)
        self._behind.discard(event.job_id)
        result = event.retval
        if isinstance(result, JobResult) and not result.complete and not self._collector.stop.is_set():
            self._behind.add(event.job_id)
            self._at_once.add(event.job_id)

    def _on_shutdown(self, _event: Any) -> None:  # noqa: ANN401
        self._at_once.stop()
        self._collector.close()

    def _on_skip(self, event: Any) -> None:  # noqa: ANN401
        """Warn once for each exchange, as APScheduler raises no error; `HealthMonitor.check` finds out if it lasts."""
        key, task = event.job_id, self._tasks.get(event.job_id)
        if key in self._skipped | self._behind:
            return
        exchange = _exchange(task) if task else None
        skipped = self._skipped.copy()  # runs end meanwhile, in threads of their own
        known = any(_exchange(self._tasks[other]) == exchange for other in skipped if other in self._tasks)
        self._skipped.add(key)
        level = logging.DEBUG if known else logging.WARNING
        logger.log(level, "%s was due again before its last run ended; such runs are skipped", key)

    def _on_error(self, event: Any) -> None:  # noqa: ANN401
        task, health = self._tasks.get(event.job_id), self._collector.health
        if task is not None and health is not None:
            health.record_failure(task.job.exchange, task.pair, error=event.exception, timeframe=task.qualifier)
        else:
            logger.error("%s ended with %s", event.job_id, type(event.exception).__name__)


def _quiet_logger() -> logging.Logger:
    """Return a logger for APScheduler that takes errors only, as `_Events` reports a skipped run once."""
    quiet = logger.getChild("apscheduler")
    quiet.setLevel(logging.ERROR)
    return quiet


def _max_age(job: "HistoJob") -> float | None:
    """Return the age in seconds at which the newest candle is old, by default three candles and some grace."""
    if job.max_age is None:
        return 3 * job.seconds + max(300.0, job.seconds / 2)
    return job.max_age or None


def _exchange(task: Task) -> str:
    return task.job.exchange
