"""Which message is due to a destination, and what it says: pure functions of the records."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from dccd._compat import override
from dccd.daemon.metrics import JobRecord, Notice
from dccd.redact import mask_url
from dccd.units import format_duration

__all__ = ["Destination", "Item", "Message", "Plan", "lines", "plan"]

_SLACK: Final = ("slack.com", "slack-gov.com")
_DISCORD: Final = ("discord.com", "discordapp.com")


@dataclass(frozen=True, slots=True, repr=False)
class Destination:
    """Where alerts go.

    Parameters
    ----------
    url : str
        The address; a secret, absent from the repr.
    format : str
        ``slack``, ``discord`` or ``generic``; ``auto`` goes by the host.
    """

    url: str
    format: str = "auto"

    @property
    def id(self) -> str:
        """A short hash of the address, by which records remember who was told."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:12]

    @property
    def service(self) -> str:
        """The format of its messages: ``slack``, ``discord`` or ``generic``."""
        if self.format != "auto":
            return self.format
        host = (urlsplit(self.url).hostname or "").rstrip(".").lower()
        for service, domains in (("slack", _SLACK), ("discord", _DISCORD)):
            if any(host == domain or host.endswith(f".{domain}") for domain in domains):
                return service
        return "generic"

    @override
    def __repr__(self) -> str:
        return f"Destination({mask_url(self.url)!r}, {self.service!r})"


@dataclass(frozen=True, slots=True)
class Item:
    """What a message says of one incident.

    Parameters
    ----------
    key : str
        The job.
    notices : tuple of Notice
        Its notices that the destination has not got, oldest first; the last one is what is told.
    """

    key: str
    notices: tuple[Notice, ...]

    @property
    def last(self) -> Notice:
        """The notice that is told."""
        return self.notices[-1]

    @property
    def is_news(self) -> bool:
        """Whether the destination hears of the incident for the first time."""
        return any(notice.event == "firing" for notice in self.notices)


@dataclass(frozen=True, slots=True)
class Message:
    """Items that go out together under one identifier.

    Parameters
    ----------
    id : str
        The same on every try.
    items : tuple of Item
        At least one.
    """

    id: str
    items: tuple[Item, ...]

    @property
    def subject(self) -> str:
        """The job, or how many there are."""
        return self.items[0].key if len(self.items) == 1 else f"{len(self.items)} jobs"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a destination.

    Parameters
    ----------
    messages : tuple of Message
        Due now.
    next_at : float or None
        When the next one is due, Unix seconds.
    """

    messages: tuple[Message, ...] = ()
    next_at: float | None = None


def plan(records: Mapping[str, JobRecord], destination: str, now: float, *, window: float, new_id: str) -> Plan:
    """Return the messages due to a destination.

    Parameters
    ----------
    records : mapping of str to JobRecord
        All jobs.
    destination : str
        Its identifier.
    now : float
        The time, Unix seconds.
    window : float
        Seconds for which a notice waits for others; 0 sends all at once.
    new_id : str
        Identifier for the message that takes up the notices that belong to none yet.

    Returns
    -------
    Plan
        Messages begun before come first, under their old identifiers.
    """
    begun: dict[str, list[Item]] = {}
    fresh: list[Item] = []
    later: list[float] = []
    for item in _items(records, destination):
        wait_until = item.last.next_try_at or 0.0
        if wait_until > now:
            later.append(wait_until)
        elif known := item.last.messages.get(destination):
            begun.setdefault(known, []).append(item)
        else:
            fresh.append(item)
    messages = [Message(name, tuple(items)) for name, items in begun.items()]
    if fresh:
        oldest = min(item.last.at for item in fresh)
        # A notice from the future means that the clock was set back: it has waited long enough.
        if 0 <= now - oldest < window:
            later.append(oldest + window)
        else:
            messages.append(Message(new_id, tuple(fresh)))
    return Plan(tuple(messages), min(later, default=None))


def _items(records: Mapping[str, JobRecord], destination: str) -> Iterable[Item]:
    for key, record in records.items():
        by_incident: dict[str, list[Notice]] = {}
        for notice in record.owed:
            if destination not in notice.told:
                by_incident.setdefault(notice.incident, []).append(notice)
        for notices in by_incident.values():
            yield Item(key, tuple(notices))


def begin(record: JobRecord, item: Item, destination: str, message: str) -> JobRecord:
    """Return the record with the notices of an item bound to a message, before the first try."""
    ids = {notice.id for notice in item.notices}
    return replace(
        record,
        owed=tuple(
            replace(notice, messages={**notice.messages, destination: message}) if notice.id in ids else notice
            for notice in record.owed
        ),
    )


def acknowledge(record: JobRecord, item: Item, destination: str, all_destinations: frozenset[str]) -> JobRecord:
    """Return the record after a destination got an item; what all have got is owed no more."""
    ids = {notice.id for notice in item.notices}
    owed = (replace(notice, told=(*notice.told, destination)) if notice.id in ids else notice for notice in record.owed)
    return replace(record, owed=tuple(notice for notice in owed if not all_destinations <= set(notice.told)))


def defer(record: JobRecord, item: Item, now: float, ttl: float) -> JobRecord:
    """Return the record after a message failed: tried again in 5 minutes, doubling to an hour.

    Notices of an incident that is over are dropped at the age of `ttl`.
    """
    ids = {notice.id for notice in item.notices}
    if item.last.event == "resolved" and now - item.last.at > ttl:
        return replace(record, owed=tuple(notice for notice in record.owed if notice.id not in ids))
    return replace(
        record,
        owed=tuple(
            replace(notice, tries=notice.tries + 1, next_try_at=now + min(300.0 * 2**notice.tries, 3600.0))
            if notice.id in ids
            else notice
            for notice in record.owed
        ),
    )


def lines(message: Message, source: str, now: float) -> list[str]:
    """Return the text of a message, one list entry a line.

    Parameters
    ----------
    message : Message
        What to say.
    source : str
        Where it runs.
    now : float
        The time, Unix seconds.

    Returns
    -------
    list of str
        Five lines for one incident; for more, a headline and a line each.
    """
    if len(message.items) > 1:
        return [f"[{len(message.items)} JOBS] on {source}", *(_one_line(item, now) for item in message.items)]
    item = message.items[0]
    notice = item.last
    error = f"Last error: {notice.error or 'unknown'}"
    if notice.event == "resolved":
        return [f"{_headline(item)} on {source}", _course(item), error]
    success = "never" if notice.last_success_at is None else _when(notice.last_success_at, now)
    return [
        f"{_headline(item)} on {source}",
        f"{_failures(notice.failures)} since {_when(notice.since, now)}",
        error,
        f"Last success: {success}",
        "To look: dccd status",
    ]


def _headline(item: Item) -> str:
    match item.last.event:
        case "firing":
            return f"[FIRING] {item.key} is failing"
        case "repeat":
            return f"[STILL FIRING] {item.key} is failing"
        case "resolved":
            return f"[RESOLVED] {item.key} {'failed and ' if item.is_news else ''}works again"


def _course(item: Item) -> str:
    lasted = format_duration(item.last.at - item.last.since)
    return f"It failed for {lasted}, {_failures(item.last.failures)}, since {_stamp(item.last.since)}"


def _one_line(item: Item, now: float) -> str:
    if item.last.event == "resolved":
        return f"{_headline(item)}: {_course(item)}"
    return f"{_headline(item)}: {_failures(item.last.failures)} since {_when(item.last.since, now)}: {item.last.error}"


def _failures(count: int) -> str:
    return "1 failure" if count == 1 else f"{count} failures"


def _when(seconds: float, now: float) -> str:
    return f"{_stamp(seconds)} ({format_duration(now - seconds)} ago)"


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
