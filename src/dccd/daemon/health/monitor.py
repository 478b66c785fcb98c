"""Watch over jobs: durable metrics, one log file, alerts that arrive once."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dccd.clock import Clock
from dccd.daemon import sanitize
from dccd.daemon.health.engine import Engine
from dccd.daemon.health.metrics_by_key import MetricsByKey
from dccd.daemon.health.run import Run
from dccd.daemon.health.settings import KnownJobs, MonitorSettings
from dccd.daemon.records import (
    JobMetrics,
    JobRecord,
    Keyed,
    Outcome,
    claims,
    expect,
    expect_scheduled,
    expectation,
    keys,
    reservations,
)
from dccd.daemon.state import MetricsStore, read_records

if TYPE_CHECKING:
    from types import TracebackType

    import requests

    from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob


def read_metrics(local_path: str | os.PathLike[str]) -> dict[str, JobMetrics]:
    """Return the metrics kept under a directory, without a monitor.

    Nothing is written, sent or logged, so any process may look at any time.

    Parameters
    ----------
    local_path : str or os.PathLike
        Root data directory, as given to `HealthMonitor`.

    Returns
    -------
    dict of str to JobMetrics
        Keys are ``'{exchange}/{pair}'`` strings; empty where nothing was recorded.

    Raises
    ------
    StorageError
        If the file cannot be read, or is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.daemon.health import read_metrics
    >>> with tempfile.TemporaryDirectory() as tmp:
    ...     read_metrics(tmp)
    {}
    """
    return MetricsByKey(
        (key, record.metrics) for key, record in read_records(local_path).items() if not record.is_only_reserved
    )


class HealthMonitor:
    """Keep the health of jobs: metrics on disk, a log of the process, alerts to a webhook.

    A monitor does three things:

    1. **Rotating log.** While it is open, a `RotatingFileHandler` (10 MB, 5 backups) on the root logger writes what
       any part of the process logs to ``{local_path}/.dccd/dccd.log``, besides its other handlers.
    2. **Metrics of each job.** `record_success` and `record_failure` change the `JobMetrics` of an
       ``(exchange, pair)`` key, and each call leaves the whole of ``{local_path}/.dccd/metrics.json`` on the disk.
       A new monitor continues with what it finds there.
    3. **Alerts.** When ``errors_count`` reaches ``alerts.max_consecutive_errors``, a message goes to
       ``alerts.webhook_url`` (Slack, Discord or any other receiver of JSON), and another when the job works again.
       Without a URL nothing is ever sent.

    Embed it where you run jobs of your own; `run_once`, `build_histo_scheduler` and the ``dccd`` command make one by
    themselves.

    Parameters
    ----------
    local_path : str or Path
        Root data directory (``CollectorConfig.storage.local_path``). ``{local_path}/.dccd/`` is created in it.
    alerts : AlertConfig
        Where alerts go, and after how many failures; default ``AlertConfig()``, which sends nothing.

    Raises
    ------
    StorageError
        If the directory cannot be created or written. Recording never raises.

    Notes
    -----
    The handler sits on the root logger on purpose: what APScheduler, ccxt or your own code log is in the same file,
    in order. Root passes on warnings and more unless you lower its level; records of dccd itself are kept from
    ``INFO``. A handler on root turns off Python's last resort and makes a later `logging.basicConfig` do nothing:
    configure your own logging first. Where there was none, the monitor shows warnings on stderr.

    `record_failure` only records. The exception stays with the caller: it is neither raised nor swallowed here.

    A call returns when its outcome is on the disk, and never waits for the network: a background thread sends the
    alerts, and `close`, or the end of the interpreter, sends what is left. In asyncio use
    ``await asyncio.to_thread(monitor.record_success, ...)``, as writing takes about a millisecond.

    Any number of threads and processes may record to one directory.

    Examples
    --------
    In a collection loop of your own:

    >>> from dccd.daemon.config import AlertConfig
    >>> from dccd.daemon.health import HealthMonitor
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as tmp:
    ...     with HealthMonitor(tmp, AlertConfig()) as monitor:  # no URL, no alerts
    ...         monitor.record_success("binance", "BTC/USDT", rows=120)
    ...         monitor.record_success("binance", "BTC/USDT", rows=95)
    ...         try:
    ...             raise TimeoutError("no answer in 10 s")
    ...         except TimeoutError:
    ...             monitor.record_failure("kraken", "ETH/USD")
    ...         metrics = monitor.get_metrics()
    >>> metrics["binance/BTC/USDT"].rows_collected
    215
    >>> metrics["kraken/ETH/USD"].errors_count, metrics["kraken/ETH/USD"].last_error
    (1, 'TimeoutError: no answer in 10 s')
    """

    def __init__(self, local_path: str | os.PathLike[str], alerts: "AlertConfig | None" = None) -> None:
        self._engine = Engine(local_path, _no_alerts() if alerts is None else alerts, MonitorSettings())
        self._known = KnownJobs({}, {})

    @classmethod
    def from_config(
        cls, config: "CollectorConfig", *, session: "requests.Session | None" = None, clock: Clock | None = None
    ) -> Self:
        """Make a monitor with all the settings of a configuration.

        Parameters
        ----------
        config : CollectorConfig
            Its storage, alert and log settings are used, and the thresholds of its jobs.
        session : requests.Session, optional
            Makes the requests of alerts: for proxies, certificates, tests. It is not closed. Where there are several
            destinations, several threads use it at a time.
        clock : Clock, optional
            Where the time comes from.

        Returns
        -------
        HealthMonitor
            Open.

        Raises
        ------
        StorageError
            If the directory cannot be created or written.

        Examples
        --------
        >>> import tempfile
        >>> from dccd.daemon.config import CollectorConfig, StorageConfig
        >>> from dccd.daemon.health import HealthMonitor
        >>> with tempfile.TemporaryDirectory() as tmp:
        ...     config = CollectorConfig(storage=StorageConfig(local_path=tmp, fsync=False))
        ...     with HealthMonitor.from_config(config) as monitor:
        ...         monitor.get_metrics()
        {}
        """
        monitor = cls.__new__(cls)
        monitor._engine = Engine(  # noqa: SLF001 - its own class
            config.storage.local_path, config.alerts, MonitorSettings.of(config, session, clock)
        )
        monitor._known = KnownJobs.of(config.histo_jobs, monitor.records)  # noqa: SLF001
        return monitor

    @property
    def _store(self) -> MetricsStore:
        return self._engine.store

    @property
    def local_path(self) -> Path:
        """Root data directory, absolute."""
        return self._engine.local_path

    @property
    def persistence_fault(self) -> str | None:
        """Why records are kept in memory only, or None while they reach the disk."""
        return self._store.fault

    @property
    def records(self) -> dict[str, JobRecord]:
        """Records of the jobs by key, with what has not reached the disk yet."""
        return self._store.snapshot()

    @property
    def under_way(self) -> frozenset[str]:
        """Keys of the jobs whose runs are under way in `track` or `watching`."""
        return frozenset(self._engine.runs.started_at())

    def record_success(  # noqa: PLR0913 - keywords
        self,
        exchange: str,
        pair: str,
        rows: int = 0,
        *,
        duration: float | None = None,
        timeframe: str | None = None,
        newest_at: float | None = None,
        rows_missing: int = 0,
    ) -> None:
        """Record that a job ended well.

        Parameters
        ----------
        exchange : str
            Name of the exchange (``'binance'``).
        pair : str
            Trading pair (``'BTC/USDT'``).
        rows : int, optional
            Rows that are new, default 0; anything but a number of rows is recorded as 0, with a warning.
        duration : float, optional
            Seconds it took.
        timeframe : str, optional
            Set it where a pair has several jobs; the key is then ``'{exchange}/{pair}@{timeframe}'``.
        newest_at : float, optional
            Up to when the job now has data, Unix seconds; see `expect`.
        rows_missing : int, optional
            Rows that should have been there and were not; the notice of a recovery shows the number.
        """
        key = sanitize.to_key(exchange, pair, timeframe)
        outcome = Outcome(
            ok=True,
            rows=sanitize.to_row_count(rows, key),
            duration=sanitize.to_seconds(duration, "duration", key),
            newest_at=sanitize.to_seconds(newest_at, "newest_at", key),
            rows_missing=sanitize.to_row_count(rows_missing, key),
            timeframe=self._known.timeframes.get(key),
        )
        self._engine.record(key, outcome)

    def record_failure(  # noqa: PLR0913 - keywords
        self,
        exchange: str,
        pair: str,
        *,
        error: BaseException | str | None = None,
        duration: float | None = None,
        timeframe: str | None = None,
        repeated: bool = False,
    ) -> None:
        """Record that a job failed.

        Parameters
        ----------
        exchange : str
            Name of the exchange.
        pair : str
            Trading pair.
        error : BaseException or str, optional
            What went wrong; default the exception being handled, if there is one. It is kept redacted and cut.
        duration : float, optional
            Seconds it took.
        timeframe : str, optional
            Set it where a pair has several jobs.
        repeated : bool, optional
            Whether the same failure was logged before; it counts, but is logged at DEBUG.
        """
        text = sanitize.describe(sys.exception() if error is None else error)
        key = sanitize.to_key(exchange, pair, timeframe)
        spent = sanitize.to_seconds(duration, "duration", key)
        outcome = Outcome(
            ok=False,
            error=text,
            duration=spent,
            max_consecutive_errors=self._known.thresholds.get(key),
            timeframe=self._known.timeframes.get(key),
        )
        self._engine.record(key, outcome, logging.DEBUG if repeated else logging.WARNING)

    @contextmanager
    def track(self, exchange: str, pair: str, *, timeframe: str | None = None) -> Iterator[Run]:
        """Time a job and record how it ends.

        An exception is recorded as a failure and raised to the caller. Cancellation, `KeyboardInterrupt`, `SystemExit`
        and `GeneratorExit` are no failures of the job, nor is a group of nothing else: nothing is recorded then.

        Parameters
        ----------
        exchange : str
            Name of the exchange.
        pair : str
            Trading pair.
        timeframe : str, optional
            Set it where a pair has several jobs.

        Yields
        ------
        Run
            Set its ``rows`` to the number of rows collected.

        Examples
        --------
        >>> import tempfile
        >>> from dccd.daemon.config import AlertConfig
        >>> from dccd.daemon.health import HealthMonitor
        >>> with tempfile.TemporaryDirectory() as tmp, HealthMonitor(tmp, AlertConfig()) as monitor:
        ...     with monitor.track("kraken", "BTC/USD") as run:
        ...         run.rows = 720
        ...     print(monitor.get_metrics()["kraken/BTC/USD"].rows_collected)
        720
        """
        run, clock = Run(), self._engine.settings.clock
        started = clock.monotonic()
        try:
            with self.watching(sanitize.to_key(exchange, pair, timeframe)):
                yield run
        except BaseException as error:
            if sanitize.is_failure(error):
                spent = clock.monotonic() - started
                self.record_failure(exchange, pair, error=error, duration=spent, timeframe=timeframe)
            raise
        else:
            spent = clock.monotonic() - started
            self.record_success(exchange, pair, run.rows, duration=spent, timeframe=timeframe, newest_at=run.newest_at)

    @contextmanager
    def watching(self, key: str) -> Iterator[None]:
        """Let `check` know that a run is under way; the caller records its outcome.

        Parameters
        ----------
        key : str
            Key of the job.

        Yields
        ------
        None
            The run lasts as long as the context.
        """
        with self._engine.runs.running(key):
            yield

    def expect(  # noqa: PLR0913 - keywords
        self,
        exchange: str,
        pair: str,
        *,
        every: float | str,
        grace: float | str | None = None,
        max_age: float | str | None = None,
        timeframe: str | None = None,
    ) -> None:
        """Say how often a job should run, so that `check` notices when it does not.

        Parameters
        ----------
        exchange : str
            Name of the exchange.
        pair : str
            Trading pair.
        every : float or str
            Time between two runs: seconds, or ``30s``, ``10m``, ``4h``, ``2d``.
        grace : float or str, optional
            Time that a run may be late; default half of `every`, at least a minute.
        max_age : float or str, optional
            Age at which the newest data (``newest_at`` of `record_success`) are old; default never.
        timeframe : str, optional
            Set it where a pair has several jobs.

        Raises
        ------
        ValueError
            If a time is not a duration.

        Notes
        -----
        The expectation is kept on disk: the next process notices a run that did not come while none was there, and a
        restart gives no job more time. A dead process notices nothing; ``alerts.heartbeat_url`` is for that.

        Examples
        --------
        >>> import tempfile
        >>> from dccd.daemon.config import AlertConfig
        >>> from dccd.daemon.health import HealthMonitor
        >>> with tempfile.TemporaryDirectory() as tmp, HealthMonitor(tmp, AlertConfig()) as monitor:
        ...     monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        ...     monitor.check()
        []
        """
        wanted = expectation(self._engine.settings.clock.time(), every, grace, max_age)
        self._engine.update({sanitize.to_key(exchange, pair, timeframe): partial(expect, expected=wanted)})

    def claim(self, jobs: "Iterable[HistoJob]") -> list[Keyed]:
        """Reserve the keys of configured jobs, and return each series with its key.

        The plain key of a pair belongs to the timeframe that had it first, until its record is forgotten.

        Parameters
        ----------
        jobs : iterable of HistoJob
            ``CollectorConfig.histo_jobs``.

        Returns
        -------
        list of tuple of str, HistoJob and str
            Key, job and pair, in the order of the jobs.
        """
        jobs = list(jobs)
        records = self.records
        self._engine.update(claims(reservations(jobs, records), records))
        records = self.records  # another process may have been first
        self._known = KnownJobs.of(jobs, records)
        return keys(jobs, records)

    def expect_only(self, jobs: Mapping[str, tuple[float, float | None]]) -> None:
        """Set which jobs a scheduler runs, and retire those that it no longer runs.

        Parameters
        ----------
        jobs : mapping of str to tuple of float and float or None
            By key: seconds between two runs, and seconds after which the newest data are old, None for never.
        """
        engine = self._engine
        engine.update(expect_scheduled(jobs, self._store.snapshot(), engine.alerts, engine.settings.clock.time()))

    def check(self) -> list[str]:
        """Look for runs that never came, runs that do not end, and data that stopped.

        Call it now and then from your own loop; the scheduler does so by itself. Each finding is an incident of its
        own and alerts at once. Notices that an ended process left owed are sent, too. With ``alerts.heartbeat_url`` a
        ping follows.

        Returns
        -------
        list of str
            Keys of the jobs that are in trouble, failing ones included.
        """
        return list(self._engine.check().troubled)

    def get_metrics(self) -> dict[str, JobMetrics]:
        """Return the metrics as they are now, with what other processes recorded.

        Returns
        -------
        dict of str to JobMetrics
            Keys are ``'{exchange}/{pair}'`` strings. The dict is yours, and its values never change.
        """
        return MetricsByKey(
            (key, record.metrics) for key, record in self._store.snapshot().items() if not record.is_only_reserved
        )

    def flush(self, timeout: float = 10.0) -> bool:
        """Send the alerts that are due and write what is kept in memory, now.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which to give up; what is left stays owed.

        Returns
        -------
        bool
            Whether nothing is left.
        """
        engine = self._engine
        written = self._store.flush()
        return engine.outbox.drain(engine.settings.clock.monotonic() + timeout) and written

    def close(self, timeout: float | None = None) -> None:
        """Send what is owed and remove the log handler.

        Closing twice does nothing. The next monitor on the directory sends what could not be sent.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which to give up; default ``alerts.shutdown_timeout``.
        """
        bound = self._engine.alerts.shutdown_timeout if timeout is None else timeout
        self._engine.close(self._engine.settings.clock.monotonic() + bound)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self.close()


def _no_alerts() -> "AlertConfig":
    from dccd.daemon.config import AlertConfig  # noqa: PLC0415 - pydantic takes 70 ms

    return AlertConfig()
