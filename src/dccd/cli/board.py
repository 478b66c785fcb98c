"""The table and the footer that ``dccd status`` prints."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from dccd import errors
from dccd.daemon.records import Kind
from dccd.daemon.status import PRESENT
from dccd.printable import printable
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.status import DaemonView, JobView, Overview

_STYLES: Final = {"alerted": "bold red", "failing": "yellow", "late": "yellow", "never": "cyan", "ok": "green"}
_DAEMON_STYLES: Final = {"running": "green", "stopping": "yellow", "hung": "bold red", "died": "bold red"}
_OURS: Final = re.compile(rf"(?:{'|'.join(errors.__all__)}): (?=\S)")
_UNLIMITED: Final = 10_000
_LEAST_ERROR: Final = 14
_NARROWEST_ERROR: Final = 10
_WIDE: Final = 120
_ERROR_LINES: Final = 2
_SPACE: Final = 2
_UNITS: Final = (("s", 1), ("m", 60), ("h", 3600), ("d", 86_400))

_Say = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column: its head, its cell for a job, and the width of terminal from which it is shown."""

    head: str
    cell: "Callable[[JobView, float, _Say], str]"
    from_width: int = 0


def _briefly(seconds: float) -> str:
    """Return a duration in the largest unit of which it has two, so that four characters are enough."""
    unit, size = next((each for each in reversed(_UNITS) if seconds >= 2 * each[1]), _UNITS[0])
    return f"{max(0.0, seconds) // size:.0f}{unit}"


def _age(time: float | None, now: float, say: _Say = format_duration) -> str:
    return "never" if time is None else say(now - time)


def _next(job: "JobView", now: float, say: _Say) -> str:
    if job.next_run_at is None:
        return "-"
    return "now" if job.next_run_at <= now else say(job.next_run_at - now)


_COLUMNS: Final = (
    _Column("STATE", lambda job, *_: job.state.upper() + (",SILENCED" if job.silenced_until else "")),
    _Column("JOB", lambda job, *_: job.key),
    _Column("LAST-OK", lambda job, now, say: _age(job.last_success_at, now, say), 40),
    _Column("LAST-RUN", lambda job, now, say: _age(job.last_run_at, now, say), _WIDE),
    _Column("NEWEST", lambda job, now, say: "-" if job.newest_at is None else _age(job.newest_at, now, say), 70),
    _Column("ROWS", lambda job, *_: str(job.rows_collected), 100),
    _Column("MISSING", lambda job, *_: str(job.rows_missing), _WIDE),
    _Column("FAILS", lambda job, *_: str(job.errors_count), 50),
    _Column("NEXT", _next, 70),
)


def board(overview: "Overview", width: int | None, height: int | None = None) -> Group:
    """Return what ``dccd status`` shows, errors in full without a width, and jobs beyond a height only as a number."""
    below = footer(overview)
    taken = sum(len(_wrap(line, width)) for line in below)
    lines = None if height is None else height - taken - 3
    return Group(*_table(overview.jobs, overview.at, width, lines), Text(), *below)


def status_table(jobs: "Sequence[JobView]", now: float, width: int | None) -> str:
    """Return the table of jobs as plain text."""
    return as_text(Group(*_table(jobs, now, width, None)), width)


def as_text(what: Group, width: int | None) -> str:
    """Return what rich would print, without colour and trailing spaces."""
    stream = io.StringIO()
    console = Console(file=stream, width=width or _UNLIMITED, color_system=None, force_terminal=False)
    console.print(what, soft_wrap=False)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).rstrip("\n")


def footer(overview: "Overview") -> list[Text]:
    """Return the lines below the table: the daemon, the directory, the alerts, and what needs attention."""
    lines = [_daemon_line(overview.daemon, overview.at), _line("data", overview.local_path)]
    lines += _alert_lines(overview)
    if overview.daemon.persistence is not None:
        lines.append(_line("records", f"IN MEMORY ONLY: {overview.daemon.persistence}", "bold red"))
    elif overview.daemon.state == "running":
        lines.append(_line("records", "on disk"))
    if overview.daemon.address is not None:
        lines.append(_line("page", overview.daemon.address))
    strangers = [job.key for job in overview.jobs if not job.configured]
    if strangers and len(strangers) < len(overview.jobs):
        some = ", ".join(strangers[:3]) + (f" and {len(strangers) - 3} more" if strangers[3:] else "")
        lines.append(_line("note", f"not in the configuration: {some}; dccd forget KEY drops a record"))
    return lines


def _table(jobs: "Sequence[JobView]", now: float, width: int | None, lines: int | None) -> list[Table | Text]:
    if not jobs:
        return [Text("no jobs are configured, and none has run")]
    columns, cells, space = _fit(jobs, now, width)
    says_missing = any(column.head == "MISSING" for column in columns)
    for job, row in zip(jobs, cells, strict=True):
        row.append(_in_lines(_note(job, now, says_missing=says_missing, in_full=width is None), space))
    shown = len(jobs) if lines is None else _fitting(cells, lines)
    table = Table(box=None, pad_edge=False, padding=(0, _SPACE, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.head, no_wrap=True)
    table.add_column("ERROR", no_wrap=True)
    for job, row in list(zip(jobs, cells, strict=True))[:shown]:
        table.add_row(Text(row[0], _STYLES[job.state]), *map(Text, row[1:]))
    left = len(jobs) - shown
    return [table, Text(f"and {left} more, none of them worse")] if left else [table]


def _fit(jobs: "Sequence[JobView]", now: float, width: int | None) -> tuple[list[_Column], list[list[str]], int | None]:
    """Return the columns that fit the terminal, their cells, and the width of the error; None is unlimited."""
    columns = [column for column in _COLUMNS if width is None or width >= column.from_width]
    say = format_duration if width is None or width >= _WIDE else _briefly
    cells = [[_clean(column.cell(job, now, say)) for column in columns] for job in jobs]
    if width is None:
        return columns, cells, None
    if width < _WIDE:
        for row in cells:
            row[0] = row[0].replace(",", ",\n")
    while (space := _left(columns, cells, width)) < _LEAST_ERROR and any(column.from_width for column in columns):
        last = max(range(len(columns)), key=lambda index: (columns[index].from_width, index))
        columns.pop(last)
        for row in cells:
            row.pop(last)
    return columns, cells, max(_NARROWEST_ERROR, space)


def _left(columns: Sequence[_Column], cells: list[list[str]], width: int) -> int:
    """Return how many columns of the terminal remain for the error."""
    taken = [
        max(len(column.head), *(cell_len(line) for row in cells for line in row[index].split("\n")))
        for index, column in enumerate(columns)
    ]
    return width - sum(taken) - _SPACE * len(taken)


def _note(job: "JobView", now: float, *, says_missing: bool, in_full: bool) -> str:
    """Return the problems of a job in one line."""
    parts = [
        f"{each.kind} for {format_duration(now - each.since)}" if in_full else each.kind
        for each in job.incidents
        if each.kind != Kind.FAILING
    ]
    if job.errors_count and job.last_error:
        error = " ".join(job.last_error.split())
        parts.append(error if in_full else _what(error, job))
    if job.rows_missing and not says_missing:
        parts.append(f"{job.rows_missing} rows missing")
    if job.silenced_until is not None:
        reason = f" ({job.silence_reason})" if job.silence_reason else ""
        parts.append(f"silenced for {format_duration(job.silenced_until - now)}{reason}")
    return _clean("; ".join(parts))


def _what(error: str, job: "JobView") -> str:
    """Return an error without what the row already shows: our type, the exchange, the pair and the timeframe."""
    beside = rf"(?:{re.escape(job.exchange)}: )?(?:{re.escape(job.pair)}(?: \w+)?: )?(?=\S)"
    return re.sub(f"^{beside}", "", _OURS.sub("", error, count=1))


def _clean(text: str) -> str:
    """Return a text without what could move the cursor, change colours or take no place in a column."""
    return "".join(sign if sign.isprintable() else "?" for sign in printable(text))


def _in_lines(note: str, space: int | None) -> str:
    if space is None:
        return note
    lines = [line.plain.rstrip() for line in _wrap(Text(note), space)]
    if len(lines) > _ERROR_LINES:
        lines[_ERROR_LINES - 1 :] = [_cut(" ".join(lines[_ERROR_LINES - 1 :]), space)]
    return "\n".join(lines)


def _wrap(text: Text, width: int | None) -> list[Text]:
    """Return a text in lines of a width in terminal columns; a character may take two."""
    return [text] if width is None else list(text.wrap(Console(width=width), width))


def _cut(text: str, space: int) -> str:
    cut = Text(text)
    cut.truncate(space, overflow="ellipsis")
    return cut.plain


def _fitting(rows: Sequence[Sequence[str]], lines: int) -> int:
    """Return how many rows fit; the first is always shown."""
    taken = 0
    for number, row in enumerate(rows):
        taken += max(cell.count("\n") for cell in row) + 1
        if taken > lines:
            return max(1, number)
    return len(rows)


def _line(name: str, text: str, style: str = "") -> Text:
    return Text.assemble((f"{name + ':':9}", "bold"), (_clean(text), style))


def _daemon_line(daemon: "DaemonView", now: float) -> Text:
    tick = f"last tick {_age(daemon.ticked_at, now)} ago"
    said = {
        "starting": "starting",
        "running": f"running, pid {daemon.pid}, up {_age(daemon.started_at, now)}, {tick}, dccd {daemon.version}",
        "stopping": f"stopping, pid {daemon.pid}, {tick}",
        "hung": f"HUNG, pid {daemon.pid}: {tick}; restart it",
        "stopped": f"not running; it was stopped, {tick}",
        "died": f"NOT RUNNING: pid {daemon.pid} died without shutting down, {tick}",
        "unseen": "not running; dccd start was never run here",
    }[daemon.state]
    return _line("daemon", said, _DAEMON_STYLES.get(daemon.state, ""))


def _alert_lines(overview: "Overview") -> list[Text]:
    if overview.daemon.destinations and not overview.destinations:  # this process lacks the daemon's settings
        lines = [_line("alerts", f"{address}, as the daemon reports") for address in overview.daemon.destinations]
    elif not overview.destinations and _is_of_a_program(overview):
        lines = [_line("alerts", "not set here; a program of yours may have its own")]
    elif not overview.destinations:
        lines = [_line("alerts", "OFF, set DCCD_ALERTS__WEBHOOK_URL", "yellow")]
    else:
        lines = [
            _line("alerts", f"{each.service} ({each.address}) GONE, set a new address", "bold red")
            if each.gone
            else _line("alerts", f"{each.service} ({each.address})")
            for each in overview.destinations
        ]
    if overview.notices_owed:
        lines.append(_line("owed", _owed(overview), "yellow"))
    return lines


def _is_of_a_program(overview: "Overview") -> bool:
    """Return whether the jobs come from a program with a monitor of its own and no daemon."""
    jobs = overview.jobs
    return overview.daemon.state == "unseen" and bool(jobs) and not any(job.configured for job in jobs)


def _owed(overview: "Overview") -> str:
    count = f"{overview.notices_owed} {'notice' if overview.notices_owed == 1 else 'notices'}"
    if overview.next_try_at is None:
        return f"{count}; no destination is set here"
    if overview.daemon.state not in PRESENT:
        return f"{count}, sent when a daemon or monitor runs"
    wait = overview.next_try_at - overview.at
    return f"{count}, next try {'now' if wait <= 0 else f'in {format_duration(wait)}'}"
