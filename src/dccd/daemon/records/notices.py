"""What the delivery of the notices that a record owes changes in it: pure functions."""

from dataclasses import dataclass, replace
from typing import Final

from dccd.daemon.records.model import JobRecord, Notice

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


def bind(record: JobRecord, item: Item, destination: str, message: str) -> JobRecord:
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

    if not is_open(record, item.last.incident) and now - item.last.at > ttl:
        return replace(record, owed=tuple(notice for notice in record.owed if notice.id not in ids))
    return replace(record, owed=tuple(later(notice) if notice.id in ids else notice for notice in record.owed))


def is_open(record: JobRecord, incident: str) -> bool:
    """Return whether an incident goes on, by its id."""
    return any(known.id == incident for known in record.incidents)
