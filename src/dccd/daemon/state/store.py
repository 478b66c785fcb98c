"""The records of all jobs in one file, durable after each call and shared between threads and processes."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dccd import interrupts
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.records import JobRecord, Transition
from dccd.daemon.state.lazy_records import LazyRecords
from dccd.daemon.state.metrics_file import METRICS_FILE, MetricsFile, read_content
from dccd.daemon.state.pending_changes import PendingChanges, Ticket
from dccd.disk import STATE_DIRECTORY, SYSTEM, System, check_format, files, make_directory
from dccd.errors import StorageError
from dccd.forks import renew_in_child

logger: logging.Logger = logging.getLogger("dccd.daemon.store")

LOCK_TIMEOUT_SECONDS: Final = 2.0
_LOCK_TIMEOUT_IN_FAULT_SECONDS: Final = 0.05  # while there is a fault: a job must not wait two seconds at each record
_RECHECK_SECONDS: Final = 1.0


def read_records(local_path: str | os.PathLike[str]) -> dict[str, JobRecord]:
    """Return the records kept under a data directory, bad ones left out, and write nothing.

    StorageError is raised if the file is damaged or cannot be read.
    """
    path = Path(local_path) / STATE_DIRECTORY / METRICS_FILE
    check_format(Path(local_path))
    try:
        if files.signature(path) is None:
            return {}
        return LazyRecords(read_content(files.read(path)).records).all()
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

    A child of `os.fork` continues with what is on the disk, as the parent writes what waits in memory.
    """

    def __init__(
        self, directory: Path, *, fsync: bool = True, clock: Clock = SYSTEM_CLOCK, system: System = SYSTEM
    ) -> None:
        self.directory: Path = make_directory(directory)
        self.fsync = fsync
        self._fault: str | None = None
        self._messages: list[tuple[int, str]] = []
        self._queue: list[Ticket] = []
        self._taken: list[Ticket] = []  # from the queue, and not done
        self._pending: PendingChanges = PendingChanges()
        self._committer: int | None = None  # the thread that commits
        self._reader: int | None = None  # the thread that makes a snapshot
        self._commit_lock = threading.RLock()
        self._file: MetricsFile = self._open(clock, system)
        self._log_messages()
        renew_in_child(self)

    @property
    def fault(self) -> str | None:
        """Why records are kept in memory only, or None while they reach the disk."""
        return self._fault

    def update(self, changes: Mapping[str, Transition]) -> dict[str, JobRecord]:
        """Apply transitions to the records in one atomic commit, and return the records that they made.

        Nothing is returned to a signal handler that records in the middle of a commit or snapshot of its own thread;
        its changes are committed next.
        """
        return self.commit(Ticket(changes))

    def commit(self, ticket: Ticket) -> dict[str, JobRecord]:
        """Commit the changes of a ticket, as `update` does.

        The callers that wait share a commit, which one of them leads. A signal handler may raise at each call and each
        turn of a loop, but not between the lines of `with` and `try` below: so the lock is never left taken, and
        `_committer` is this thread exactly while it commits.
        """
        thread = ticket.thread
        if thread in (self._committer, self._reader):
            ticket.is_waiting = False
            self._queue.append(ticket)
            return {}
        try:
            if ticket.changes or self._committer is not None:  # nothing waits in memory with nothing to write
                self._queue.append(ticket)
                while self._committer is not None and not ticket.done:
                    ticket.wait(_RECHECK_SECONDS)
            if not ticket.done:
                with self._commit_lock:
                    try:
                        self._committer = thread
                        if not ticket.done:
                            self._commit()
                    finally:
                        self._committer = None
        except BaseException:
            ticket.is_waiting = False
            self._wake_next()
            raise
        self._wake_next()
        self._commit_queued(thread)
        self._log_messages()
        return ticket.result()

    def keep(self, ticket: Ticket) -> None:
        """Leave a ticket to the next commit, if a signal handler raised before `commit` did so."""
        ticket.is_waiting = False
        # In the order in which it goes from one to the next.
        if not (ticket in self._queue or ticket in self._pending.tickets or ticket.is_written):
            self._queue.append(ticket)

    def flush(self) -> bool:
        """Try to write what is kept in memory, and return whether all is on the disk."""
        if self._fault is not None or self._pending.tickets or self._queue:
            self.update({})
        return self._fault is None

    def snapshot(self) -> dict[str, JobRecord]:
        """Return all records, with what other processes wrote since, in a dict of the caller's own."""
        thread = threading.get_ident()
        with self._commit_lock:
            if thread in (self._committer, self._reader):  # a signal handler in the middle of either
                return self._current_records()
            self._reader = thread
            try:
                self._refresh()
                current = self._current_records()
            finally:
                self._reader = None
        self._commit_queued(thread)
        self._log_messages()
        return current

    def renew(self) -> None:
        """Start over in the child of a fork, which has no thread of its parent."""
        self._fault = None
        self._messages.clear()
        self._queue, self._taken, self._pending = [], [], PendingChanges()
        self._committer = self._reader = None
        self._commit_lock = threading.RLock()
        self._file.renew()

    def _open(self, clock: Clock, system: System) -> MetricsFile:
        try:
            file = MetricsFile(self.directory, clock=clock, system=system, messages=self._messages)
            with interrupts.suppress(TimeoutError), file.lock(LOCK_TIMEOUT_SECONDS):
                file.remove_strays()
                file.refresh(set_aside=True)
                return file
        except OSError as error:
            msg = f"{error.filename or self.directory} cannot be used: {files.describe(error)}"
            raise StorageError(msg) from None
        self._fail(f"another process holds the lock of {file.path}: stop it if it hangs")
        return file

    def _refresh(self) -> None:
        # A fault is reported by the next commit; until then what is in memory counts.
        with interrupts.suppress(OSError, ValueError):
            if self._file.refresh(set_aside=False):
                self._pending.start_over()
        self._pending.apply_to(self._file.records)

    def _current_records(self) -> dict[str, JobRecord]:
        merged = self._file.records.all() | self._pending.records
        return {key: record for key, record in merged.items() if record is not None}

    def _commit_queued(self, thread: int) -> None:
        """Commit what a signal handler recorded while its thread was busy here."""
        if any(ticket.thread == thread for ticket in self._queue[:]):  # a commit may shorten it meanwhile
            self.update({})

    def _wake_next(self) -> None:
        """Have the first caller that waits lead the next commit, unless a commit is under way."""
        if self._committer is None and (self._queue or self._taken):
            for ticket in (*self._taken, *self._queue):
                if ticket.is_waiting and not ticket.done:
                    ticket.wake()
                    return

    def _commit(self) -> None:
        batch = self._queue[:]  # others go on to append
        last = len(batch)
        self._pending.tickets += batch  # no call between these, in which a signal handler could raise
        self._taken += batch
        del self._queue[:last]
        lock = self._file.lock(LOCK_TIMEOUT_SECONDS if self._fault is None else _LOCK_TIMEOUT_IN_FAULT_SECONDS)
        try:
            self._file.check_directory()
            with lock:
                self._write()
        except OSError as error:
            interrupts.pass_on(error)
            if isinstance(error, TimeoutError):
                self._fail(f"another process holds the lock of {self._file.path}: stop it if it hangs")
            else:
                self._fail(f"{self._file.path} cannot be written: {files.describe(error)}")
        else:
            if self._fault is not None:
                self._fault = None
                self._messages.append((logging.WARNING, f"{self._file.path} is written again; nothing was lost"))
        finally:
            lock.release()  # where a signal handler raised on the way out
            self._pending.apply_to(self._file.records)
        # Not after a signal handler raised: another caller leads the next commit, and writes them.
        for ticket in self._taken:
            ticket.done = True
            ticket.wake()
        self._taken = []

    def _write(self) -> None:
        pending = self._pending
        if self._file.adopt_interrupted_write():
            self._forget_written()
        if self._file.refresh(set_aside=True):
            pending.start_over()
        pending.apply_to(self._file.records)
        pending.in_write = len(pending.tickets)
        if pending.records:
            self._file.write(pending.records.copy(), pending.texts, fsync=self.fsync)
        self._forget_written()

    def _forget_written(self) -> None:
        self._pending.forget_written()
        self._file.forget_attempt()  # last: a signal handler that raises in between has the write adopted again

    def _fail(self, fault: str) -> None:
        if self._fault is None:
            self._messages.append((logging.ERROR, f"{fault}. Until then records are kept in memory"))
        self._fault = fault

    def _log_messages(self) -> None:
        # Outside the locks: a handler of the user's own may record an outcome.
        while self._messages:
            try:
                level, text = self._messages.pop(0)
            except IndexError:  # another thread took it
                return
            with interrupts.suppress(Exception):  # of that handler
                logger.log(level, text)
