"""Work out what an operator sees: pure functions of the records, the presence of the daemon, and the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dccd.daemon.records import MAX_PAUSE_SECONDS, JobKey, JobRecord, is_ahead
from dccd.daemon.status.view import (
    PRESENT,
    STATES,
    DaemonState,
    DaemonView,
    DestinationView,
    IncidentView,
    JobState,
    JobView,
    Overview,
)
from dccd.redact import redact
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.alerts import Destination
    from dccd.daemon.records import Presence
    from dccd.daemon.state import AlertState

HUNG_AFTER_SECONDS: Final = 120.0
"""A daemon without a tick for so long counts as hung; it ticks at least four times in that time."""


@dataclass(frozen=True, slots=True)
class Configured:
    """What the configuration says of the data directory, of each job by its key, and of the destinations."""

    local_path: str
    timeframes: Mapping[str, str]
    destinations: "Sequence[Destination]"


def see(
    configured: Configured,
    records: Mapping[str, JobRecord],
    alerts: "AlertState",
    presence: "Presence | None",
    now: float,
) -> Overview:
    """Return what an operator sees of the jobs that are configured and of those that have a record."""
    daemon = see_daemon(presence, now)
    next_runs = presence.next_runs if presence is not None and daemon.state == "running" else {}
    jobs = [
        see_job(
            key,
            records.get(key),
            now,
            timeframe=configured.timeframes.get(key),
            alerts=alerts,
            next_run_at=_next_run(next_runs.get(key), records.get(key), now),
        )
        for key in dict.fromkeys(
            [*configured.timeframes, *(key for key, record in records.items() if not record.is_only_reserved)]
        )
    ]
    live = [destination.id for destination in configured.destinations if destination.id not in alerts.gone]
    return Overview(
        now,
        configured.local_path,
        daemon,
        tuple(sorted(jobs, key=lambda job: (STATES.index(job.state), job.key))),
        tuple(DestinationView(each.service, each.masked, each.id in alerts.gone) for each in configured.destinations),
        sum(job.notices_owed for job in jobs),
        _next_try(records, live, now),
    )


def see_job(  # noqa: PLR0913 - what there is to know of a job comes from four places
    key: str,
    record: JobRecord | None,
    now: float,
    *,
    timeframe: str | None = None,
    alerts: "AlertState | None" = None,
    next_run_at: float | None = None,
) -> JobView:
    """Return what an operator sees of one job, its texts redacted; `timeframe` is None where it is not configured."""
    named, known = JobKey.parse(key), record or JobRecord()
    metrics, silence = known.metrics, None if alerts is None else alerts.silent(now).get(key)
    return JobView(
        key=key,
        exchange=named.exchange,
        pair=named.pair,
        timeframe=timeframe or named.timeframe or known.timeframe or "",
        state=_state(known, now),
        configured=timeframe is not None,
        last_run_at=metrics.last_run_at,
        last_success_at=metrics.last_success_at,
        newest_at=metrics.newest_at,
        next_run_at=next_run_at,
        rows_collected=metrics.rows_collected,
        rows_missing=metrics.rows_missing,
        runs=metrics.runs,
        failures=metrics.failures,
        errors_count=metrics.errors_count,
        failing_since=metrics.failing_since,
        last_error=None if metrics.last_error is None else redact(metrics.last_error),
        last_duration=metrics.last_duration,
        every=None if known.expected is None else known.expected.every,
        max_age=None if known.expected is None else known.expected.max_age,
        silenced_until=None if silence is None else silence.until,
        silence_reason="" if silence is None else redact(silence.reason),
        incidents=tuple(IncidentView(each.kind, each.since, each.failures, each.notices) for each in known.incidents),
        notices_owed=len(known.owed),
    )


def see_daemon(presence: "Presence | None", now: float) -> DaemonView:
    """Return what an operator sees of the process that collects, `unseen` where none has reported."""
    if presence is None:
        return DaemonView("unseen")
    state: DaemonState
    if not presence.alive:
        state = "stopped" if presence.state == "stopped" else "died"
    elif presence.state == "stopped":  # the last report of the daemon before
        return DaemonView("starting")
    elif now - presence.ticked_at > HUNG_AFTER_SECONDS or is_ahead(presence.ticked_at, now):
        state = "hung"
    else:
        state = "stopping" if presence.state == "stopping" else "running"
    is_there = state in PRESENT
    return DaemonView(
        state,
        presence.pid,
        presence.version,
        presence.started_at,
        presence.ticked_at,
        presence.address if is_there else None,
        redact(presence.persistence) if is_there and presence.persistence else None,
        tuple(map(redact, presence.destinations)) if is_there else (),
    )


def fault(
    overview: Overview, *, max_age: float = HUNG_AFTER_SECONDS, persistence: bool = False, jobs: bool = False
) -> str | None:
    """Return what is wrong in one line for a probe, or None.

    A tick more than `max_age` seconds ago is wrong; so are, if asked for, records that do not reach the disk, and open
    incidents of jobs that are not silenced.
    """
    daemon = overview.daemon
    if daemon.state not in PRESENT:
        return f"not running ({daemon.state})"
    ticked_at = overview.at if daemon.ticked_at is None else daemon.ticked_at
    if is_ahead(ticked_at, overview.at):  # the clock was set back: a daemon that works ticks again soon
        return f"hung: pid {daemon.pid}, last tick ahead of the clock"
    if (age := overview.at - ticked_at) > max_age:
        return f"hung: pid {daemon.pid}, last tick {format_duration(age)} ago"
    if persistence and daemon.persistence is not None:
        return f"records are kept in memory only: {daemon.persistence}"
    alerted = [job.key for job in overview.jobs if job.state == "alerted" and job.silenced_until is None]
    if jobs and alerted:
        return f"in trouble: {', '.join(alerted[:5])}" + (f" and {len(alerted) - 5} more" if alerted[5:] else "")
    return None


def _state(record: JobRecord, now: float) -> JobState:
    metrics, expected = record.metrics, record.expected
    if record.incidents:
        return "alerted"
    if metrics.errors_count:
        return "failing"
    if metrics.last_run_at is None:
        return "never"
    # No check has run since, or an incident would be open.
    is_late = expected is not None and now - metrics.last_run_at > expected.every + expected.grace
    return "late" if is_late else "ok"


def _next_run(at: float | None, record: JobRecord | None, now: float) -> float | None:
    """Return when a job runs next: the daemon reported `at` at its last tick, and a short job has run since."""
    if at is None or at > now or record is None or record.expected is None:
        return at
    every = record.expected.every
    return at + ((now - at) // every + 1) * every


def _next_try(records: Mapping[str, JobRecord], live: Sequence[str], now: float) -> float | None:
    tries = [
        notice.next_try_at.get(destination, notice.at)
        for record in records.values()
        for notice in record.owed
        for destination in live
        if destination not in notice.told
    ]
    # A longer wait than any pause comes from a clock that was ahead.
    return min((at if at <= now + MAX_PAUSE_SECONDS else now for at in tries), default=None)
