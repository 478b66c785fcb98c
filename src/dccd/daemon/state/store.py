"""The records of all jobs in one file, durable after each call and shared between threads and processes."""

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.records import JobRecord, Transition
from dccd.daemon.state.lazy_records import Records
from dccd.daemon.state.metrics_file import METRICS_FILE, MetricsFile, read_content, text_of
from dccd.disk import STATE_DIRECTORY, SYSTEM, System, check_format, files, make_directory
from dccd.errors import StorageError
from dccd.forks import renew_in_child

logger: logging.Logger = logging.getLogger("dccd.daemon.store")

LOCK_TIMEOUT_SECONDS: Final = 2.0
_LOCK_TIMEOUT_IN_FAULT_SECONDS: Final = 0.05  # while there is a fault: a job must not wait two seconds at each record
_RECHECK_SECONDS: Final = 1.0


@dataclass(slots=True, eq=False)
class _Ticket:
    """Changes that wait for a commit, and what became of the records."""

    changes: Mapping[str, Transition]
    after: dict[str, JobRecord] = field(default_factory=dict)
    error: Exception | None = None
    done: bool = False
    thread: int = field(default_factory=threading.get_ident)

    def result(self) -> dict[str, JobRecord]:
        """Return the changed records, or raise what a transition raised."""
        if self.error is not None:
            raise self.error
        after, self.after = self.after, {}  # the ticket may have to wait for the disk for hours
        return after


def read_records(local_path: str | os.PathLike[str]) -> dict[str, JobRecord]:
    """Return the records kept under a directory, opening nothing for writing."""
    path = Path(local_path) / STATE_DIRECTORY / METRICS_FILE
    check_format(Path(local_path))
    try:
        if files.signature(path) is None:
            return {}
        return Records(read_content(path.read_bytes()).records).all()
    except FileNotFoundError:
        return {}
    except OSError as error:
        msg = f"{path} cannot be read: {files.describe(error)}"
        raise StorageError(msg) from None
    except ValueError:
        msg = f"{path} is damaged; the next monitor sets it aside and begins a new one"
        raise StorageError(msg) from None


class MetricsStore:
    """Records of jobs in ``metrics.json``.

    Callers that arrive while a commit is under way share the next one. A commit that fails keeps its changes in
    memory; each later commit tries them again, on top of whatever other processes wrote meanwhile.

    A child of `os.fork` goes on with what is on the disk: what waits in memory is the parent's to write.
    """

    def __init__(
        self, directory: Path, *, fsync: bool = True, clock: Clock = SYSTEM_CLOCK, system: System = SYSTEM
    ) -> None:
        self.directory: Path = make_directory(directory)
        self.fsync = fsync
        self._leader: int | None = None
        self._looker: int | None = None
        self._forget()
        self._file = self._open(clock, system)
        self._speak()
        renew_in_child(self)

    @property
    def fault(self) -> str | None:
        """Why records are kept in memory only, or None while they reach the disk."""
        return self._fault

    def update(self, changes: Mapping[str, Transition]) -> dict[str, JobRecord]:
        """Apply transitions to the records in one atomic commit."""
        ticket = _Ticket(changes)
        if ticket.thread in (self._leader, self._looker):
            self._queue.append(ticket)
            return {}
        try:
            with self._lock:
                if changes or self._leader is not None:  # nothing waits in memory with nothing to write
                    self._queue.append(ticket)
                while self._leader is not None and not ticket.done:
                    self._turn.wait(_RECHECK_SECONDS)
                if ticket.done:
                    return ticket.result()
                self._leader = ticket.thread
            self._lead(ticket.thread)
        finally:
            # A signal handler that raises comes here too: a leader that is gone would stop all others.
            if self._leader == ticket.thread:
                self._leader = None
                with self._lock:
                    self._turn.notify_all()
        self._catch_up(ticket.thread)
        self._speak()
        return ticket.result()

    def flush(self) -> bool:
        """Try to write what is kept in memory."""
        if self._fault is not None or self._pending or self._queue:
            self.update({})
        return self._fault is None

    def snapshot(self) -> dict[str, JobRecord]:
        """Return all records, with what other processes wrote since."""
        thread = threading.get_ident()
        with self._commit_lock:
            if thread in (self._leader, self._looker):  # a signal handler in the middle of either
                return self._known()
            self._looker = thread
            try:
                self._look()
                known = self._known()
            finally:
                self._looker = None
        self._catch_up(thread)
        self._speak()
        return known

    def renew(self) -> None:
        """Begin anew in the child of a fork."""
        self._forget()
        self._file.renew()

    def _forget(self) -> None:
        self._pending: list[_Ticket] = []
        self._tried = 0
        self._start_again()
        self._fault: str | None = None
        self._said: list[tuple[int, str]] = []
        self._queue: list[_Ticket] = []
        # Not the context of the condition: a signal handler may raise in it, and leave the lock taken.
        self._lock = threading.RLock()
        self._turn = threading.Condition(self._lock)
        self._leader = self._looker = None
        self._commit_lock = threading.RLock()

    def _open(self, clock: Clock, system: System) -> MetricsFile:
        try:
            file = MetricsFile(self.directory, clock=clock, system=system)
            with suppress(TimeoutError), file.lock(LOCK_TIMEOUT_SECONDS):
                file.clean()
                file.refresh(set_aside=True)
                self._take_news(file)
                return file
        except OSError as error:
            msg = f"{error.filename or self.directory} cannot be used: {files.describe(error)}"
            raise StorageError(msg) from None
        self._fail(f"another process holds the lock of {file.path}: stop it if it hangs")
        return file

    def _look(self) -> None:
        # Of a fault the next commit tells; until then memory is what is known.
        with suppress(OSError, ValueError):
            if self._file.refresh(set_aside=False):
                self._start_again()
        self._apply_rest()

    def _known(self) -> dict[str, JobRecord]:
        merged = self._file.records.all() | self._overlay
        return {key: record for key, record in merged.items() if record is not None}

    def _catch_up(self, thread: int) -> None:
        """Commit what a signal handler recorded in the middle of something."""
        if self._has_queued(thread):
            self.update({})

    def _has_queued(self, thread: int) -> bool:
        return any(ticket.thread == thread for ticket in self._queue[:])  # a leader may shorten it meanwhile

    def _lead(self, own: int) -> None:
        """Commit for all who wait; what comes from this very thread meanwhile cannot wait for itself."""
        with self._commit_lock:
            self._commit()
            while self._has_queued(own):
                self._commit()

    def _commit(self) -> None:
        batch = self._queue[:]  # others go on to append
        last = len(batch)
        self._pending += batch  # no call between the two, in which a signal handler could raise
        del self._queue[:last]
        lock = self._file.lock(LOCK_TIMEOUT_SECONDS if self._fault is None else _LOCK_TIMEOUT_IN_FAULT_SECONDS)
        try:
            self._file.arrive()
            with lock:
                self._write()
        except TimeoutError:
            self._fail(f"another process holds the lock of {self._file.path}: stop it if it hangs")
        except OSError as error:
            self._fail(f"{self._file.path} cannot be written: {files.describe(error)}")
        else:
            if self._fault is not None:
                self._fault = None
                self._said.append((logging.WARNING, f"{self._file.path} is written again; nothing was lost"))
        finally:
            lock.release()  # where a signal handler raised on the way out
            self._take_news(self._file)
            self._apply_rest()
            for ticket in batch:
                ticket.done = True

    def _write(self) -> None:
        if self._file.has_landed():
            self._settle()
        if self._file.refresh(set_aside=True):
            self._start_again()
        self._apply_rest()
        self._tried = len(self._pending)
        if self._overlay:
            self._file.write(self._overlay.copy(), self._texts, fsync=self.fsync)
        self._settle()

    def _settle(self) -> None:
        """Forget what is on the disk, in an order that lets a signal handler raise in between."""
        self._pending, self._tried = self._pending[self._tried :], 0
        self._start_again()
        self._file.settle()

    def _start_again(self) -> None:
        self._overlay: dict[str, JobRecord | None] = {}
        self._texts: dict[str, str | None] = {}
        self._applied = 0

    def _apply_rest(self) -> None:
        """Work out what the tickets make of the records in the file."""
        for ticket in self._pending[self._applied :]:
            after, texts = self._outcome(ticket)
            self._overlay |= after
            self._texts |= texts
            self._applied += 1

    def _outcome(self, ticket: _Ticket) -> tuple[dict[str, JobRecord | None], dict[str, str | None]]:
        """Return what a ticket makes of its records; one that cannot be applied harms no other."""
        after: dict[str, JobRecord | None] = {}
        texts: dict[str, str | None] = {}
        if ticket.error is not None:
            return after, texts
        try:
            for key, transition in ticket.changes.items():
                before = self._overlay[key] if key in self._overlay else self._file.records.get(key)
                record = after[key] = transition(before or JobRecord())
                texts[key] = None if record is None else text_of(key, record)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            ticket.error = error
            return {}, {}
        if not ticket.done:
            ticket.after = {key: record for key, record in after.items() if record is not None}
        return after, texts

    def _fail(self, fault: str) -> None:
        if self._fault is None:
            self._said.append((logging.ERROR, f"{fault}. Until then records are kept in memory"))
        self._fault = fault

    def _take_news(self, file: MetricsFile) -> None:
        news, file.news = file.news, []
        self._said += news

    def _speak(self) -> None:
        # Outside the locks: a handler of the user's own may record an outcome.
        while self._said:
            try:
                level, text = self._said.pop(0)
            except IndexError:
                return
            with suppress(Exception):  # of that handler
                logger.log(level, text)
