"""What the commands print, as pure functions."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TextIO

from dccd.redact import redact
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig
    from dccd.daemon.metrics import JobRecord
    from dccd.daemon.scheduler import JobResult

__all__ = ["alerts_line", "results_table", "show_progress", "status_table", "table"]

_RANK: Final = {"ALERTED": 0, "FAILING": 1, "NEVER": 2, "OK": 3}


def alerts_line(alerts: "AlertConfig", gone: Collection[str] = ()) -> str:
    """Return where alerts go, without the addresses; `gone` are the destinations that said they exist no more."""
    from dccd.daemon.alerts.outbox import destinations  # noqa: PLC0415

    services = [
        f"{destination.service} (GONE, set a new address)" if destination.id in gone else destination.service
        for destination in destinations(alerts)
    ]
    return f"alerts: {', '.join(services)}" if services else "alerts: OFF, set DCCD_ALERTS__WEBHOOK_URL"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> str:
    """Return rows in aligned columns; the last column is cut to fit the width."""
    grid = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in grid) for column in range(len(header))]
    text = ("  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in grid)
    return "\n".join(line if len(line) <= width else f"{line[: width - 1]}…" for line in text)


def state_of(record: "JobRecord | None") -> str:
    """Return the health of a job in a word."""
    if record is not None and record.incidents:
        return "ALERTED"
    if record is None or record.metrics.last_run_at is None:
        return "NEVER"
    return "FAILING" if record.metrics.errors_count else "OK"


def status_table(
    records: "Mapping[str, JobRecord]",
    configured: Sequence[str],
    now: float,
    width: int,
    silent: Collection[str] = (),
) -> str:
    """Return the health of all jobs, the worst first."""
    keys = dict.fromkeys([*configured, *records])
    if not keys:
        return "no jobs are configured, and none has run"
    rows = [_status_row(key, records.get(key), now, key in silent) for key in keys]
    rows.sort(key=lambda row: (_RANK[row[0].split(",")[0]], row[1]))
    return table(("STATE", "JOB", "LAST-OK", "ROWS", "FAILS", "ERROR"), rows, width)


def _status_row(key: str, record: "JobRecord | None", now: float, is_silent: bool) -> tuple[str, ...]:  # noqa: FBT001
    state = f"{state_of(record)},SILENCED" if is_silent else state_of(record)
    if record is None:
        return (state, key, "never", "0", "0", "")
    metrics = record.metrics
    age = "never" if metrics.last_success_at is None else f"{format_duration(now - metrics.last_success_at)} ago"
    kinds = [incident.kind for incident in record.incidents if incident.kind != "failing"]
    errors = [metrics.last_error] if metrics.errors_count and metrics.last_error else []
    error = redact("; ".join([*kinds, *errors]))
    return (state, key, age, str(metrics.rows_collected), str(metrics.errors_count), error)


def results_table(results: "Iterable[JobResult]") -> str:
    """Return how each job of one run ended."""
    rows = [
        (
            "ok" if result.ok else "FAILED",
            result.key,
            result.timeframe,
            str(result.rows),
            "" if result.newest is None else f"{datetime.fromtimestamp(result.newest / 1000, UTC):%Y-%m-%d %H:%M}",
            str(sum(gap.missing for gap in result.gaps)),
            redact(result.error or ""),
        )
        for result in results
    ]
    return table(("RESULT", "JOB", "TIME", "NEW", "NEWEST (UTC)", "MISSING", "ERROR"), rows, 240)


def show_progress(stream: TextIO) -> Callable[[str, int, int, int], None] | None:
    """Return what writes progress to a terminal, or None where the stream is none."""
    if not stream.isatty():
        return None

    def show(key: str, fetched: int, reached: int, _until: int) -> None:
        when = datetime.fromtimestamp(reached / 1000, UTC)
        stream.write(f"\r\x1b[K{key}: {fetched} candles, up to {when:%Y-%m-%d %H:%M}")
        stream.flush()

    return show
