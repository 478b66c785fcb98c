"""Which message is due, and what it says."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Item, Message, acknowledge, begin, defer, plan
from dccd.daemon.alerts.wording import lines
from dccd.daemon.records.model import Event, Incident, JobRecord, Notice

NOW = 1_700_000_000.0
DAY = 86_400.0
HERE, THERE = "here", "there"
EVENTS: tuple[Event, ...] = ("firing", "repeat", "resolved")


def notice(event: Event = "firing", *, number: int = 1, at: float = NOW, incident: str = "i1") -> Notice:
    """Return a notice of trouble that began an hour ago."""
    return Notice(
        incident,
        number,
        event,
        at,
        "failing",
        NOW - 3600,
        failures=3,
        error="TimeoutError: no answer",
        last_success_at=None if event == "resolved" else NOW - 7200,
    )


def owing(*notices: Notice) -> JobRecord:
    """Return a record that owes notices; an incident that nothing says is over is open."""
    over = {notice.incident for notice in notices if notice.event == "resolved"}
    still = dict.fromkeys(notice.incident for notice in notices if notice.incident not in over)
    return JobRecord(incidents=tuple(Incident(name, "failing", NOW - 3600) for name in still), owed=notices)


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
    first = begin(first, message.items[0], HERE, message.id)
    again = plan({"a": first, "b": owing(notice())}, HERE, NOW, window=0, new_id="newer").messages
    assert [(m.id, [item.key for item in m.items]) for m in again] == [("new", ["a"]), ("newer", ["b"])]


def test_jobs_bound_to_one_message_stay_in_it() -> None:
    """In the order of their first try."""
    records = {"a": owing(notice()), "b": owing(notice())}
    (message,) = due(records)
    begun = {item.key: begin(records[item.key], item, HERE, message.id) for item in message.items}
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


def said(*items: Item, source: str = "host-1", now: float = NOW + 60) -> list[str]:
    """Return the lines of a message."""
    return lines(Message("m", items), source, now)


def test_a_message_says_what_where_since_when_and_why() -> None:
    """Few lines, for somebody woken at night."""
    title, *rest = said(Item("kraken/BTC/USD", (notice(),)))
    assert title == "[FIRING] kraken/BTC/USD is failing on host-1"
    text = "\n".join(rest)
    for part in (
        "3 failures since 2023-11-14 21:13 UTC (1h 1m ago)",
        "Last error: TimeoutError: no answer",
        "Last success: 2023-11-14 20:13 UTC (2h 1m ago)",
        "dccd status",
    ):
        assert part in text
    assert len(rest) <= 5


def test_a_reminder_and_an_end_say_so() -> None:
    """The end says how long it took and how many failures it had."""
    assert said(Item("a", (notice("repeat", number=2),)))[0] == "[STILL FIRING] a is failing on host-1"
    title, *rest = said(Item("a", (notice("resolved", number=2),)))
    assert title == "[RESOLVED] a works again on host-1"
    for part in ("1h, 3 failures", "2023-11-14 21:13 UTC", "Last error: TimeoutError: no answer"):
        assert part in "\n".join(rest)


def test_an_end_whose_beginning_was_not_told_says_both() -> None:
    """Who reads only that one knows what happened."""
    both = said(Item("a", (notice(), notice("resolved", number=2))))
    assert both[0].startswith("[RESOLVED] a works again")
    assert both[0] != said(Item("a", (notice("resolved", number=2),)))[0]


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_not_known_is_never_told_as_none(event: Event) -> None:
    """A job that never worked, an error without a text; one failure is singular."""
    item = Item("a", (replace(notice(event), error=None, last_success_at=None, failures=1),))
    alone, among = "\n".join(said(item)), "\n".join(said(item, item))
    for text in (alone, among):
        assert "None" not in text
        assert "1 failure " in text or "1 failure," in text
    assert event == "resolved" or "Last success: never" in alone


def test_several_jobs_are_a_headline_and_a_line_each() -> None:
    """Beginnings and ends may be mixed."""
    gap = replace(notice("resolved", number=2), rows_missing=2)
    items = (Item("a", (notice(),)), Item("b", (gap,)))
    headline, first, second, commands = said(*items)
    assert headline == "[2 JOBS] on host-1: 1 firing, 1 resolved"
    assert first.startswith("[FIRING] a is failing")
    assert second.startswith("[RESOLVED] b works again")
    assert second.endswith("Still missing: 2 rows")
    assert "TimeoutError" in first
    assert "dccd silence" in commands
    assert said(items[1], items[1])[-1] == second
    assert Message("m", items).subject == "2 jobs"
    assert Message("m", items[:1]).subject == "a"


def test_many_jobs_are_named_in_a_line_for_each_event() -> None:
    """With the error that most of them have, as one cause fails many."""
    odd = replace(notice(), error="E: odd", kind="stale")
    items = [Item(f"k/{number}", (notice(at=NOW + number),)) for number in range(6)]
    items += [Item("odd", (odd,)), Item("again", (notice("repeat"),)), Item("well", (notice("resolved"),))]
    assert said(*items) == [
        "[9 JOBS] on host-1: 7 firing, 1 still firing, 1 resolved",
        "Firing since 2023-11-14 21:13 UTC (1h 1m ago): k/0, k/1, k/2, k/3, k/4, k/5, odd (stale)",
        "Still firing since 2023-11-14 21:13 UTC (1h 1m ago): again",
        "Resolved: well",
        "Last error of 7: TimeoutError: no answer",
        "To look: dccd status. To silence: dccd silence KEY --for 2h",
    ]
    assert said(*[items[-1]] * 5) == ["[5 JOBS] on host-1: 5 resolved", "Resolved: well, well, well, well, well"]


def test_of_jobs_there_is_no_room_for_the_number_is_told() -> None:
    """In each line of names."""
    items = [Item(f"k/{number}", (notice("firing" if number % 2 else "resolved"),)) for number in range(1000)]
    rows = lines(Message("m", tuple(items)), "host-1", NOW, room=1000)
    assert len("\n".join(rows)) <= 1000
    shown = rows[1].count("k/")
    assert shown > 50
    assert rows[1].endswith(f", and {500 - shown} more; dccd status shows all")
    assert rows[2] == "Resolved: 500 jobs; dccd status shows all"


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.text(max_size=500) | st.none(), st.integers(0, 3)), min_size=1))
def test_a_message_has_six_lines_at_most(told: list[tuple[Event, str | None, int]]) -> None:
    """However many jobs it tells of."""
    items = [Item(str(n), (replace(notice(e), error=error, rows_missing=m),)) for n, (e, error, m) in enumerate(told)]
    assert len(said(*items)) <= 6


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://HOOKS.SLACK.COM./services/T/B/x", "slack"),
        ("https://hooks.slack-gov.com/services/T/B/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://ptb.discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/v10/webhooks/1/x", "discord"),
        ("https://hooks.slack.com.example.org/services/x", "generic"),
        ("https://notslack.com/services/x", "generic"),
        ("https://example.com/hooks.slack.com", "generic"),
        ("http://127.0.0.1:8080/", "generic"),
    ],
)
def test_the_host_of_an_address_tells_the_service(url: str, service: str) -> None:
    """Not what merely looks like it; an explicit format goes first."""
    assert Destination(url).service == service
    assert Destination(url, "discord").service == "discord"


def test_a_destination_shows_no_secret() -> None:
    """Neither in its repr nor in its identifier, which is short and its own."""
    one, other = Destination("https://example.com/s3cret"), Destination("https://example.com/s3cret2")
    assert "s3cret" not in f"{one!r} {one.id} {[one]}"
    assert one.id == Destination("https://example.com/s3cret").id != other.id
    assert len(one.id) == 12


def test_an_incident_that_is_over_unseen_in_a_silence_is_muted_whether_or_not_its_end_is_told() -> None:
    """With `send_resolved` off its end is no notice, but it is over all the same; one that goes on waits."""
    over, going_on = replace(owing(notice()), incidents=()), owing(notice())
    planned = plan({"a": over, "b": going_on}, HERE, NOW, window=0, new_id="new", silent={"a": NOW + 9, "b": NOW + 9})
    assert [item.key for item in planned.muted] == ["a"]
    assert (planned.messages, planned.next_at) == ((), NOW + 9)
