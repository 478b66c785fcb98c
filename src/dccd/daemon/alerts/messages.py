"""Which message is due to a destination, and what follows from its delivery: pure functions of the records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dccd.daemon.records import JobRecord, Notice

PAUSE_SECONDS: Final = 300.0
MAX_PAUSE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Item:
    """What a message says of one incident: the notices that its destination has not got, oldest first."""

    key: str
    notices: tuple[Notice, ...]

    @property
    def last(self) -> Notice:
        """The notice that the message shows."""
        return self.notices[-1]

    @property
    def is_news(self) -> bool:
        """Whether the destination hears of the incident for the first time."""
        return any(notice.event == "firing" for notice in self.notices)


@dataclass(frozen=True, slots=True)
class Message:
    """Items that go out together, under the same identifier at each try."""

    id: str
    items: tuple[Item, ...]

    @property
    def subject(self) -> str:
        """The job, or the number of jobs."""
        return self.items[0].key if len(self.items) == 1 else f"{len(self.items)} jobs"


@dataclass(frozen=True, slots=True)
class Plan:
    """The messages now due to a destination, when the next is, and incidents to drop as a silence covers them whole."""

    messages: tuple[Message, ...] = ()
    next_at: float | None = None
    muted: tuple[Item, ...] = ()


def plan(  # noqa: PLR0913 - keywords
    records: Mapping[str, JobRecord],
    destination: str,
    now: float,
    *,
    window: float,
    new_id: str,
    silent: Mapping[str, float] | None = None,
    rest: float | None = None,
) -> Plan:
    """Return the messages due to a destination; those of earlier tries come first, under their identifiers.

    Notices without a message get `new_id` after they waited `window` seconds for others. `silent` maps a job to the end
    of its silence. `rest` is the seconds for which a destination that was down still gets nothing, None if it was not
    down; when it is 0 and there is news, what failed before is due too.
    """
    due: list[Item] = []
    waiting: list[Item] = []
    later: list[float] = []
    muted: list[Item] = []
    for item in _items(records, destination):
        if (until := (silent or {}).get(item.key)) is not None:
            over = item.last.event == "resolved" or not _is_open(records[item.key], item.last.incident)
            if item.is_news and over:
                muted.append(item)
            else:
                later.append(until)
            continue
        wait_until = item.last.next_try_at.get(destination, 0.0)
        # A longer wait than any pause comes from a clock that was ahead.
        if now < wait_until <= now + MAX_PAUSE_SECONDS:
            waiting.append(item)
        else:
            due.append(item)
    messages, open_until = _messages(due, destination, now, window, new_id)
    if messages and rest:
        messages, open_until = (), now + rest
    elif messages and rest is not None and waiting:  # one try shows whether it is back
        messages, open_until = _messages([*waiting, *due], destination, now, window, new_id)
        waiting = []
    later += [item.last.next_try_at[destination] for item in waiting]
    later += [] if open_until is None else [open_until]
    return Plan(messages, min(later, default=None), tuple(muted))


def _messages(
    items: Iterable[Item], destination: str, now: float, window: float, new_id: str
) -> tuple[tuple[Message, ...], float | None]:
    """Return the messages due, those tried before first, and when the window of the others ends."""
    begun: dict[str, list[Item]] = {}
    fresh: list[Item] = []
    for item in items:
        if known := item.last.messages.get(destination):
            begun.setdefault(known, []).append(item)
        else:
            fresh.append(item)
    messages = tuple(Message(name, tuple(members)) for name, members in begun.items())
    if not fresh:
        return messages, None
    oldest = min(item.last.at for item in fresh)
    # A notice from the future means that the clock was set back: it has waited long enough.
    if 0 <= now - oldest < window:
        return messages, oldest + window
    return (*messages, Message(new_id, tuple(fresh))), None


def _is_open(record: JobRecord, incident: str) -> bool:
    return any(known.id == incident for known in record.incidents)


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
    """Return the record after a destination got an item, without the notices that all have got."""
    ids = {notice.id for notice in item.notices}
    owed = (replace(notice, told=(*notice.told, destination)) if notice.id in ids else notice for notice in record.owed)
    return replace(record, owed=tuple(notice for notice in owed if not all_destinations <= set(notice.told)))


def drop_unneeded(record: JobRecord, live: frozenset[str], now: float, ttl: float) -> JobRecord:
    """Return the record without the notices that every live destination has got.

    Without a live destination, drop those that are older than `ttl` and whose incident is over.
    """
    open_incidents = {incident.id for incident in record.incidents}

    def is_needed(notice: Notice) -> bool:
        if live:
            return not live <= set(notice.told)
        return notice.incident in open_incidents or now - notice.at <= ttl

    owed = tuple(notice for notice in record.owed if is_needed(notice))
    return record if len(owed) == len(record.owed) else replace(record, owed=owed)


def defer(  # noqa: PLR0913, PLR0917 - all of them differ
    record: JobRecord, item: Item, destination: str, now: float, ttl: float, wait: float = 0.0
) -> JobRecord:
    """Return the record after a message failed: retry in 5 minutes, doubling to an hour, or later if `wait` is longer.

    Drop the notices of an incident that is over at the age of `ttl`.
    """
    ids = {notice.id for notice in item.notices}

    def later(notice: Notice) -> Notice:
        tries = notice.tries.get(destination, 0)
        pause = min(max(wait, PAUSE_SECONDS * 2 ** min(tries, 8)), MAX_PAUSE_SECONDS)
        return replace(
            notice,
            tries={**notice.tries, destination: tries + 1},
            next_try_at={**notice.next_try_at, destination: now + pause},
        )

    if not _is_open(record, item.last.incident) and now - item.last.at > ttl:
        return replace(record, owed=tuple(notice for notice in record.owed if notice.id not in ids))
    return replace(record, owed=tuple(later(notice) if notice.id in ids else notice for notice in record.owed))
