"""What a message says, in plain text."""

import shlex
from datetime import UTC, datetime
from typing import Final

from dccd.daemon.alerts.messages import Item, Message
from dccd.daemon.metrics import Notice
from dccd.units import format_duration

__all__ = ["lines"]

_TROUBLE: Final = {
    "failing": ("is failing", "works again"),
    "stale": ("has not run", "runs again"),
    "overrun": ("does not come to an end", "came to an end"),
    "old data": ("brings no new data", "has new data"),
}


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
    error = [f"Last error: {notice.error}"] if notice.error else []
    if notice.kind == "test":
        return [f"[TEST] {source}: this is dccd test-alert; nothing is wrong"]
    if notice.event == "resolved":
        missing = [f"Still missing: {notice.rows_missing} rows"] if notice.rows_missing else []
        return [f"{_headline(item)} on {source}", _course(item), *error, *missing]
    success = f"Last success: {_when(notice.last_success_at, now)}"
    data = f", newest data: {_when(notice.newest_at, now)}" if notice.newest_at is not None else ""
    return [
        f"{_headline(item)} on {source}",
        f"{_extent(notice)}since {_when(notice.since, now)}",
        *error,
        f"{success}{data}",
        f"To look: dccd status. To silence: dccd silence {shlex.quote(item.key)} --for 2h",
    ]


def _headline(item: Item) -> str:
    notice = item.last
    trouble, over = _TROUBLE.get(notice.kind, (f"has an incident ({notice.kind})", "is well again"))
    match notice.event:
        case "firing":
            return f"[FIRING] {item.key} {trouble}"
        case "repeat":
            return f"[STILL FIRING] {item.key} {trouble}"
        case "resolved":
            over = "is configured no more" if notice.removed else over
            return f"[RESOLVED] {item.key} {over}{': it broke and recovered meanwhile' if item.is_news else ''}"


def _course(item: Item) -> str:
    notice = item.last
    lasted = format_duration(notice.at - notice.since)
    data = f", newest data {_stamp(notice.newest_at)}" if notice.newest_at is not None else ""
    extent = f", {_failures(notice.failures)}" if notice.kind == "failing" else ""
    return f"It lasted {lasted}{extent} since {_stamp(notice.since)}{data}"


def _one_line(item: Item, now: float) -> str:
    notice = item.last
    if notice.event == "resolved":
        return f"{_headline(item)}. {_course(item)}"
    error = f": {notice.error}" if notice.error else ""
    return f"{_headline(item)}, {_extent(notice)}since {_when(notice.since, now)}{error}"


def _extent(notice: Notice) -> str:
    return f"{_failures(notice.failures)} " if notice.kind == "failing" else ""


def _failures(count: int) -> str:
    return "1 failure" if count == 1 else f"{count} failures"


def _when(seconds: float | None, now: float) -> str:
    if seconds is None:
        return "never"
    return f"{_stamp(seconds)} ({format_duration(now - seconds)} ago)"


def _stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
