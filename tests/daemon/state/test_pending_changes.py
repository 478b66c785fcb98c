"""Changes that are not on the disk yet."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.daemon.state.counting import add, drop, on_disk

from dccd.daemon.records.model import JobMetrics, JobRecord
from dccd.daemon.state.lazy_records import LazyRecords
from dccd.daemon.state.pending_changes import PendingChanges, Ticket
from dccd.daemon.state.store import MetricsStore


def test_a_transition_that_raises_harms_no_other(directory: Path) -> None:
    """Its caller gets the error, and the next commit is as if it had never come."""
    store = MetricsStore(directory)

    def broken(record: JobRecord) -> JobRecord:
        msg = "a bug of ours"
        raise ZeroDivisionError(msg)

    with pytest.raises(ZeroDivisionError):
        store.update({"a": broken})
    assert store.update({"b": add})["b"].metrics.rows_collected == 1
    assert on_disk(directory) == {"b": 1}


def test_a_record_that_json_cannot_hold_harms_no_other(directory: Path) -> None:
    """A number that is not finite is refused once, and not again with each commit to come."""
    store = MetricsStore(directory)
    with pytest.raises(ValueError, match="JSON"):
        store.update({"a": lambda record: replace(record, metrics=JobMetrics(last_duration=float("inf")))})
    assert store.update({"b": add})["b"].metrics.rows_collected == 1
    assert on_disk(directory) == {"b": 1}


def test_changes_that_wait_are_not_worked_out_again_with_each_record(path: Path) -> None:
    """A disk that is away for hours does not make recording slower and slower."""
    store = MetricsStore(path.parent)
    path.parent.rename(path.parent.with_name("away"))
    path.parent.write_text("in the way")
    made: list[int] = []

    def counted(record: JobRecord) -> JobRecord:
        made.append(1)
        return add(record)

    for _ in range(50):
        store.update({"a": counted})
    assert len(made) == 50
    path.parent.unlink()
    path.parent.with_name("away").rename(path.parent)
    assert store.flush()
    assert on_disk(path.parent) == {"a": 50}


def counted(rows: int) -> JobRecord:
    """Return a record of so many rows."""
    return JobRecord(JobMetrics(rows_collected=rows))


def test_each_ticket_is_worked_out_on_what_the_one_before_made() -> None:
    """A job that was dropped begins anew, and the file below stays as it is."""
    pending, records = PendingChanges(), LazyRecords({"a": counted(5)})
    pending.tickets = [Ticket({"a": add}), Ticket({"a": drop, "b": add}), Ticket({"a": add})]
    pending.apply_to(records)
    assert pending.records == {"a": counted(1), "b": counted(1)}
    assert [ticket.result() for ticket in pending.tickets] == [{"a": counted(6)}, {"b": counted(1)}, {"a": counted(1)}]
    assert records.all() == {"a": counted(5)}


def test_what_came_after_a_write_began_is_kept_when_that_is_forgotten() -> None:
    """And is worked out again, on what the file has now."""
    pending = PendingChanges()
    pending.tickets = [Ticket({"a": add})]
    pending.apply_to(LazyRecords())
    pending.in_write = 1
    pending.tickets.append(Ticket({"a": add}))
    pending.forget_written()
    assert (len(pending.tickets), pending.records, pending.texts) == (1, {}, {})
    pending.apply_to(LazyRecords({"a": counted(10)}))
    assert pending.records == {"a": counted(11)}
    pending.start_over()
    pending.apply_to(LazyRecords({"a": counted(20)}))
    assert pending.records == {"a": counted(21)}


def test_a_caller_keeps_the_result_of_its_commit() -> None:
    """A later look at the same changes, which wait for the disk, does not fill memory with it."""
    pending, ticket = PendingChanges(), Ticket({"a": add})
    pending.tickets = [ticket]
    pending.apply_to(LazyRecords())
    ticket.done = True
    assert ticket.result() == {"a": counted(1)}
    pending.start_over()
    pending.apply_to(LazyRecords({"a": counted(5)}))
    assert ticket.result() == {}
