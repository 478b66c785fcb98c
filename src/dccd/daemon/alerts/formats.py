"""The bodies that services expect: pure functions of a message."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Message
from dccd.daemon.alerts.wording import lines
from dccd.daemon.logs import utc
from dccd.daemon.records import Item

_SLACK_LIMIT: Final = 3900
_DISCORD_LIMIT: Final = 3900
_TEAMS_LIMIT: Final = 8000
_GENERIC_LIMIT: Final = 16_000
_MARKDOWN: Final = re.compile(r"([\\*_~`|>\[\]()#<@])")
# Without < and @: Mattermost shows a backslash before those, and finds a mention all the same.
_MATTERMOST: Final = re.compile(r"([\\*_~`|>\[\]()#])")
_MENTION: Final = re.compile(r"(?<![^\W_])@")
_NO_MENTION: Final = "@\N{ZERO WIDTH SPACE}"
_LEFT_OUT: Final = 60  # characters for the count of rows that do not fit
_RED: Final = 0xD93F0B
_GREEN: Final = 0x2E7D32


def endpoint(destination: Destination) -> str:
    """Return the URL to post to.

    Discord gets its versioned path, as the old one answers in other units, and the query that makes it confirm.
    """
    if destination.service != "discord":
        return destination.url
    parts = urlsplit(destination.url)
    path = parts.path.replace("/api/webhooks/", "/api/v10/webhooks/", 1)
    query = parts.query if "wait=" in parts.query else "&".join(filter(None, (parts.query, "wait=true")))
    return urlunsplit(parts._replace(path=path, query=query))


def body(message: Message, service: str, *, source: str, now: float) -> bytes:
    """Return a message as JSON in ASCII for a service, within its limits; no text in it can mention anybody."""
    return json.dumps(_BODIES[service](message, source, now)).encode("ascii")


def text(message: Message, *, source: str, now: float) -> tuple[str, str]:
    """Return a message as a title and plain text."""
    title, *rest = _rows(message, source, now, _SLACK_LIMIT)
    return title, _fit(rest, _SLACK_LIMIT)


def _slack(message: Message, source: str, now: float) -> dict[str, Any]:
    rows = _rows(message, source, now, _SLACK_LIMIT, _escape_slack)
    return {"text": _fit(rows, _SLACK_LIMIT), "mrkdwn": False, "unfurl_links": False}


def _discord(message: Message, source: str, now: float) -> dict[str, Any]:
    title, *rest = _rows(message, source, now, _DISCORD_LIMIT, _escape_markdown)
    over = all(item.last.event == "resolved" for item in message.items)
    embed = {"title": title[:250], "description": _fit(rest, _DISCORD_LIMIT), "color": _GREEN if over else _RED}
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _teams(message: Message, source: str, now: float) -> dict[str, Any]:
    text = _fit(_rows(message, source, now, _TEAMS_LIMIT, _escape_markdown), _TEAMS_LIMIT, "\n\n")
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": [{"type": "TextBlock", "text": text, "wrap": True}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _mattermost(message: Message, source: str, now: float) -> dict[str, Any]:
    return {"text": _fit(_rows(message, source, now, _SLACK_LIMIT, _escape_mattermost), _SLACK_LIMIT)}


def _rocketchat(message: Message, source: str, now: float) -> dict[str, Any]:
    # It has no escapes, and reads a bracket after a backslash as a formula; a block of code stays as it is.
    rows = _rows(message, source, now, _SLACK_LIMIT, _escape_rocketchat)
    return {"text": f"```\n{_fit(rows, _SLACK_LIMIT)}\n```"}


def _escape_slack(row: str) -> str:
    return row.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_markdown(row: str) -> str:
    return _MARKDOWN.sub(r"\\\1", row)


def _escape_mattermost(row: str) -> str:
    return _MENTION.sub(_NO_MENTION, _MATTERMOST.sub(r"\\\1", row))


def _escape_rocketchat(row: str) -> str:
    return _MENTION.sub(_NO_MENTION, row.replace("`", "'"))


def _generic(message: Message, source: str, now: float) -> dict[str, Any]:
    return {
        "type": _type(message),
        "timestamp": utc(now),
        "text": _fit(_rows(message, source, now, _GENERIC_LIMIT), _GENERIC_LIMIT),
        "data": {"id": message.id, "source": source, "jobs": [_facts(item) for item in message.items]},
    }


_BODIES: Final[Mapping[str, Callable[[Message, str, float], dict[str, Any]]]] = {
    "discord": _discord,
    "generic": _generic,
    "mattermost": _mattermost,
    "rocketchat": _rocketchat,
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
        "since": utc(notice.since),
        "at": utc(notice.at),
        "failures": notice.failures,
        "error": notice.error,
        "last_success_at": None if notice.last_success_at is None else utc(notice.last_success_at),
        "rows_missing": notice.rows_missing,
        "newest_at": None if notice.newest_at is None else utc(notice.newest_at),
    }


def _rows(message: Message, source: str, now: float, limit: int, escape: Callable[[str], str] = str) -> list[str]:
    room = limit - _LEFT_OUT
    return [escape(row) for row in lines(message, source, now, room=room, measure=lambda row: len(escape(row)))]


def _fit(rows: list[str], limit: int, end: str = "\n") -> str:
    """Join as many rows as fit, and count those that do not."""
    kept: list[str] = []
    left = limit - _LEFT_OUT
    for row in rows:
        left -= len(row) + len(end)
        if left < 0:
            kept.append(f"… and {len(rows) - len(kept)} more; dccd status shows all")
            break
        kept.append(row)
    return end.join(kept)
