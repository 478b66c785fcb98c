"""Changes that are not on the disk yet, and the records that they make."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from dccd import interrupts
from dccd.daemon.records import JobRecord, Transition
from dccd.daemon.state.lazy_records import LazyRecords
from dccd.daemon.state.metrics_file import member_text


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Ticket:
    """Changes of one caller that wait for a commit, then their result."""

    changes: Mapping[str, Transition]
    after: dict[str, JobRecord] = field(default_factory=dict)
    error: Exception | None = None
    is_written: bool = False
    done: bool = False
    is_waiting: bool = True
    thread: int = field(default_factory=threading.get_ident)
    _waking: threading.Lock = field(default_factory=_locked, repr=False)

    def wait(self, seconds: float) -> None:
        """Wait until the ticket is done or may be the next to lead, with a limit."""
        self._waking.acquire(timeout=seconds)

    def wake(self) -> None:
        """End the wait of its caller."""
        if self._waking.locked():
            with interrupts.suppress(RuntimeError):  # another thread was faster
                self._waking.release()

    def result(self) -> dict[str, JobRecord]:
        """Return the changed records, or raise what a transition raised."""
        if self.error is not None:
            raise self.error
        after, self.after = self.after, {}  # the ticket may have to wait for the disk for hours
        return after


class PendingChanges:
    """Tickets in their order, and the records and JSON members that they have been worked out to; None drops a job."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []
        self.records: dict[str, JobRecord | None] = {}
        self.texts: dict[str, str | None] = {}
        self.in_write: int = 0  # how many tickets the last attempt to write covers
        self._applied = 0

    def forget_written(self) -> None:
        """Drop the tickets that are on the disk, in an order that lets a signal handler raise in between."""
        for ticket in self.tickets[: self.in_write]:
            ticket.is_written = True
        self.tickets, self.in_write = self.tickets[self.in_write :], 0
        self.start_over()

    def start_over(self) -> None:
        """Drop the records worked out so far, as the file below them has changed."""
        self.records = {}
        self.texts = {}
        self._applied = 0

    def apply_to(self, records: LazyRecords) -> None:
        """Work out what the tickets that were added meanwhile make of the records in the file."""
        for ticket in self.tickets[self._applied :]:
            after, texts = self._outcome(ticket, records)
            self.records |= after
            self.texts |= texts
            self._applied += 1

    def _outcome(
        self, ticket: Ticket, records: LazyRecords
    ) -> tuple[dict[str, JobRecord | None], dict[str, str | None]]:
        """Return the records of one ticket and their text, nothing if a transition raises."""
        after: dict[str, JobRecord | None] = {}
        texts: dict[str, str | None] = {}
        if ticket.error is not None:
            return after, texts
        try:
            for key, transition in ticket.changes.items():
                before = self.records[key] if key in self.records else records.get(key)
                record = after[key] = transition(before or JobRecord())
                texts[key] = None if record is None else member_text(key, record)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            interrupts.pass_on(error)  # it may come in the thread of another caller
            ticket.error = error
            return {}, {}
        if not ticket.done:
            ticket.after = {key: record for key, record in after.items() if record is not None}
        return after, texts
