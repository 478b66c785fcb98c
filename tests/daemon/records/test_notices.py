"""What becomes of notices: told, put off, dropped."""

from dataclasses import replace

import pytest
from tests.daemon.alerts.notices import NOW, notice, owing

from dccd.daemon.records.model import Event, JobRecord
from dccd.daemon.records.notices import Item, defer, drop_unneeded

DAY = 86_400.0
HERE, THERE = "here", "there"


def failed(record: JobRecord, now: float, ttl: float = DAY) -> JobRecord:
    """Return a record after a message with all it owes has failed."""
    return defer(record, Item("a", record.owed), HERE, now, ttl)


def test_tries_without_end_do_not_overflow() -> None:
    """A webhook may be gone for years."""
    record = owing(replace(notice(), tries={HERE: 5000}))
    assert failed(record, NOW).owed[0].next_try_at == {HERE: NOW + 3600}


@pytest.mark.parametrize("event", ["firing", "repeat"])
def test_an_open_incident_never_expires(event: Event) -> None:
    """However old its notice is."""
    assert len(failed(owing(notice(event)), NOW + 365 * DAY).owed) == 1


def test_a_closed_incident_expires_when_it_is_old() -> None:
    """Both its notices; other incidents stay."""
    record = owing(notice(), notice("resolved", number=2))
    assert len(failed(record, NOW + DAY).owed) == 2
    assert failed(record, NOW + DAY + 1).owed == ()
    both = owing(*record.owed, notice(incident="i2"))
    assert [left.incident for left in defer(both, Item("a", record.owed), HERE, NOW + 2 * DAY, DAY).owed] == ["i2"]


def test_what_was_not_told_of_a_closed_incident_expires_without_its_end_too() -> None:
    """Where the end of an incident is not to be told, its beginning must not be tried for ever."""
    record = replace(owing(notice()), incidents=())
    assert len(failed(record, NOW + DAY).owed) == 1
    assert failed(record, NOW + DAY + 1).owed == ()


def test_a_notice_that_every_live_destination_has_is_dropped() -> None:
    """As after one left the configuration; while another still lacks it, the record stays the same object."""
    record = owing(replace(notice(), told=(HERE,)))
    assert drop_unneeded(record, frozenset({HERE}), NOW, DAY).owed == ()
    assert drop_unneeded(record, frozenset({HERE, THERE}), NOW, DAY) is record


def test_without_a_live_destination_what_is_over_expires() -> None:
    """An open incident stays, however old; one that is over stays for its time."""
    is_open = owing(notice())
    over = replace(is_open, incidents=())
    nobody: frozenset[str] = frozenset()
    assert drop_unneeded(is_open, nobody, NOW + 9 * DAY, DAY) is is_open
    assert drop_unneeded(over, nobody, NOW + DAY, DAY) is over
    assert drop_unneeded(over, nobody, NOW + DAY + 1, DAY).owed == ()
