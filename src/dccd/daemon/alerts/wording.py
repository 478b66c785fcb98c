"""The text of a message."""

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dccd.daemon.alerts.messages import Message
from dccd.daemon.records import Item, Kind, Notice
from dccd.units import format_duration, format_time

_TROUBLE: Final[Mapping[str, tuple[str, str]]] = {
    Kind.FAILING: ("is failing", "works again"),
    Kind.STALE: ("has not run", "runs again"),
    Kind.OVERRUN: ("does not come to an end", "came to an end"),
    Kind.OLD_DATA: ("brings no new data", "has new data"),
}
_TITLES: Final[Mapping[str, str]] = {"firing": "Firing", "repeat": "Still firing", "resolved": "Resolved"}
_COMMANDS: Final = "To look: dccd status. To silence: dccd silence KEY --for 2h"
_FEW: Final = 4
_LINE_LIMIT: Final = 400
_LINE_END: Final = 2
_TITLE: Final = 110  # characters beside the names: since when, and the count of names without room


def lines(
    message: Message, source: str, now: float, *, room: int = 4000, measure: Callable[[str], int] = len
) -> list[str]:
    """Return the lines of a message, six at most.

    Several incidents have a headline and a line each; more than four have a headline, as many names as fit into `room`
    (as `measure` counts, which may escape first), and the most common error.
    """
    items = message.items
    if len(items) > _FEW:
        return _many(items, source, now, room, measure)
    if len(items) > 1:
        commands = [_COMMANDS] if any(item.last.event != "resolved" for item in items) else []
        rows = [_count(items, source), *(_one_line(item, now) for item in items), *commands]
    else:
        rows = _one(items[0], source, now)
    return [_short(row) for row in rows]


def _one(item: Item, source: str, now: float) -> list[str]:
    notice = item.last
    error = [f"Last error: {notice.error}"] if notice.error else []
    if notice.kind == "test":
        return [f"[TEST] {source}: this is dccd test-alert; nothing is wrong"]
    if notice.event == "resolved":
        return [f"{_headline(item)} on {source}", _course(item), *error, *_missing(notice)]
    success = f"Last success: {_when(notice.last_success_at, now)}"
    data = f", newest data: {_when(notice.newest_at, now)}" if notice.newest_at is not None else ""
    return [
        f"{_headline(item)} on {source}",
        f"{_extent(notice)}since {_when(notice.since, now)}",
        *error,
        f"{success}{data}",
        f"To look: dccd status. To silence: dccd silence {shlex.quote(item.key)} --for 2h",
    ]


def _many(items: Sequence[Item], source: str, now: float, room: int, measure: Callable[[str], int]) -> list[str]:
    troubled = [item for item in items if item.last.event != "resolved"]
    head, rest = _short(_count(items, source)), []
    if troubled:
        rest = [*_most_common_error(troubled), _COMMANDS]
    events = list(_events(items))
    room -= sum(measure(row) + _LINE_END for row in (head, *rest)) + _TITLE * len(events)
    names = []
    for event in events:
        told = [item for item in items if item.last.event == event]
        since = "" if event == "resolved" else f" since {_when(min(item.last.since for item in told), now)}"
        found = _names(told, room, measure)
        names.append(f"{_title(event)}{since}: {found}")
        room -= measure(found)
    return [head, *names, *rest]


def _names(items: Sequence[Item], room: int, measure: Callable[[str], int]) -> str:
    """Return as many names as there is room for, and the count of the others."""
    kept: list[str] = []
    for item in items:
        name = item.key if item.last.kind == Kind.FAILING else f"{item.key} ({item.last.kind})"
        room -= measure(name) + len(", ")
        if room < 0:
            left = f"{len(items) - len(kept)} more" if kept else f"{len(items)} jobs"
            return ", ".join([*kept, f"{'and ' if kept else ''}{left}; dccd status shows all"])
        kept.append(name)
    return ", ".join(kept)


def _most_common_error(items: Sequence[Item]) -> list[str]:
    errors = Counter(item.last.error for item in items if item.last.error)
    if not errors:
        return []
    (error, count), *_ = errors.most_common(1)
    return [_short(f"Last error{'' if count == len(items) else f' of {count}'}: {error}")]


def _count(items: Sequence[Item], source: str) -> str:
    said = ", ".join(f"{count} {_title(event).lower()}" for event, count in _events(items).items())
    return f"[{len(items)} JOBS] on {source}: {said}"


def _events(items: Sequence[Item]) -> dict[str, int]:
    """Return how many items tell of each event, those that this version knows first."""
    counts = Counter(item.last.event for item in items)
    return {event: counts[event] for event in dict.fromkeys([*_TITLES, *counts]) if counts[event]}


def _title(event: str) -> str:
    return _TITLES.get(event, event.capitalize())


def _short(row: str) -> str:
    return row if len(row) <= _LINE_LIMIT else f"{row[: _LINE_LIMIT - 1]}…"


def _headline(item: Item) -> str:
    notice = item.last
    trouble, over = _TROUBLE.get(notice.kind, (f"has an incident ({notice.kind})", "is well again"))
    title = _title(notice.event).upper()
    if notice.event != "resolved":
        return f"[{title}] {item.key} {trouble}"
    over = "is configured no more" if notice.removed else over
    return f"[{title}] {item.key} {over}{': it broke and recovered meanwhile' if item.is_news else ''}"


def _course(item: Item) -> str:
    notice = item.last
    lasted = format_duration(notice.at - notice.since)
    data = f", newest data {_stamp(notice.newest_at)}" if notice.newest_at is not None else ""
    extent = f", {_failures(notice.failures)}" if notice.kind == Kind.FAILING else ""
    return f"It lasted {lasted}{extent} since {_stamp(notice.since)}{data}"


def _one_line(item: Item, now: float) -> str:
    notice = item.last
    if notice.event == "resolved":
        return ". ".join([_headline(item), _course(item), *_missing(notice)])
    error = f": {notice.error}" if notice.error else ""
    return f"{_headline(item)}, {_extent(notice)}since {_when(notice.since, now)}{error}"


def _missing(notice: Notice) -> list[str]:
    return [f"Still missing: {notice.rows_missing} rows"] if notice.rows_missing else []


def _extent(notice: Notice) -> str:
    return f"{_failures(notice.failures)} " if notice.kind == Kind.FAILING else ""


def _failures(count: int) -> str:
    return "1 failure" if count == 1 else f"{count} failures"


def _when(seconds: float | None, now: float) -> str:
    if seconds is None:
        return "never"
    return f"{_stamp(seconds)} ({format_duration(now - seconds)} ago)"


def _stamp(seconds: float) -> str:
    return format_time(seconds, "minutes", spoken=True)
