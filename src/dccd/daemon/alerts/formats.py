"""The bodies that services expect, as pure functions of a message."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from dccd.daemon.alerts.messages import Destination, Item, Message
from dccd.daemon.alerts.wording import lines

__all__ = ["body", "endpoint", "text"]

_SLACK_LIMIT: Final = 3900
_DISCORD_LIMIT: Final = 3900
_TEAMS_LIMIT: Final = 8000
_GENERIC_LIMIT: Final = 16_000
_LINE_LIMIT: Final = 400
_MARKDOWN: Final = re.compile(r"([\\*_~`|>\[\]()#<@])")
_RED: Final = 0xD93F0B
_GREEN: Final = 0x2E7D32


def endpoint(destination: Destination) -> str:
    """Return the address to post to.

    Discord gets its versioned path, as the old one answers in other units, and is asked to confirm.
    """
    if destination.service != "discord":
        return destination.url
    parts = urlsplit(destination.url)
    path = parts.path.replace("/api/webhooks/", "/api/v10/webhooks/", 1)
    query = parts.query if "wait=" in parts.query else "&".join(filter(None, (parts.query, "wait=true")))
    return urlunsplit(parts._replace(path=path, query=query))


def body(message: Message, service: str, *, source: str, now: float) -> bytes:
    """Return the JSON that tells a message to a service.

    Parameters
    ----------
    message : Message
        What to say.
    service : str
        ``slack``, ``discord``, ``teams``, ``mattermost``, ``rocketchat`` or ``generic``.
    source : str
        Where it runs.
    now : float
        The time, Unix seconds.

    Returns
    -------
    bytes
        ASCII JSON within the limits of the service; text from exchanges cannot mention or mark up anything.
    """
    return json.dumps(_BODIES[service](message, source, now)).encode("ascii")


def text(message: Message, *, source: str, now: float) -> tuple[str, str]:
    """Return a message as a title and plain text, for services that take no more.

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
    tuple of str and str
        Title and text.
    """
    title, *rest = _cut(message, source, now)
    return title, _fit(rest, _SLACK_LIMIT)


def _slack(message: Message, source: str, now: float) -> dict[str, Any]:
    escaped = (
        line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in _cut(message, source, now)
    )
    return {"text": _fit(list(escaped), _SLACK_LIMIT), "mrkdwn": False, "unfurl_links": False}


def _discord(message: Message, source: str, now: float) -> dict[str, Any]:
    title, *rest = (_MARKDOWN.sub(r"\\\1", line) for line in _cut(message, source, now))
    over = all(item.last.event == "resolved" for item in message.items)
    embed = {"title": title[:250], "description": _fit(rest, _DISCORD_LIMIT), "color": _GREEN if over else _RED}
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _teams(message: Message, source: str, now: float) -> dict[str, Any]:
    text = _fit([_MARKDOWN.sub(r"\\\1", line) for line in _cut(message, source, now)], _TEAMS_LIMIT, "\n\n")
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [{"type": "TextBlock", "text": text, "wrap": True}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _lookalike(message: Message, source: str, now: float) -> dict[str, Any]:
    return {"text": _fit([_MARKDOWN.sub(r"\\\1", line) for line in _cut(message, source, now)], _SLACK_LIMIT)}


def _generic(message: Message, source: str, now: float) -> dict[str, Any]:
    return {
        "type": _type(message),
        "timestamp": _rfc3339(now),
        "text": _fit(_cut(message, source, now), _GENERIC_LIMIT),
        "data": {"id": message.id, "source": source, "jobs": [_facts(item) for item in message.items]},
    }


_BODIES: Final[Mapping[str, Callable[[Message, str, float], dict[str, Any]]]] = {
    "discord": _discord,
    "generic": _generic,
    "mattermost": _lookalike,
    "rocketchat": _lookalike,
    "slack": _slack,
    "teams": _teams,
}


def _type(message: Message) -> str:
    if message.items[0].last.kind == "test":
        return "test"
    over = {item.last.event == "resolved" for item in message.items}
    if len(over) > 1:
        return "jobs.changed"
    return "job.resolved" if over == {True} else "job.failing"


def _facts(item: Item) -> dict[str, Any]:
    notice = item.last
    return {
        "job": item.key,
        "event": notice.event,
        "notice": notice.id,
        "incident": notice.incident,
        "kind": notice.kind,
        "since": _rfc3339(notice.since),
        "at": _rfc3339(notice.at),
        "failures": notice.failures,
        "error": notice.error,
        "last_success_at": None if notice.last_success_at is None else _rfc3339(notice.last_success_at),
        "rows_missing": notice.rows_missing,
        "newest_at": None if notice.newest_at is None else _rfc3339(notice.newest_at),
    }


def _cut(message: Message, source: str, now: float) -> list[str]:
    return [line if len(line) <= _LINE_LIMIT else f"{line[: _LINE_LIMIT - 1]}…" for line in lines(message, source, now)]


def _fit(rows: list[str], limit: int, end: str = "\n") -> str:
    """Join as many rows as fit; say how many did not."""
    kept: list[str] = []
    left = limit - 60
    for row in rows:
        left -= len(row) + len(end)
        if left < 0:
            kept.append(f"… and {len(rows) - len(kept)} more; dccd status shows all")
            break
        kept.append(row)
    return end.join(kept)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
