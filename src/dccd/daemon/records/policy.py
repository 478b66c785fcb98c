"""What an outcome or the clock changes in a job's record, and which notices it then owes: pure functions."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dccd.daemon.records.keys import reserve
from dccd.daemon.records.model import Event, Expectation, Incident, JobMetrics, JobRecord, Kind, Notice, Outcome

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig

_AHEAD_SECONDS: Final = 60.0
# Runs that fail or do not come have incidents of their own, and old data are then no second reason to alert.
_OF_RUNS: Final = frozenset({Kind.FAILING, Kind.STALE, Kind.OVERRUN})


def is_ahead(at: float, now: float) -> bool:
    """Return whether a time that was recorded lies so far in the future that the clock must have been set back."""
    return at - now > _AHEAD_SECONDS


def advance(record: JobRecord, outcome: Outcome, alerts: "AlertConfig", now: float) -> JobRecord:
    """Return the record of a job after a run; the same arguments give the same record, ids included."""
    record = reserve(replace(record, metrics=_count(record.metrics, outcome, now)), outcome.timeframe)
    if record.incidents:
        for kind in (Kind.STALE, Kind.OVERRUN):  # a run came, and it ended
            record = _end(record, kind, alerts, now)
        if not _data_is_old(record, now):
            record = _end(record, Kind.OLD_DATA, alerts, now)
    return _succeed(record, alerts, now) if outcome.ok else _fail(record, outcome, alerts, now)


def check_deadlines(record: JobRecord, started_at: float | None, alerts: "AlertConfig", now: float) -> JobRecord:
    """Return the record with incidents for what should have happened by now; `started_at` is None if no run is on."""
    if record.expected is None:
        return record
    seen = record.expected.since if record.metrics.last_run_at is None else record.metrics.last_run_at
    begun = seen if started_at is None else started_at
    record, expected = _notice_clock(record, record.expected, max(begun, record.expected.since), now)
    begun, seen = _past(begun, expected, now), _past(seen, expected, now)
    if now - begun > expected.every + expected.grace:
        kind = Kind.STALE if started_at is None else Kind.OVERRUN
        record = _open_or_remind(record, kind, begun, alerts, now)
    runs_well = not record.metrics.errors_count and all(each.kind not in _OF_RUNS for each in record.incidents)
    if _data_is_old(record, now) and (runs_well or _open_incident(record, Kind.OLD_DATA) is not None):
        record = _open_or_remind(record, Kind.OLD_DATA, _newest(record, expected, now) or seen, alerts, now)
    return record


def expect(record: JobRecord, expected: Expectation) -> JobRecord:
    """Return the record with an expectation that counts from the earlier one, as a restart gives no more time."""
    if (before := record.expected) is not None:
        expected = replace(expected, since=before.since, set_back_at=before.set_back_at, extra=before.extra)
    return record if record.expected == expected else replace(record, expected=expected)


def retire(record: JobRecord, alerts: "AlertConfig", now: float) -> JobRecord:
    """Return the record of a job that left the configuration: nothing is expected of it, and its incidents end."""
    for incident in record.incidents:
        record = _end(record, incident.kind, alerts, now, removed=True)
    return replace(record, expected=None)


def announce(record: JobRecord, alerts: "AlertConfig", now: float) -> JobRecord:
    """Return the record with a notice owed for each incident that opened while there was no destination."""
    for incident in record.incidents:
        if incident.notices == 0:
            record = _owe(record, incident, "firing", alerts, now)
    return record


def _notice_clock(record: JobRecord, expected: Expectation, latest: float, now: float) -> tuple[JobRecord, Expectation]:
    """Keep when a look first found a time of the job in the future, and forget it once that is no longer so."""
    known = expected.set_back_at
    first = now if known is None or is_ahead(known, now) else known
    at = first if is_ahead(latest, now) else None
    if at == known:
        return record, expected
    expected = replace(expected, set_back_at=at)
    return replace(record, expected=expected), expected


def _past(at: float, expected: Expectation, now: float) -> float:
    """Return a time, or when it was found to lie in the future: from then on the job has its usual time."""
    return expected.set_back_at if expected.set_back_at is not None and is_ahead(at, now) else at


def _count(metrics: JobMetrics, outcome: Outcome, now: float) -> JobMetrics:
    duration = metrics.last_duration if outcome.duration is None else outcome.duration
    metrics = replace(metrics, last_run_at=now, last_duration=duration, runs=metrics.runs + 1)
    if outcome.newest_at is not None:
        metrics = replace(metrics, newest_at=outcome.newest_at)
    if outcome.ok:
        return replace(
            metrics,
            last_success_at=now,
            rows_collected=metrics.rows_collected + outcome.rows,
            errors_count=0,
            failing_since=None,
            rows_missing=outcome.rows_missing,
        )
    return replace(
        metrics,
        errors_count=metrics.errors_count + 1,
        failures=metrics.failures + 1,
        last_error=outcome.error or metrics.last_error,
        failing_since=now if metrics.failing_since is None else metrics.failing_since,
    )


def _fail(record: JobRecord, outcome: Outcome, alerts: "AlertConfig", now: float) -> JobRecord:
    metrics = record.metrics
    incident = _open_incident(record, Kind.FAILING)
    if incident is not None:
        record = _with(record, replace(incident, failures=incident.failures + 1, successes=0))
    elif metrics.errors_count < (outcome.max_consecutive_errors or alerts.max_consecutive_errors):
        return record
    since = now if metrics.failing_since is None else metrics.failing_since
    return _open_or_remind(record, Kind.FAILING, since, alerts, now)


def _succeed(record: JobRecord, alerts: "AlertConfig", now: float) -> JobRecord:
    incident = _open_incident(record, Kind.FAILING)
    if incident is None:
        return record
    incident = replace(incident, successes=incident.successes + 1)
    record = _with(record, incident)
    return record if incident.successes < alerts.recovery_threshold else _end(record, Kind.FAILING, alerts, now)


def _open_or_remind(record: JobRecord, kind: str, since: float, alerts: "AlertConfig", now: float) -> JobRecord:
    """Open an incident, or owe a reminder of the open one if it is due."""
    incident = _open_incident(record, kind)
    if incident is None:
        metrics = record.metrics
        name = f"{kind.replace(' ', '-')}-{int(now * 1000):x}-{metrics.runs:x}"
        incident = Incident(name, kind, since, failures=metrics.errors_count if kind == Kind.FAILING else 0)
        record = replace(record, incidents=(*record.incidents, incident))
    if incident.notices == 0:
        return _owe(record, incident, "firing", alerts, now)
    if _is_repeat_due(record, incident, alerts, now):
        return _owe(record, incident, "repeat", alerts, now)
    return record


def _end(record: JobRecord, kind: str, alerts: "AlertConfig", now: float, *, removed: bool = False) -> JobRecord:
    incident = _open_incident(record, kind)
    if incident is None:
        return record
    # A destination that is still to be told that it began must also be told that it ended.
    begun = next((n for n in record.owed if n.incident == incident.id and n.event == "firing"), None)
    if incident.notices and (alerts.send_resolved or begun is not None):
        told = () if alerts.send_resolved or begun is None else begun.told
        record = _owe(record, incident, "resolved", alerts, now, removed=removed, told=told)
    return replace(record, incidents=tuple(other for other in record.incidents if other.id != incident.id))


def _data_is_old(record: JobRecord, now: float) -> bool:
    expected = record.expected
    if expected is None or expected.max_age is None:
        return False
    newest_at = _newest(record, expected, now)
    return newest_at is not None and now - newest_at > expected.max_age


def _newest(record: JobRecord, expected: Expectation, now: float) -> float | None:
    """Return the time of the newest data, or None; for a scheduled job that never found any, when it was set up.

    A series that is still being filled has rows, and jobs of other programs need not report how old their data are.
    """
    metrics = record.metrics
    if expected.scheduled and metrics.last_success_at is not None and not metrics.rows_collected:
        return metrics.newest_at or _past(expected.since, expected, now)
    return metrics.newest_at


def _open_incident(record: JobRecord, kind: str) -> Incident | None:
    return next((incident for incident in record.incidents if incident.kind == kind), None)


def _is_repeat_due(record: JobRecord, incident: Incident, alerts: "AlertConfig", now: float) -> bool:
    if not alerts.repeat_interval or any(notice.incident == incident.id for notice in record.owed):
        return False
    told_at = incident.noticed_at or 0.0
    return now - told_at >= alerts.repeat_interval or is_ahead(told_at, now)


def _owe(  # noqa: PLR0913 - keywords
    record: JobRecord,
    incident: Incident,
    event: Event,
    alerts: "AlertConfig",
    now: float,
    *,
    removed: bool = False,
    told: tuple[str, ...] = (),
) -> JobRecord:
    # A resolved notice is owed even without a destination: someone was told that the incident opened.
    if not alerts.has_destination and event != "resolved":
        return record
    incident = replace(incident, notices=incident.notices + 1, noticed_at=now)
    notice = Notice(
        incident.id,
        incident.notices,
        event,
        now,
        incident.kind,
        incident.since,
        failures=incident.failures,
        error=record.metrics.last_error,
        last_success_at=None if event == "resolved" else record.metrics.last_success_at,
        newest_at=record.metrics.newest_at,
        rows_missing=record.metrics.rows_missing if event == "resolved" else 0,
        removed=removed,
        told=told,
    )
    return replace(_with(record, incident), owed=(*record.owed, notice))


def _with(record: JobRecord, incident: Incident) -> JobRecord:
    return replace(record, incidents=tuple(incident if i.id == incident.id else i for i in record.incidents))
