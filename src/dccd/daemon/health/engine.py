"""The parts of a monitor at work."""

import logging
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd import forks, interrupts
from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon import logs, sanitize
from dccd.daemon.alerts import Outbox
from dccd.daemon.health.heartbeat import Heartbeat
from dccd.daemon.health.running import RunsUnderWay
from dccd.daemon.logs import utc
from dccd.daemon.records import Findings, JobRecord, Outcome, Transition, advance, announce, find_trouble
from dccd.daemon.state import MetricsStore, Ticket, close_store, has_one_user, share_store
from dccd.disk import MountedDirectory, files, mounted_directory, open_state_directory
from dccd.errors import StorageError
from dccd.exit_hooks import opened
from dccd.redact import hide_secrets
from dccd.worker import Worker

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig
    from dccd.daemon.health.settings import MonitorSettings

logger: logging.Logger = logging.getLogger("dccd.daemon.health")
_watchdog_logger: logging.Logger = logging.getLogger("dccd.daemon.watchdog")

_DISK_RETRY_SECONDS: Final = 5.0
_LAST_PING_SECONDS: Final = 1.0
_CHILDREN_SECONDS: Final = 2.0  # between two looks for what children recorded, who may be killed


class Engine:
    """Log, store, outbox, heartbeat and background thread of a monitor, from construction to `close`."""

    def __init__(self, local_path: str | os.PathLike[str], alerts: "AlertConfig", settings: "MonitorSettings") -> None:
        self.local_path: Path = _absolute(local_path)
        self.settings = settings
        self.alerts = alerts
        self._closing = forks.ForkLock()
        self._has_children = False
        self._undo = ExitStack()
        self._secrets = ExitStack()
        self._secrets.enter_context(hide_secrets(*alerts.secrets))
        try:
            self.store: MetricsStore = self._open_log_and_store()
            self.runs: RunsUnderWay = RunsUnderWay(settings.clock)
            source = alerts.source or socket.gethostname()
            self.outbox: Outbox = Outbox(self.store, alerts, self.local_path, source, settings.clock, settings.session)
            self._heartbeat = Heartbeat(alerts.heartbeat_url, self.outbox.beat, settings.clock)
            self._worker = Worker(self._work, settings.clock)
        except BaseException:
            self._undo.close()
            self._secrets.close()
            raise
        opened.add(self, self._deadline, self.close)
        forks.renew_in_child(self)
        forks.tell_of_forks(self)
        self._resume()

    @override
    def __reduce__(self) -> tuple[type["Engine"], tuple[Path, "AlertConfig", "MonitorSettings"]]:
        """Have a child of multiprocessing, to which this is sent, open the same directory with the same settings.

        The secrets of its alerts go with it, as a child cannot send without them; no session and no clock does.
        """
        self.has_forked()
        return Engine, (self.local_path, self.alerts, replace(self.settings, session=None, clock=SYSTEM_CLOCK))

    def has_forked(self) -> None:
        """Look from now on for what children leave: one that is killed sends nothing."""
        if self.outbox.is_on:
            self._has_children = True
            self._worker.wake()

    def renew(self) -> None:
        """Leave the other children to the parent, in the child of a fork."""
        self._has_children = False

    def record(self, key: str, outcome: Outcome, level: int = logging.WARNING) -> None:
        """Record and log an outcome; an error is logged and never raised, as recording must not hurt the job.

        What a signal handler of the program raises meanwhile reaches the program, and the outcome is kept all the same.
        """
        ticket: Ticket | None = None
        try:
            ticket = self._ticket(key, outcome)
            after = self._commit(ticket)
        except BaseException as error:
            if interrupts.is_interrupt(error):
                self.store.keep(ticket or self._ticket(key, outcome))
                self._worker.wake()
                raise
            with interrupts.suppress(Exception):  # of a handler of the program's own, that raises
                logger.error("an outcome of %s could not be recorded: %s", key, sanitize.describe(error))  # noqa: TRY400
        else:
            with interrupts.suppress(Exception):  # as above
                _log(key, outcome, after.get(key), level)

    def update(self, changes: Mapping[str, Transition]) -> dict[str, JobRecord]:
        """Commit changes, and wake the background thread if there are notices to send or a disk fault."""
        return self._commit(Ticket(changes)) if changes else {}

    def check(self) -> Findings:
        """Look for trouble that no outcome reports, commit and log it, and request a heartbeat."""
        now = self.settings.clock.time()
        findings = find_trouble(self.store.snapshot(), self.runs.started_at(), self.alerts, now)
        self.update(findings.changes)
        for key, incident in findings.opened:
            _watchdog_logger.warning("%s: %s since %s", key, incident.kind, utc(incident.since))
        self._heartbeat.request()
        if self.outbox.owes():  # a process that is gone may have left notices owed
            self._worker.wake()
        return findings

    def close(self, until: float) -> None:
        """Send what is owed and remove the log handler, until a time of the monotonic clock; only once."""
        with self._closing:
            if self not in opened:
                return
            opened.discard(self)
            self.store.flush()
            self.outbox.drain(until)
            has_ended = self._worker.stop(max(0.1, until - self.settings.clock.monotonic()))
            if (fault := self.store.fault) and has_one_user(self.store):
                logger.error("records are lost with this process: %s", fault)
            self.outbox.close()  # which cuts a ping short
            has_ended &= self._heartbeat.stop(_LAST_PING_SECONDS)
            self._undo.close()
            if has_ended:  # a request left behind may still be logged, with its address
                self._secrets.close()

    def _ticket(self, key: str, outcome: Outcome) -> Ticket:
        now = round(self.settings.clock.time(), 3)
        return Ticket({key: partial(advance, outcome=outcome, alerts=self.alerts, now=now)})

    def _commit(self, ticket: Ticket) -> dict[str, JobRecord]:
        opened.hook_into_multiprocessing()
        after = self.store.commit(ticket)
        is_queued = len(after) < len(ticket.changes)  # by a signal handler in a commit: what is owed is known after it
        owed = self.outbox.is_on and (is_queued or any(record.owed for record in after.values()))
        if owed or self.store.fault is not None:
            self._worker.wake()
        return after

    def _open_log_and_store(self) -> MetricsStore:
        settings = self.settings
        directory = open_state_directory(self.local_path, must_exist=settings.must_exist)
        # Kept for those who write here for a moment: while there is a monitor, the directory stays the one it was.
        self._data: MountedDirectory = mounted_directory(self.local_path)
        # The log first, as the store may report a damaged file.
        if settings.log_file != "off":
            log = logs.attach(directory, form=settings.log_file, level=settings.log_level)
            self._undo.callback(logs.detach, log)
        store = share_store(directory, fsync=settings.fsync, clock=settings.clock)
        self._undo.callback(close_store, store, fsync=settings.fsync)
        return store

    def _resume(self) -> None:
        """Announce incidents nobody was told of, and send the notices that an earlier process left owed."""
        if not self.outbox.is_on:
            return
        now = self.settings.clock.time()
        untold = [
            key
            for key, record in self.store.snapshot().items()
            if any(incident.notices == 0 for incident in record.incidents)
        ]
        if untold:
            self.store.update({key: partial(announce, alerts=self.alerts, now=now) for key in untold})
        if self.outbox.owes():
            self._worker.wake()

    def _work(self) -> float | None:
        written = self.store.flush()
        waits = [self.outbox.deliver(window=self.alerts.group_window)]
        waits += [_DISK_RETRY_SECONDS] * (not written) + [_CHILDREN_SECONDS] * self._has_children
        return min((wait for wait in waits if wait is not None), default=None)

    def _deadline(self) -> float:
        return self.settings.clock.monotonic() + self.alerts.shutdown_timeout


def _absolute(local_path: str | os.PathLike[str]) -> Path:
    try:
        return Path(local_path).expanduser().absolute()
    except RuntimeError:
        msg = f"{local_path} cannot be used: its home directory is unknown; give an absolute path"
    except OSError as error:
        msg = f"{local_path} cannot be used: {files.describe(error)}"
    raise StorageError(msg) from None


def _log(key: str, outcome: Outcome, after: JobRecord | None, level: int) -> None:
    if outcome.ok:
        logger.debug("%s: %d rows", key, outcome.rows)
    else:
        error = outcome.error or "no error given"
        streak = "" if after is None else f", {after.metrics.errors_count} in a row"
        logger.log(level, "%s failed%s: %s", key, streak, error)
