"""Which message is due to a destination: pure functions of the records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dccd.daemon.records import MAX_PAUSE_SECONDS, Item, JobRecord, Notice, is_open


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
            over = item.last.event == "resolved" or not is_open(records[item.key], item.last.incident)
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


def _items(records: Mapping[str, JobRecord], destination: str) -> Iterable[Item]:
    for key, record in records.items():
        by_incident: dict[str, list[Notice]] = {}
        for notice in record.owed:
            if destination not in notice.told:
                by_incident.setdefault(notice.incident, []).append(notice)
        for notices in by_incident.values():
            yield Item(key, tuple(notices))
