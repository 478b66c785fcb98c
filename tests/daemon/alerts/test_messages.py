"""Which message is due, and what follows from its delivery."""

from collections.abc import Mapping
from dataclasses import replace

from tests.daemon.alerts.notices import NOW, notice, owing

from dccd.daemon.alerts.messages import Message, plan
from dccd.daemon.records.model import JobRecord
from dccd.daemon.records.notices import Item, acknowledge, bind, defer

DAY = 86_400.0
HERE, THERE = "here", "there"


def due(records: Mapping[str, JobRecord], now: float = NOW, *, window: float = 0.0) -> tuple[Message, ...]:
    """Return the messages that are due."""
    return plan(records, HERE, now, window=window, new_id="new").messages


def failed(record: JobRecord, now: float, ttl: float = DAY) -> JobRecord:
    """Return a record after a message with all it owes has failed."""
    return defer(record, Item("a", record.owed), HERE, now, ttl)


def test_nothing_owed_is_nothing_due() -> None:
    """Nor is there anything to wait for."""
    planned = plan({"a": JobRecord()}, HERE, NOW, window=5, new_id="new")
    assert (planned.messages, planned.next_at) == ((), None)


def test_notices_wait_for_others_as_long_as_the_window_is() -> None:
    """Counted from the first; then all go out as one message."""
    records = {"a": owing(notice()), "b": owing(notice(at=NOW + 4))}
    early = plan(records, HERE, NOW + 4.9, window=5, new_id="new")
    assert (early.messages, early.next_at) == ((), NOW + 5)
    (message,) = due(records, NOW + 5, window=5)
    assert (message.id, [item.key for item in message.items]) == ("new", ["a", "b"])
    assert len(due(records, NOW + 4, window=0)) == 1


def test_a_notice_from_the_future_waits_no_longer() -> None:
    """The clock was set back since; the window is over at once, not in a year."""
    assert len(due({"a": owing(notice())}, NOW - 365 * DAY, window=5)) == 1


def test_a_retry_set_by_a_clock_that_was_ahead_is_made_within_the_hour() -> None:
    """No notice is put off longer than the longest pause; a year is not one."""
    record = failed(owing(notice()), NOW + 365 * DAY)
    planned = plan({"a": record}, HERE, NOW, window=0, new_id="new")
    assert planned.messages or (planned.next_at is not None and planned.next_at <= NOW + 3600)


def test_a_message_keeps_its_identifier_on_every_try() -> None:
    """Also after a restart, and though other notices have come since."""
    first = owing(notice())
    (message,) = due({"a": first})
    first = bind(first, message.items[0], HERE, message.id)
    again = plan({"a": first, "b": owing(notice())}, HERE, NOW, window=0, new_id="newer").messages
    assert [(m.id, [item.key for item in m.items]) for m in again] == [("new", ["a"]), ("newer", ["b"])]


def test_jobs_bound_to_one_message_stay_in_it() -> None:
    """In the order of their first try."""
    records = {"a": owing(notice()), "b": owing(notice())}
    (message,) = due(records)
    begun = {item.key: bind(records[item.key], item, HERE, message.id) for item in message.items}
    assert due(begun) == (replace(message, items=tuple(Item(key, record.owed) for key, record in begun.items())),)


def test_a_beginning_and_an_end_still_owed_are_told_as_one() -> None:
    """The end, which says that it is news; two incidents stay two."""
    record = owing(notice(), notice("resolved", number=2, at=NOW + 60), notice(incident="i2", at=NOW + 90))
    (message,) = due({"a": record}, NOW + 100)
    assert [(item.last.event, item.is_news) for item in message.items] == [("resolved", True), ("firing", True)]
    told = acknowledge(record, message.items[0], HERE, frozenset({HERE}))
    assert [left.incident for left in told.owed] == ["i2"]


def test_a_destination_that_has_it_is_not_told_again() -> None:
    """And a notice is owed until all have it."""
    record = owing(notice())
    item = Item("a", record.owed)
    half = acknowledge(record, item, HERE, frozenset({HERE, THERE}))
    assert due({"a": half}) == ()
    assert len(plan({"a": half}, THERE, NOW, window=0, new_id="new").messages) == 1
    assert acknowledge(half, item, THERE, frozenset({HERE, THERE})).owed == ()


def test_what_became_owed_during_the_sending_stays_owed() -> None:
    """An acknowledgement is for what was in the message."""
    sent = owing(notice())
    grown = owing(notice(), notice("resolved", number=2))
    left = acknowledge(grown, Item("a", sent.owed), HERE, frozenset({HERE}))
    assert [item.event for item in left.owed] == ["resolved"]


def test_a_failed_message_is_tried_in_5_minutes_doubling_to_an_hour() -> None:
    """And not before."""
    record, now, pauses = owing(notice()), NOW, []
    for _ in range(7):
        record = failed(record, now)
        planned = plan({"a": record}, HERE, now, window=5, new_id="new")
        assert planned.messages == ()
        assert planned.next_at is not None
        pauses.append(planned.next_at - now)
        now = planned.next_at
        assert len(due({"a": record}, now)) == 1
    assert pauses == [300, 600, 1200, 2400, 3600, 3600, 3600]


def test_an_incident_that_is_over_unseen_in_a_silence_is_muted_whether_or_not_its_end_is_told() -> None:
    """With `send_resolved` off its end is no notice, but it is over all the same; one that goes on waits."""
    over, going_on = replace(owing(notice()), incidents=()), owing(notice())
    planned = plan({"a": over, "b": going_on}, HERE, NOW, window=0, new_id="new", silent={"a": NOW + 9, "b": NOW + 9})
    assert [item.key for item in planned.muted] == ["a"]
    assert (planned.messages, planned.next_at) == ((), NOW + 9)


def test_a_destination_that_was_down_gets_what_failed_before_with_the_news() -> None:
    """Nothing while it rests; then the old message first, under its identifier, and the news in one of its own."""
    old = failed(bind(owing(notice()), Item("a", owing(notice()).owed), HERE, "old"), NOW)
    records = {"a": old, "b": owing(notice(at=NOW + 1))}
    resting = plan(records, HERE, NOW + 2, window=0, new_id="new", rest=60.0)
    assert (resting.messages, resting.next_at) == ((), NOW + 62)
    back = plan(records, HERE, NOW + 2, window=0, new_id="new", rest=0.0)
    assert [(message.id, message.subject) for message in back.messages] == [("old", "a"), ("new", "b")]
