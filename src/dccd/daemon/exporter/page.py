"""The status page: one HTML document that asks no other host for anything."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

from dccd.daemon.exporter.assets import SCRIPT, STYLE
from dccd.daemon.exporter.chart import chart
from dccd.daemon.records import Kind
from dccd.printable import printable
from dccd.units import format_duration, format_time

if TYPE_CHECKING:
    from dccd.candles import Span
    from dccd.daemon.status import DaemonView, JobView, Overview

_MAX_JOBS: Final = 500
_TONES: Final = {"alerted": "bad", "failing": "warn", "late": "warn", "never": "", "ok": "good"}
_DAEMON_TONES: Final = {"stopping": "warn", "hung": "bad", "stopped": "bad", "died": "bad"}


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Lets the style and the script of the page run, and no others, whatever text an error has."""


def page(overview: "Overview", spans: "Sequence[Span] | None") -> str:
    """Return the status page, all texts escaped; `spans` is None where pyarrow is missing."""
    summary = _summary(overview)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>dccd: {summary}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>dccd: {summary}</h1>
<p class="faint">As of {format_time(overview.at, spoken=True)}. Times are ages unless they say otherwise.</p>
{_facts(overview)}
{_incidents(overview)}
{_jobs(overview)}
{_coverage(overview, spans)}
</main>
<p id="lost" class="bad" role="alert" hidden>The daemon does not answer: what stands here is old.</p>
<p id="control" hidden><label><input type="checkbox" id="often" checked> look again every 15 s</label></p>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _summary(overview: "Overview") -> str:
    count = len(overview.jobs)
    jobs = f"{count} {'job' if count == 1 else 'jobs'}"
    wrong = [job for job in overview.jobs if job.state in {"alerted", "failing", "late"}]
    if not wrong:
        return f"{jobs}, none in trouble" if count else "no jobs"
    named = [
        f"{number} {state}"
        for state in ("alerted", "failing", "late")
        if (number := sum(job.state == state for job in wrong))
    ]
    return f"{', '.join(named)} of {jobs}"


def _facts(overview: "Overview") -> str:
    daemon = overview.daemon
    facts = [
        ("Daemon", _daemon(daemon, overview.at), _DAEMON_TONES.get(daemon.state, "")),
        ("Data", overview.local_path, ""),
        _alerts(overview),
    ]
    if overview.notices_owed:
        facts.append(("Notices owed", _owed(overview), "warn"))
    if daemon.persistence is not None:
        facts.append(("Records", f"in memory only: {daemon.persistence}", "bad"))
    elif daemon.state == "running":
        facts.append(("Records", "on disk", ""))
    return f"<dl>{''.join(_fact(*fact) for fact in facts)}</dl>"


def _fact(name: str, text: str, tone: str) -> str:
    return f'<dt>{escape(name)}</dt><dd class="{tone}">{_shown(text)}</dd>'


def _daemon(daemon: "DaemonView", now: float) -> str:
    if daemon.pid is None:
        return "starting" if daemon.state == "starting" else "not running"
    tick = "" if daemon.ticked_at is None else f", last tick {_age(daemon.ticked_at, now)} ago"
    up = "" if daemon.started_at is None else f", up {_age(daemon.started_at, now)}"
    return f"{daemon.state}, pid {daemon.pid}{up}{tick}, dccd {daemon.version}"


def _alerts(overview: "Overview") -> tuple[str, str, str]:
    if not overview.destinations:
        return ("Alerts", "off: no destination is set", "warn")
    places = ", ".join(
        f"{each.service} ({each.address}){' GONE, set a new address' if each.gone else ''}"
        for each in overview.destinations
    )
    return ("Alerts", places, "bad" if any(each.gone for each in overview.destinations) else "")


def _owed(overview: "Overview") -> str:
    if overview.next_try_at is None:
        return f"{overview.notices_owed}; no destination is set here"
    wait = overview.next_try_at - overview.at
    return f"{overview.notices_owed}, next try {'now' if wait <= 0 else f'in {format_duration(wait)}'}"


def _incidents(overview: "Overview") -> str:
    rows = [
        _row(
            ("Trouble", _tag(each.kind, "bad"), ""),
            ("Job", _shown(job.key), ""),
            ("Since", _when(each.since, overview.at), ""),
            ("Failures", str(each.failures), "number"),
            ("Notices", str(each.notices), "number"),
            ("Last error", _shown(job.last_error or "") if each.kind == Kind.FAILING else "", "text"),
        )
        for job in overview.jobs
        for each in job.incidents
    ]
    if not rows:
        return "<h2>Incidents</h2><p>None is open.</p>"
    heads = ("Trouble", "Job", "Since", "Failures", "Notices", "Last error")
    return f"<h2>Incidents</h2>{_table('Open incidents', heads, rows[:_MAX_JOBS])}"


def _jobs(overview: "Overview") -> str:
    if not overview.jobs:
        return "<h2>Jobs</h2><p>None is configured, and none has run.</p>"
    now = overview.at
    rows = [
        _row(
            (
                "State",
                _tag(job.state, _TONES[job.state]) + ("" if job.silenced_until is None else _tag("silenced", "")),
                "",
            ),
            ("Job", _shown(job.key), ""),
            ("Last OK", _when(job.last_success_at, now), ""),
            ("Last run", _when(job.last_run_at, now), ""),
            ("Newest", _when(job.newest_at, now), ""),
            ("Next", _until(job.next_run_at, now), ""),
            ("Rows", f"{job.rows_collected:,}", "number"),
            ("Missing", f"{job.rows_missing:,}", "number"),
            ("Fails", str(job.errors_count), "number"),
            ("Error", _shown(_note(job, now)), "text"),
        )
        for job in overview.jobs[:_MAX_JOBS]
    ]
    heads = ("State", "Job", "Last OK", "Last run", "Newest", "Next", "Rows", "Missing", "Fails", "Error")
    left = len(overview.jobs) - _MAX_JOBS
    more = f"<p>and {left} more that are no worse</p>" if left > 0 else ""
    return f"<h2>Jobs</h2>{_table('Health of the jobs, the worst first', heads, rows)}{more}"


def _coverage(overview: "Overview", spans: "Sequence[Span] | None") -> str:
    if spans is None:
        return "<h2>What is stored</h2><p>To look at candles, pyarrow is needed: the extra collect.</p>"
    if not spans:
        return "<h2>What is stored</h2><p>No candles yet.</p>"
    key = '<p class="faint">A full bar is complete; a bar of half the height has candles missing in it.</p>'
    return f"<h2>What is stored</h2>{key}{chart(spans, overview.at)}"


def _table(label: str, heads: Sequence[str], rows: Iterable[str]) -> str:
    numbers = {"Failures", "Notices", "Rows", "Missing", "Fails"}
    # The roles stay when a narrow screen shows each row as a block.
    head = "".join(
        f'<th role="columnheader" scope="col" class="{"number" if name in numbers else ""}">{name}</th>'
        for name in heads
    )
    return (
        f'<div class="scroll" role="region" aria-label="{label}" tabindex="0"><table role="table" aria-label="{label}">'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(rows)}</tbody></table></div>'
    )


def _row(*cells: tuple[str, str, str]) -> str:
    drawn = "".join(
        f'<td role="cell" data-label="{label}" class="{kind}">{content and f"<div>{content}</div>"}</td>'
        for label, content, kind in cells
    )
    return f'<tr role="row">{drawn}</tr>'


def _tag(text: str, tone: str) -> str:
    return f'<span class="tag {tone}">{_shown(text.upper())}</span>'


def _shown(text: str) -> str:
    return escape(printable(text))


def _note(job: "JobView", now: float) -> str:
    parts = [job.last_error] if job.errors_count and job.last_error else []
    if job.silenced_until is not None:
        reason = f": {job.silence_reason}" if job.silence_reason else ""
        parts.append(f"silenced for {_age(now, job.silenced_until)}{reason}")
    return "; ".join(parts)


def _when(time: float | None, now: float) -> str:
    if time is None:
        return "never"
    moment = format_time(time)
    return f'<time datetime="{moment}" title="{moment}">{_age(time, now)}</time>'


def _until(time: float | None, now: float) -> str:
    if time is None:
        return "-"
    return f'<time datetime="{format_time(time)}">{"now" if time <= now else f"in {_age(now, time)}"}</time>'


def _age(earlier: float, later: float) -> str:
    return format_duration(later - earlier)
