"""The daemon: collects until it is told to stop, takes up changes, and says how it is."""

import logging
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dccd import __version__
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.alerts import alerts_line, destinations_of
from dccd.daemon.process import Notifier, Orders, Runtime
from dccd.daemon.records import Presence
from dccd.daemon.scheduler import CHECK_SECONDS
from dccd.daemon.state import Claim, read_alert_state, read_presence
from dccd.disk import open_state_directory
from dccd.errors import AlreadyRunningError, ConfigError, DccdError, UnknownSourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dccd.daemon.config import CollectorConfig

logger: logging.Logger = logging.getLogger(__name__)

# Of the time to stop, what runs may take, and when alerts have to be done; the rest is for the interpreter.
_RUNS_SHARE: Final = 0.75
_ALERTS_SHARE: Final = 0.95
# At a reload the daemon is away for no longer than this, twice: for runs, and for alerts.
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
    """Collect until told to stop."""
    path = config.storage.local_path
    orders.shutdown_timeout = config.alerts.shutdown_timeout
    open_state_directory(path)
    other = read_presence(path) if wait else None
    if other is not None and other.alive:
        logger.info("waiting for the daemon that is at work on %s, pid %d, to end", path, other.pid)
    try:
        with Claim(path, wait=orders.stopped if wait else None, clock=clock) as claim:
            daemon = _Daemon(config, claim, orders, Notifier(), clock)
            return daemon.run(load, configure)
    except AlreadyRunningError:
        if wait and orders.stopped.is_set():
            return True
        raise


class _Daemon:
    """Generations, one after the other, and what is said of them."""

    def __init__(
        self, config: "CollectorConfig", claim: Claim, orders: Orders, notifier: Notifier, clock: Clock
    ) -> None:
        self._claim = claim
        self._orders = orders
        self._notifier = notifier
        self._clock = clock
        self._every = min(CHECK_SECONDS, (notifier.watchdog or CHECK_SECONDS * 4) / 4)
        now = clock.time()
        self._said = Presence(os.getpid(), __version__, now, now, "running")
        self._troubled: list[str] = []
        claim.say(self._said)  # what a daemon before said would be taken for ours
        self._generation = self._make(config)
        self._left: list[Runtime] = []

    def run(self, load: "Callable[[], CollectorConfig]", configure: "Callable[[CollectorConfig], None]") -> bool:
        self._begin("started")
        while (order := self._orders.take()) != "stop":
            if order == "reload":
                self._reload(load, configure)
            else:
                self._tick()
        logger.info("stopping")
        self._notifier.stopping()
        self._say(state="stopping")
        self._end()
        self._say(state="stopped", next_runs={}, address=None)
        return not any(generation.lingers for generation in (*self._left, self._generation))

    def _make(self, config: "CollectorConfig") -> Runtime:
        return Runtime(config, self._every, self._ticked, self._clock)

    def _end(self) -> None:
        bound = self._generation.config.alerts.shutdown_timeout
        until = self._clock.monotonic() + bound * _ALERTS_SHARE
        self._generation.halt(bound * _RUNS_SHARE)
        logger.info("stopped")
        self._generation.close(until - self._clock.monotonic())

    def _begin(self, word: str) -> None:
        config = self._generation.config
        data = config.storage.local_path
        gone = read_alert_state(data).gone
        count = len(config.jobs_by_key())
        logger.info("%s, jobs: %d, data: %s, %s", word, count, data, alerts_line(config.alerts, gone))
        _warn_of_unknown(config)
        if fault := self._generation.health.persistence_fault:
            logger.error("records are kept in memory only: %s", fault)
        self._generation.start(lambda: self._said)
        self._say(
            jobs=count,
            next_runs={key: at.timestamp() for key, at in self._generation.next_runs().items()},
            destinations=tuple(each.masked for each in destinations_of(config.alerts)),
            address=self._generation.address,
        )
        self._notifier.ready(f"jobs: {count}")

    def _reload(self, load: "Callable[[], CollectorConfig]", configure: "Callable[[CollectorConfig], None]") -> None:
        self._notifier.reloading()
        before = self._generation
        try:
            config = load()
            _refuse_to_move(before.config, config)
            if config == before.config:
                logger.info("reloaded: nothing has changed")
                self._notifier.ready(f"jobs: {len(config.jobs_by_key())}")
                return
            after = self._make(config)
        except DccdError as error:
            for line in str(error).splitlines():
                logger.error("the changed configuration is refused, the old one stays: %s", line)  # noqa: TRY400
            self._notifier.ready("the changed configuration was refused")
            return
        configure(config)
        self._replace(before, after)
        self._orders.shutdown_timeout = config.alerts.shutdown_timeout
        self._say(reloaded_at=self._clock.time())
        self._begin("reloaded")

    def _replace(self, before: Runtime, after: Runtime) -> None:
        if before.config.schedule == after.config.schedule:
            after.spare(before.settled())
        before.halt(_RELOAD_SECONDS, lambda: self._notifier.alive("reloading"))
        before.close(_RELOAD_SECONDS)
        self._left = [generation for generation in (*self._left, before) if generation.lingers]
        self._generation = after

    def _ticked(self, troubled: list[str]) -> None:
        # In a thread of the scheduler, which holds a lock while it waits for its threads to end: say nothing here.
        self._troubled = troubled
        self._orders.tick()

    def _tick(self) -> None:
        """Say that the daemon is alive: the thread that looks at the jobs is, and so is this one."""
        self._say(
            ticked_at=self._clock.time(),
            next_runs={key: at.timestamp() for key, at in self._generation.next_runs().items()},
        )
        self._notifier.alive(f"jobs: {self._said.jobs}, in trouble: {len(self._troubled)}")

    def _say(self, **changes: object) -> None:
        fault = self._generation.health.persistence_fault
        self._said = replace(self._said, persistence=fault, **changes)  # type: ignore[arg-type]
        self._claim.say(self._said)


def _refuse_to_move(before: "CollectorConfig", after: "CollectorConfig") -> None:
    if before.storage.local_path != after.storage.local_path:
        msg = "storage.local_path cannot change while dccd runs: restart it"
        raise ConfigError(msg)
    if before.log.file != after.log.file and "off" not in {before.log.file, after.log.file}:
        logger.warning("log.file stays %s until dccd is restarted", before.log.file)


def _warn_of_unknown(config: "CollectorConfig") -> None:
    from dccd.candles import check_exchange  # noqa: PLC0415 - loads ccxt

    for name in dict.fromkeys(job.exchange for job in config.histo_jobs):
        try:
            check_exchange(name)
        except UnknownSourceError as error:
            logger.error("its jobs will fail: %s", error)  # noqa: TRY400 - the line says it all
