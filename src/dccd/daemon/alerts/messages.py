"""Which message is due to a destination, and what becomes of it: pure functions of the records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from dccd.daemon.records import JobRecord, Notice

PAUSE_SECONDS: Final = 300.0
MAX_PAUSE_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Item:
    """What a message says of one incident."""

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
    """Items that go out together under one identifier."""

    id: str
    items: tuple[Item, ...]

    @property
    def subject(self) -> str:
        """The job, or how many there are."""
        return self.items[0].key if len(self.items) == 1 else f"{len(self.items)} jobs"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a destination."""

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
    """Return the messages due to a destination."""
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
        # Longer than any pause means that the clock was ahead when it was set.
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
    """Return the messages that are due, those begun before first, and when the window of the others is over."""
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
    """Return the record after a destination got an item; what all have got is owed no more."""
    ids = {notice.id for notice in item.notices}
    owed = (replace(notice, told=(*notice.told, destination)) if notice.id in ids else notice for notice in record.owed)
    return replace(record, owed=tuple(notice for notice in owed if not all_destinations <= set(notice.told)))


def settle(record: JobRecord, live: frozenset[str], now: float, ttl: float) -> JobRecord:
    """Return the record without the notices that nobody waits for.

    These are what every live destination has, and, while no destination is left alive, what is older than `ttl` and
    of an incident that is over.
    """
    open_incidents = {incident.id for incident in record.incidents}

    def is_wanted(notice: Notice) -> bool:
        if live:
            return not live <= set(notice.told)
        return notice.incident in open_incidents or now - notice.at <= ttl

    owed = tuple(notice for notice in record.owed if is_wanted(notice))
    return record if len(owed) == len(record.owed) else replace(record, owed=owed)


def defer(  # noqa: PLR0913, PLR0917 - all of them differ
    record: JobRecord, item: Item, destination: str, now: float, ttl: float, wait: float = 0.0
) -> JobRecord:
    """Return the record after a message failed: tried again in 5 minutes, doubling to an hour, but not before `wait`.

    Notices of an incident that is over are dropped at the age of `ttl`.
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
