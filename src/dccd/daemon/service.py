"""The daemon: collects until it is told to stop, takes up a changed configuration, and reports its state."""

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dccd import __version__
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.alerts import alerts_line, destinations_of
from dccd.daemon.process import Notifier, Orders, Runtime, missing_extras
from dccd.daemon.records import Presence
from dccd.daemon.sanitize import describe
from dccd.daemon.scheduler import CHECK_SECONDS
from dccd.daemon.state import Claim, read_alert_state, read_presence
from dccd.disk import open_state_directory
from dccd.errors import AlreadyRunningError, ConfigError, DccdError, UnknownSourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dccd.daemon.config import CollectorConfig

logger: logging.Logger = logging.getLogger(__name__)

# Shares of the time to stop after which runs, and then alerts, must be done; the rest is for the interpreter.
_RUNS_SHARE: Final = 0.75
_ALERTS_SHARE: Final = 0.95
# A reload waits so long for runs, and so long again for alerts.
_RELOAD_SECONDS: Final = 5.0


def serve(  # noqa: PLR0913 - keywords
    config: "CollectorConfig",
    orders: Orders,
    load: "Callable[[], CollectorConfig]",
    *,
    configure: "Callable[[CollectorConfig], None]" = lambda _: None,
    wait: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> bool:
    """Collect until told to stop; return whether all runs ended in time.

    With `wait`, wait until another daemon on the directory has ended, rather than raise `AlreadyRunningError`.
    """
    path = config.storage.local_path
    orders.shutdown_timeout = config.alerts.shutdown_timeout
    open_state_directory(path, must_exist=config.storage.must_exist)
    other = read_presence(path) if wait else None
    if other is not None and other.alive:
        logger.info("waiting until the daemon on %s, pid %d, has ended", path, other.pid)
    try:
        with Claim(path, wait=orders.stopped if wait else None, clock=clock) as claim:
            daemon = _Daemon(config, claim, orders, Notifier(), clock)
            return daemon.run(load, configure)
    except AlreadyRunningError:
        if wait and orders.stopped.is_set():
            return True
        raise


class _Daemon:
    """Runs one runtime after the other, and reports how they are."""

    def __init__(
        self, config: "CollectorConfig", claim: Claim, orders: Orders, notifier: Notifier, clock: Clock
    ) -> None:
        self._claim = claim
        self._orders = orders
        self._notifier = notifier
        self._clock = clock
        self._check_seconds = min(CHECK_SECONDS, (notifier.watchdog or CHECK_SECONDS * 4) / 4)
        now = clock.time()
        self._presence = Presence(os.getpid(), __version__, now, now, "running")
        self._troubled: list[str] = []
        self._unfinished: list[Runtime] = []
        claim.report(self._presence)  # or the presence of the daemon before would pass for ours
        self._runtime = self._make(config)

    def run(self, load: "Callable[[], CollectorConfig]", configure: "Callable[[CollectorConfig], None]") -> bool:
        self._start("started")
        while (order := self._orders.take()) != "stop":
            if order == "reload":
                self._reload(load, configure)
            else:
                self._tick()
        logger.info("stopping")
        self._notifier.stopping()
        self._report(state="stopping")
        self._end()
        self._report(state="stopped", next_runs={}, address=None)
        return not any(runtime.has_unfinished_runs for runtime in (*self._unfinished, self._runtime))

    def _make(self, config: "CollectorConfig") -> Runtime:
        return Runtime(config, self._check_seconds, self._ticked, self._clock)

    def _end(self) -> None:
        bound = self._runtime.config.alerts.shutdown_timeout
        until = self._clock.monotonic() + bound * _ALERTS_SHARE
        self._runtime.halt(bound * _RUNS_SHARE)
        logger.info("stopped")
        self._runtime.close(until - self._clock.monotonic())

    def _start(self, word: str) -> None:
        config = self._runtime.config
        data = config.storage.local_path
        gone = read_alert_state(data).gone
        count = len(self._runtime.jobs)
        logger.info("%s, jobs: %d, data: %s, %s", word, count, data, alerts_line(config.alerts, gone))
        _report_unknown_exchanges(config)
        for line in missing_extras(config):
            logger.warning("%s", line)
        if fault := self._runtime.health.persistence_fault:
            logger.error("records are kept in memory only: %s", fault)
        self._runtime.start(lambda: self._presence)
        self._report(
            jobs=count,
            next_runs=self._next_runs(),
            destinations=tuple(each.masked for each in destinations_of(config.alerts)),
            address=self._runtime.address,
        )
        self._notifier.ready(f"jobs: {count}")

    def _reload(self, load: "Callable[[], CollectorConfig]", configure: "Callable[[CollectorConfig], None]") -> None:
        self._notifier.reloading()
        before = self._runtime
        try:
            config = load()
            _refuse_to_move(before.config, config)
            if config == before.config:
                logger.info("reloaded: nothing has changed")
                self._notifier.ready(f"jobs: {len(before.jobs)}")
                return
            after = self._make(config)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new one, the old one goes on
            lines = str(error).splitlines() if isinstance(error, DccdError) else [describe(error)]
            for line in lines:
                logger.error("the changed configuration is refused, the old one stays: %s", line)  # noqa: TRY400
            self._notifier.ready("the changed configuration was refused")
            return
        configure(config)
        self._replace(before, after)
        self._orders.shutdown_timeout = config.alerts.shutdown_timeout
        self._report(reloaded_at=self._clock.time())
        self._start("reloaded")

    def _replace(self, before: Runtime, after: Runtime) -> None:
        if before.config.schedule == after.config.schedule:
            after.postpone(before.finished_jobs())
        before.halt(_RELOAD_SECONDS, lambda: self._notifier.alive("reloading"))
        before.close(_RELOAD_SECONDS)
        self._unfinished = [runtime for runtime in (*self._unfinished, before) if runtime.has_unfinished_runs]
        self._runtime = after

    def _ticked(self, troubled: list[str]) -> None:
        # In a thread of the scheduler, whose shutdown holds a lock while it waits for this thread: report elsewhere.
        self._troubled = troubled
        self._orders.tick()

    def _tick(self) -> None:
        """Report that the daemon is alive: the thread that checks the jobs is, and so is this one."""
        if not self._claim.is_held():
            self._orders.stop()
        self._report(ticked_at=self._clock.time(), next_runs=self._next_runs())
        self._notifier.alive(f"jobs: {self._presence.jobs}, in trouble: {len(self._troubled)}")

    def _next_runs(self) -> dict[str, float]:
        return {key: at.timestamp() for key, at in self._runtime.next_runs().items()}

    def _report(self, **changes: object) -> None:
        fault = self._runtime.health.persistence_fault
        self._presence = replace(self._presence, persistence=fault, **changes)  # type: ignore[arg-type]
        self._claim.report(self._presence)


def _refuse_to_move(before: "CollectorConfig", after: "CollectorConfig") -> None:
    if before.storage.local_path != after.storage.local_path:
        msg = "storage.local_path cannot change while dccd runs: restart it"
        raise ConfigError(msg)
    if before.log.file != after.log.file and "off" not in {before.log.file, after.log.file}:
        logger.warning("log.file stays %s until dccd is restarted", before.log.file)


def _report_unknown_exchanges(config: "CollectorConfig") -> None:
    from dccd.candles import check_exchange  # noqa: PLC0415 - loads ccxt

    for name in dict.fromkeys(job.exchange for job in config.histo_jobs):
        try:
            check_exchange(name)
        except UnknownSourceError as error:
            logger.error("its jobs will fail: %s", error)  # noqa: TRY400 - the line says it all
