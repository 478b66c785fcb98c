"""Bring series up to date and record the outcome: candles and health meet here."""

import logging
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dccd.candles import CandleSource, CandleStore, Series, collect, open_source
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon import sanitize
from dccd.daemon.jobs.breaker import Breaker, Hold
from dccd.daemon.jobs.tasks import JobResult, Task
from dccd.errors import DccdError, RateLimitedError, SourceUnavailableError
from dccd.units import format_duration, format_time

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.health import HealthMonitor

logger: logging.Logger = logging.getLogger("dccd.daemon.collector")

_SHORT_REST_SECONDS: Final = 15.0
_PROGRESS_SECONDS: Final = 60.0
_ROUTINE_ROWS: Final = 3
_STOPPED: Final = "stopped before it ended"

Progress = Callable[[str, int, int, int], None]
"""Called with the key of a job, candles fetched so far, the time reached and the time to reach (milliseconds)."""


@dataclass(slots=True)
class _Exchange:
    """One exchange at one address: its source once that is open, and what its jobs learned of it."""

    source: CandleSource | None = None
    breaker: Breaker = field(default_factory=Breaker)


@dataclass(slots=True)
class Collector:
    """Runs tasks against one store; one source for each exchange, kept open between runs.

    Run the tasks of one exchange one after the other; those of several may run at the same time. `stop` ends runs soon,
    which is no failure. In seconds, `timeout` bounds the silence of an exchange, and `budget` the tries of a request.
    """

    config: "CollectorConfig"
    health: "HealthMonitor | None" = None
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = SYSTEM_CLOCK
    progress: Progress | None = None
    timeout: float = 10.0
    budget: float = 60.0
    _exchanges: dict[tuple[str, str | None], _Exchange] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _store: CandleStore | None = field(default=None, init=False)
    _logged_at: dict[str, float] = field(default_factory=dict, init=False)

    def run(self, task: Task, seconds: float | None = None) -> JobResult:
        """Bring one series up to date and record the outcome; a failure is in the result and raises nothing.

        After `seconds` the run gives way to other series, though not before a page has come; None means never.
        """
        started = self.clock.monotonic()
        job, pair = task.job, task.pair
        result = JobResult(task.key, job.exchange, pair, job.timeframe, ok=False)
        if self.stop.is_set():
            return replace(result, error=_STOPPED)
        exchange, in_turn = self._exchange(job), seconds is not None
        try:
            with nullcontext() if self.health is None else self.health.watching(task.key):
                if (hold := self._held(exchange.breaker, task.key, in_turn=in_turn)) is not None:
                    return self._record_failure(task, result, self._error_of(hold, job), 0.0, repeated=True)
                result = self._collect(task, result, exchange, seconds)
        except Exception as error:  # noqa: BLE001 - one failing pair never stops the others
            spent = self.clock.monotonic() - started
            if self.stop.is_set():
                return replace(result, error=_STOPPED, duration=round(spent, 3))
            repeated = self._note_failure(exchange.breaker, task, error, in_turn=in_turn)
            return self._record_failure(task, result, error, spent, repeated=repeated)
        stopped = self.stop.is_set()  # then a source ends early, as if it had no more candles
        result = replace(
            result,
            duration=round(self.clock.monotonic() - started, 3),
            complete=result.complete and not stopped,
        )
        if result.rows or not stopped:
            if exchange.breaker.succeed(task.key):
                logger.info("%s answers again", job.exchange)
            self._record_success(task, result)
        return replace(result, ok=False, error=_STOPPED) if stopped else result

    def close(self) -> None:
        """Close the sources."""
        with self._lock:
            exchanges = list(self._exchanges.values())
            sources = [exchange.source for exchange in exchanges if exchange.source is not None]
            for exchange in exchanges:
                exchange.source = None
        for source in sources:
            try:
                source.close()
            except Exception:  # of a source of the user's own
                logger.exception("a source could not be closed")

    def _collect(self, task: Task, result: JobResult, exchange: _Exchange, seconds: float | None) -> JobResult:
        job = task.job
        ends = None if seconds is None else self.clock.monotonic() + seconds

        def report(fetched: int, reached: int, until: int) -> None:
            self._log_progress(task.key, reached)
            if self.progress is not None:
                self.progress(task.key, fetched, reached, until)

        done = collect(
            self._source(exchange, job),
            self._candles(),
            Series(job.exchange, task.pair, job.timeframe),
            start=job.start,
            now=self.clock.time(),
            progress=report,
            enough=lambda: self.stop.is_set() or (ends is not None and self.clock.monotonic() >= ends),
            clock=self.clock,
        )
        return replace(result, ok=True, rows=done.new, newest=done.newest, gaps=done.gaps, complete=done.complete)

    def _log_progress(self, key: str, reached: int) -> None:
        """Log how far a series has come, once a minute."""
        now = self.clock.monotonic()
        if now - self._logged_at.setdefault(key, now) >= _PROGRESS_SECONDS:
            self._logged_at[key] = now
            logger.info("%s: collected up to %s, going on", key, format_time(reached / 1000))

    def _record_success(self, task: Task, result: JobResult) -> None:
        if result.complete:
            self._logged_at.pop(task.key, None)
        if self.health is not None:
            newest_at = None  # old candles of a series that is still behind are no incident
            if result.complete and result.newest is not None:
                newest_at = result.newest / 1000 + task.job.seconds
            self.health.record_success(
                task.job.exchange,
                task.pair,
                result.rows,
                duration=result.duration,
                timeframe=task.qualifier,
                newest_at=newest_at,
                rows_missing=sum(gap.missing for gap in result.gaps),
            )
        level = logging.INFO if result.complete and result.rows > _ROUTINE_ROWS else logging.DEBUG
        logger.log(level, "%s: %d new candles in %.1f s", task.key, result.rows, result.duration)

    def _record_failure(
        self, task: Task, result: JobResult, error: Exception, duration: float, *, repeated: bool
    ) -> JobResult:
        if not isinstance(error, DccdError):
            logger.error("%s: unexpected error", task.key, exc_info=error)
        if self.health is not None:
            self.health.record_failure(
                task.job.exchange,
                task.pair,
                error=error,
                duration=duration,
                timeframe=task.qualifier,
                repeated=repeated,
            )
        else:
            logger.log(logging.DEBUG if repeated else logging.WARNING, "%s failed: %s", task.key, error)
        return replace(result, error=sanitize.describe(error), duration=round(duration, 3))

    def _held(self, breaker: Breaker, key: str, *, in_turn: bool) -> Hold | None:
        """Return why a job must not ask, after waiting for the end of a short rest."""
        now = self.clock.monotonic()
        hold = breaker.hold(key, now)
        if hold is None or hold.refused or (in_turn and not isinstance(hold.error, RateLimitedError)):
            return hold  # a scheduled job is due again soon, and others wait for their turns
        if 0 < hold.until - now <= _SHORT_REST_SECONDS:
            self.clock.wait(self.stop, hold.until - now)
            hold = breaker.hold(key, self.clock.monotonic())
        return hold

    def _error_of(self, hold: Hold, job: "HistoJob") -> Exception:
        if hold.refused:
            return hold.error
        until = format_time(self.clock.time() + max(0.0, hold.until - self.clock.monotonic()))
        return SourceUnavailableError(f"{job.exchange} is left alone until {until}: {hold.error}")

    def _note_failure(self, breaker: Breaker, task: Task, error: Exception, *, in_turn: bool) -> bool:
        """Tell the breaker of a failure and log once what follows; return whether the log has that already."""
        now, known = self.clock.monotonic(), breaker.was_refused(task.key, error)
        resting = breaker.is_resting
        hold = breaker.fail(task.key, error, now)
        if hold is None or (hold.refused and not in_turn):  # a job that runs once does not ask again
            return False
        wait = format_duration(hold.until - now)
        if hold.refused and not known:
            logger.warning("%s is refused, and asked for again every %s: %s", task.key, wait, error)
        elif not hold.refused and not resting:
            until = format_time(self.clock.time() + hold.until - now)
            logger.warning("%s is left alone by all its jobs, at first until %s: %s", task.job.exchange, until, error)
        return hold.refused

    def _exchange(self, job: "HistoJob") -> _Exchange:
        with self._lock:
            return self._exchanges.setdefault((job.exchange, job.base_url), _Exchange())

    def _source(self, exchange: _Exchange, job: "HistoJob") -> CandleSource:
        with self._lock:
            if exchange.source is None:
                exchange.source = open_source(
                    job.exchange,
                    base_url=job.base_url,
                    clock=self.clock,
                    timeout=self.timeout,
                    budget=self.budget,
                    stop=self.stop,
                )
            return exchange.source

    def _candles(self) -> CandleStore:
        with self._lock:
            if self._store is None:
                storage = self.config.storage
                self._store = CandleStore(
                    storage.local_path, fsync=storage.fsync, clock=self.clock, must_exist=storage.must_exist
                )
            return self._store
