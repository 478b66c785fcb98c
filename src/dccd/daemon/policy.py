"""What an outcome does to a job's record, and which notices it owes: pure functions of what they are given."""

from dataclasses import replace
from typing import TYPE_CHECKING

from dccd.daemon.metrics import Event, Incident, JobMetrics, JobRecord, Notice, Outcome

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig

__all__ = ["advance", "announce"]


def advance(record: JobRecord, outcome: Outcome, alerts: "AlertConfig", now: float) -> JobRecord:
    """Return the record of a job after one more run.

    Parameters
    ----------
    record : JobRecord
        What was known before.
    outcome : Outcome
        How the run ended.
    alerts : AlertConfig
        When an incident opens and ends, and whether anyone is to be told.
    now : float
        The time, Unix seconds.

    Returns
    -------
    JobRecord
        The new record; the same arguments give the same record, identifiers included.
    """
    record = replace(record, metrics=_count(record.metrics, outcome, now))
    return _succeed(record, alerts, now) if outcome.ok else _fail(record, outcome, alerts, now)


def announce(record: JobRecord, alerts: "AlertConfig", now: float) -> JobRecord:
    """Return the record with a notice owed for each open incident of which nobody was told.

    Such incidents opened while there was no destination. Nothing changes while there is none.

    Parameters
    ----------
    record : JobRecord
        What is known.
    alerts : AlertConfig
        Whether anyone is to be told.
    now : float
        The time, Unix seconds.

    Returns
    -------
    JobRecord
        The same where nothing is owed.
    """
    for incident in record.incidents:
        if incident.notices == 0:
            record = _owe(record, incident, "firing", alerts, now)
    return record


def _count(metrics: JobMetrics, outcome: Outcome, now: float) -> JobMetrics:
    duration = metrics.last_duration if outcome.duration is None else outcome.duration
    metrics = replace(metrics, last_run_at=now, last_duration=duration, runs=metrics.runs + 1)
    if outcome.ok:
        return replace(
            metrics,
            last_success_at=now,
            rows_collected=metrics.rows_collected + outcome.rows,
            errors_count=0,
            failing_since=None,
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
    incident = _open_incident(record, "failing")
    if incident is None:
        if metrics.errors_count < (outcome.max_consecutive_errors or alerts.max_consecutive_errors):
            return record
        since = now if metrics.failing_since is None else metrics.failing_since
        name = f"failing-{int(now * 1000):x}-{metrics.failures:x}"
        incident = Incident(name, "failing", since, failures=metrics.errors_count)
        record = replace(record, incidents=(*record.incidents, incident))
        return _owe(record, incident, "firing", alerts, now)
    incident = replace(incident, failures=incident.failures + 1, successes=0)
    record = _with(record, incident)
    if incident.notices == 0:
        return _owe(record, incident, "firing", alerts, now)
    if _is_repeat_due(record, incident, alerts, now):
        return _owe(record, incident, "repeat", alerts, now)
    return record


def _succeed(record: JobRecord, alerts: "AlertConfig", now: float) -> JobRecord:
    incident = _open_incident(record, "failing")
    if incident is None:
        return record
    incident = replace(incident, successes=incident.successes + 1)
    if incident.successes < alerts.recovery_threshold:
        return _with(record, incident)
    if incident.notices and alerts.send_resolved:
        record = _owe(record, incident, "resolved", alerts, now)
    return replace(record, incidents=tuple(i for i in record.incidents if i.id != incident.id))


def _open_incident(record: JobRecord, kind: str) -> Incident | None:
    return next((incident for incident in record.incidents if incident.kind == kind), None)


def _is_repeat_due(record: JobRecord, incident: Incident, alerts: "AlertConfig", now: float) -> bool:
    if not alerts.repeat_interval or any(notice.incident == incident.id for notice in record.owed):
        return False
    return now - (incident.noticed_at or 0.0) >= alerts.repeat_interval


def _owe(record: JobRecord, incident: Incident, event: Event, alerts: "AlertConfig", now: float) -> JobRecord:
    # A resolved notice is owed even without a destination: someone was told that the incident opened.
    if alerts.webhook_url is None and event != "resolved":
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
    )
    return replace(_with(record, incident), owed=(*record.owed, notice))


def _with(record: JobRecord, incident: Incident) -> JobRecord:
    return replace(record, incidents=tuple(incident if i.id == incident.id else i for i in record.incidents))
