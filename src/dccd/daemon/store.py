"""The records of all jobs in one file, durable after each call and shared between threads and processes."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dccd import files
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.codec import decode, encode
from dccd.daemon.metrics import JobRecord
from dccd.errors import StorageError

__all__ = ["METRICS_FILE", "STATE_DIRECTORY", "MetricsStore", "Transition", "make_directory", "read_records"]

logger: logging.Logger = logging.getLogger(__name__)

STATE_DIRECTORY: Final = ".dccd"
METRICS_FILE: Final = "metrics.json"
LOCK_TIMEOUT: Final = 2.0

Transition = Callable[[JobRecord], JobRecord | None]
"""A pure function from a job's record to the next one; None drops the job. It may run again after a reload."""


@dataclass(slots=True)
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
        return self.after


@dataclass(frozen=True, slots=True)
class _Content:
    """What a metrics file holds: records, their JSON as found, and what is no record."""

    records: dict[str, JobRecord] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    rejected: dict[str, object] = field(default_factory=dict)


def read_records(local_path: str | os.PathLike[str]) -> dict[str, JobRecord]:
    """Return the records kept under a directory, opening nothing for writing.

    Parameters
    ----------
    local_path : str or os.PathLike
        The root data directory.

    Returns
    -------
    dict of str to JobRecord
        Keys are ``exchange/pair``; empty where nothing was recorded yet. What is no record is left out.

    Raises
    ------
    StorageError
        If the file cannot be read, or is damaged.
    """
    path = Path(local_path) / STATE_DIRECTORY / METRICS_FILE
    try:
        return _parse(path.read_bytes()).records
    except FileNotFoundError:
        return {}
    except OSError as error:
        msg = f"{path} cannot be read: {files.describe(error)}"
        raise StorageError(msg) from None
    except ValueError:
        msg = f"{path} is damaged; the next monitor sets it aside and begins a new one"
        raise StorageError(msg) from None


def make_directory(directory: Path) -> Path:
    """Make a directory if need be.

    Parameters
    ----------
    directory : Path
        Its parents are made, too.

    Returns
    -------
    Path
        The directory, absolute, symbolic links followed.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{directory} cannot be used: {files.describe(error)}"
        raise StorageError(msg) from None
    return directory.resolve()


class MetricsStore:
    """Records of jobs in ``metrics.json``.

    Parameters
    ----------
    directory : Path
        Where the file is; created if its parent exists or can be.
    fsync : bool, optional
        Whether a commit waits for the disk.
    clock : Clock, optional
        Where the time comes from.

    Raises
    ------
    StorageError
        If the directory cannot be used.

    Notes
    -----
    Callers that arrive while a commit is under way share the next one. A commit that fails keeps its changes in
    memory; each later commit tries them again, on top of whatever other processes wrote meanwhile.
    """

    def __init__(self, directory: Path, *, fsync: bool = True, clock: Clock = SYSTEM_CLOCK) -> None:
        self._directory = make_directory(directory)
        self._path = self._directory / METRICS_FILE
        self._fsync = fsync
        self._clock = clock
        self._disk = _Content()
        self._seen: files.Signature | None = None
        self._pending: list[_Ticket] = []
        self._overlay: dict[str, JobRecord | None] = {}
        self._encoded: dict[str, str] = {}
        self._fault: str | None = None
        self._said: list[tuple[int, str]] = []
        self._queue: list[_Ticket] = []
        self._turn = threading.Condition()
        self._leader: int | None = None
        self._commit_lock = threading.Lock()
        self._file_lock = files.file_lock(self._directory / f"{METRICS_FILE}.lock", LOCK_TIMEOUT)
        self._open()

    @property
    def fault(self) -> str | None:
        """Why records are kept in memory only, or None while they reach the disk."""
        return self._fault

    def update(self, changes: Mapping[str, Transition]) -> dict[str, JobRecord]:
        """Apply transitions to the records in one atomic commit.

        Parameters
        ----------
        changes : mapping of str to Transition
            Keys of jobs and what happens to their records; a job not known yet starts with `JobRecord()`.

        Returns
        -------
        dict of str to JobRecord
            The changed records. They are on the disk unless `fault` says otherwise. Empty for a call out of a commit
            of the same thread, as a signal handler may make it; its changes are committed next.
        """
        ticket = _Ticket(changes)
        with self._turn:
            self._queue.append(ticket)
            if self._leader == threading.get_ident():
                return {}  # a signal handler in the middle of a commit of its own thread: the next round takes it
            while self._leader is not None and not ticket.done:
                self._turn.wait()
            if ticket.done:
                return ticket.result()
            self._leader = threading.get_ident()
            batch, self._queue = self._queue, []
        self._lead(batch)
        self._speak()
        return ticket.result()

    def flush(self) -> bool:
        """Try to write what is kept in memory.

        Returns
        -------
        bool
            Whether all is on the disk.
        """
        if self._fault is not None:
            self.update({})
        return self._fault is None

    def snapshot(self) -> dict[str, JobRecord]:
        """Return all records, with what other processes wrote since.

        Returns
        -------
        dict of str to JobRecord
            The caller's own.
        """
        with self._commit_lock:
            try:
                if files.signature(self._path) not in (self._seen, None):
                    self._reload(set_aside=False)
                    self._apply(self._pending)
            except (OSError, ValueError):
                pass  # the next commit deals with it; until then memory is what is known
            merged = self._disk.records | self._overlay
        self._speak()
        return {key: record for key, record in merged.items() if record is not None}

    def _lead(self, batch: list[_Ticket]) -> None:
        """Commit for all who wait, then hand over; what came from this very thread meanwhile cannot wait for itself."""
        own = threading.get_ident()
        try:
            while batch:
                with self._commit_lock:
                    self._commit(batch)
                with self._turn:
                    batch = [ticket for ticket in self._queue if ticket.thread == own]
                    self._queue = [ticket for ticket in self._queue if ticket.thread != own]
        finally:
            with self._turn:
                self._leader = None
                self._turn.notify_all()

    def _open(self) -> None:
        try:
            files.remove_stray(self._directory, self._clock.time())
            with self._file_lock:
                self._reload(set_aside=True)
        except TimeoutError:
            self._fail(f"another process holds the lock of {self._path}: stop it if it hangs")
        except OSError as error:
            msg = f"{self._directory} cannot be used: {files.describe(error)}"
            raise StorageError(msg) from None
        self._speak()

    def _commit(self, batch: list[_Ticket]) -> None:
        tickets = [*self._pending, *batch]
        written = False
        try:
            with self._file_lock:
                self._reload(set_aside=True)
                self._apply(tickets)
                if self._overlay:
                    self._write()
                written = True
        except TimeoutError:
            self._fail(f"another process holds the lock of {self._path}: stop it if it hangs")
            self._apply(tickets)
        except OSError as error:
            self._fail(f"{self._path} cannot be written: {files.describe(error)}")
            self._apply(tickets)
        finally:
            self._pending = [] if written else [ticket for ticket in tickets if ticket.changes and not ticket.error]
            for ticket in batch:
                ticket.done = True
        if written and self._fault is not None:
            self._fault = None
            self._said.append((logging.WARNING, f"{self._path} is written again; nothing was lost"))

    def _apply(self, tickets: Iterable[_Ticket]) -> None:
        """Work out what the tickets make of the records on the disk; one that cannot be applied harms no other."""
        self._overlay, self._encoded = {}, {}
        for ticket in tickets:
            if ticket.error is not None:
                continue
            after: dict[str, JobRecord | None] = {}
            encoded = {}
            try:
                for key, transition in ticket.changes.items():
                    before = self._overlay[key] if key in self._overlay else self._disk.records.get(key)
                    record = after[key] = transition(before or JobRecord())
                    encoded[key] = "" if record is None else f"{json.dumps(key)}: {encode(record)}"
            except Exception as error:  # noqa: BLE001 - handed to the caller
                ticket.error = error
                continue
            self._overlay |= after
            self._encoded |= encoded
            ticket.after = {key: record for key, record in after.items() if record is not None}

    def _write(self) -> None:
        fragments = self._disk.fragments | self._encoded
        records = self._disk.records.copy()
        for key, record in self._overlay.items():
            if record is None:
                fragments.pop(key, None)
                records.pop(key, None)
            else:
                records[key] = record
        self._put(_Content(records, fragments))

    def _put(self, content: _Content) -> None:
        text = ",\n".join(content.fragments.values())
        self._seen = files.replace(self._path, f"{{\n{text}\n}}\n".encode("ascii"), fsync=self._fsync)
        self._disk = content
        self._overlay, self._encoded = {}, {}

    def _reload(self, *, set_aside: bool) -> None:
        seen = files.signature(self._path)
        if seen is None or seen == self._seen:
            return  # a file that was removed is written again from what is known
        try:
            content = _parse(self._path.read_bytes())
        except ValueError:
            if not set_aside:
                raise
            aside = files.set_aside(self._path, "corrupt", self._clock.time())
            self._said.append((logging.ERROR, f"{self._path} was damaged: it is now {aside}, and a new one is begun"))
            return
        if content.rejected:
            if not set_aside:
                return
            self._set_aside_records(content.rejected)
            self._put(_Content(content.records, content.fragments))
            return
        self._disk, self._seen = content, seen

    def _set_aside_records(self, rejected: dict[str, object]) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.time()))
        aside = self._path.with_name(f"{METRICS_FILE}.rejected-{stamp}-{os.getpid()}-{time.monotonic_ns():x}")
        files.replace(aside, json.dumps(rejected, indent=1).encode("ascii"))
        names = ", ".join(sorted(rejected)[:5])
        self._said.append((logging.ERROR, f"{len(rejected)} bad records ({names}) were moved to {aside}"))

    def _fail(self, fault: str) -> None:
        if self._fault is None:
            self._said.append((logging.ERROR, f"{fault}. Until then records are kept in memory"))
        self._fault = fault

    def _speak(self) -> None:
        # Outside the locks: a handler of the user's own may record an outcome.
        while self._said:
            try:
                level, text = self._said.pop(0)
            except IndexError:
                return
            logger.log(level, text)


def _parse(data: bytes) -> _Content:
    try:
        raw = json.loads(data)
    except RecursionError:
        raise ValueError from None
    if not isinstance(raw, dict):
        raise ValueError  # noqa: TRY004 - one kind of error for all that a file may hold
    content = _Content()
    for key, value in raw.items():
        try:
            content.records[key] = decode(value)
            content.fragments[key] = f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}"
        except ValueError:
            content.records.pop(key, None)
            content.rejected[key] = value
    return content
