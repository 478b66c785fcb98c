"""Notices for tests of messages and their wording."""

from dccd.daemon.records.model import Event, Incident, JobRecord, Notice

NOW = 1_700_000_000.0
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
