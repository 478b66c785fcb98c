"""What a message says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.daemon.alerts.notices import EVENTS, NOW, notice

from dccd.daemon.alerts.messages import Message
from dccd.daemon.alerts.wording import lines
from dccd.daemon.records.model import Event, Kind
from dccd.daemon.records.notices import Item


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
    ("kind", "begins", "ends"),
    [
        ("failing", "is failing", "works again"),
        ("stale", "has not run", "runs again"),
        ("overrun", "does not come to an end", "came to an end"),
        ("old data", "brings no new data", "has new data"),
        ("odd", "has an incident (odd)", "is well again"),
    ],
)
def test_each_kind_of_trouble_has_its_words(kind: str, begins: str, ends: str) -> None:
    """A kind that a newer dccd wrote is named; failures are counted of a failing job only."""
    firing = said(Item("a", (replace(notice(), kind=kind),)))
    assert firing[0] == f"[FIRING] a {begins} on host-1"
    assert said(Item("a", (replace(notice("resolved"), kind=kind),)))[0] == f"[RESOLVED] a {ends} on host-1"
    assert ("3 failures" in "\n".join(firing)) == (kind == "failing")


def test_a_test_alert_says_that_nothing_is_wrong() -> None:
    """In one line."""
    told = replace(notice(), kind="test")
    assert said(Item("a", (told,))) == ["[TEST] host-1: this is dccd test-alert; nothing is wrong"]


def test_a_key_with_a_space_is_quoted_in_the_command() -> None:
    """So that it can be pasted."""
    assert said(Item("a b/c", (notice(),)))[-1].endswith("dccd silence 'a b/c' --for 2h")


def test_a_long_error_is_cut() -> None:
    """With a mark, within 400 characters."""
    (row,) = [row for row in said(Item("a", (replace(notice(), error="x" * 500),))) if row.startswith("Last error")]
    assert (len(row), row[-1]) == (400, "…")


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_of_trouble_has_words_of_its_own(kind: Kind) -> None:
    """For its beginning and its end."""
    begun, over = (said(Item("a", (replace(notice(event), kind=kind),)))[0] for event in ("firing", "resolved"))
    assert "an incident" not in begun
    assert "well again" not in over


def test_what_a_newer_version_has_to_tell_is_told_in_its_words() -> None:
    """A kind and an event that this one does not know, alone, among some and among many."""
    odd = replace(notice(), event="escalated", kind="lost data")
    assert said(Item("a", (odd,)))[0] == "[ESCALATED] a has an incident (lost data) on host-1"
    assert said(Item("a", (replace(odd, event="resolved"),)))[0].startswith("[RESOLVED] a is well again on host-1")
    some = said(Item("a", (odd,)), Item("b", (notice(),)))
    assert some[:2] == [
        "[2 JOBS] on host-1: 1 firing, 1 escalated",
        "[ESCALATED] a has an incident (lost data), since 2023-11-14 21:13 UTC (1h 1m ago): TimeoutError: no answer",
    ]
    many = said(*(Item(f"job {number}", (odd,)) for number in range(5)))
    assert many[0] == "[5 JOBS] on host-1: 5 escalated"
    assert "Escalated since" in many[1]
    assert "job 4 (lost data)" in many[1]
