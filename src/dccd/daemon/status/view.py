"""What an operator sees: the health of all jobs and of the daemon at one moment, as frozen data.

The command ``status``, the status page, the metrics for Prometheus and the health check all show this one picture.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

__all__ = [
    "INCIDENT_KINDS",
    "PRESENT",
    "STATES",
    "DaemonState",
    "DaemonView",
    "DestinationView",
    "IncidentView",
    "JobState",
    "JobView",
    "Overview",
    "to_json",
]

JobState = Literal["alerted", "failing", "late", "never", "ok"]
STATES: Final[tuple[JobState, ...]] = ("alerted", "failing", "late", "never", "ok")
"""Health of a job in a word, the worst first."""

INCIDENT_KINDS: Final = ("failing", "stale", "overrun", "old data")
"""Kinds of trouble that a job may be in, several at once."""

DaemonState = Literal["starting", "running", "stopping", "hung", "stopped", "died", "unseen"]
PRESENT: Final[frozenset[DaemonState]] = frozenset({"running", "stopping", "hung"})
"""States of a daemon that is there and has said what it does."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """Trouble that is going on.

    Parameters
    ----------
    kind : str
        ``failing``, ``stale``, ``overrun`` or ``old data``.
    since : float
        When it began, Unix seconds.
    failures : int
        Failures since then.
    notices : int
        How many notices it has caused; 0 while there is nobody to tell.
    """

    kind: str
    since: float
    failures: int
    notices: int


@dataclass(frozen=True, slots=True)
class JobView:
    """What an operator sees of a job; times are Unix seconds.

    Parameters
    ----------
    key : str
        Key of the record.
    exchange, pair : str
        What it collects.
    timeframe : str
        Length of a candle; empty where nobody said.
    state : str
        ``alerted``: an incident is open. ``failing``: the last run failed. ``late``: a run should have come.
        ``never``: it has not run yet. ``ok``: the last run was well.
    configured : bool
        Whether the configuration names it.
    last_run_at, last_success_at, newest_at : float or None
        Last run, last good one, and up to when there are data.
    next_run_at : float or None
        When the daemon runs it next; None where no daemon says so.
    rows_collected, rows_missing : int
        Rows of all runs; rows that the last good run should have found and did not.
    runs, failures, errors_count : int
        Runs, failed runs, failures in a row.
    failing_since : float or None
        When the streak of failures began.
    last_error : str or None
        The last failure, redacted; kept after a success.
    last_duration : float or None
        Seconds that the last run took.
    every : float or None
        Seconds between two runs; None where nobody said.
    max_age : float or None
        Age in seconds at which its newest data are old; None where they never are.
    silenced_until : float or None
        When its silence ends; None while it is not silenced.
    silence_reason : str
        Why it is silenced.
    incidents : tuple of IncidentView
        What is going on.
    notices_owed : int
        Notices that some destination has not got.
    """

    key: str
    exchange: str
    pair: str
    timeframe: str
    state: JobState
    configured: bool
    last_run_at: float | None
    last_success_at: float | None
    newest_at: float | None
    next_run_at: float | None
    rows_collected: int
    rows_missing: int
    runs: int
    failures: int
    errors_count: int
    failing_since: float | None
    last_error: str | None
    last_duration: float | None
    every: float | None
    max_age: float | None
    silenced_until: float | None
    silence_reason: str
    incidents: tuple[IncidentView, ...]
    notices_owed: int


@dataclass(frozen=True, slots=True)
class DestinationView:
    """Where alerts go, without what is secret.

    Parameters
    ----------
    service : str
        The format of its messages.
    address : str
        Scheme and host; the rest is masked.
    gone : bool
        Whether it said that it exists no more, so that nothing is sent to it.
    """

    service: str
    address: str
    gone: bool


@dataclass(frozen=True, slots=True)
class DaemonView:
    """What an operator sees of the process that collects; times are Unix seconds.

    Parameters
    ----------
    state : str
        ``starting``; ``running``; ``stopping``; ``hung``: it lives and does not tick; ``stopped``: it ended in good
        order; ``died``: it is gone without a word; ``unseen``: none was ever there.
    pid : int or None
        Its process.
    version : str or None
        Its version of dccd.
    started_at, ticked_at : float or None
        When it started, and when it last looked at the clock.
    address : str or None
        Where it serves its status page.
    persistence : str or None
        Why it keeps records in memory only; None while they reach the disk, or where no daemon says so.
    destinations : tuple of str
        Where it sends alerts, without what is secret: its settings may be others than those of who looks.
    """

    state: DaemonState
    pid: int | None = None
    version: str | None = None
    started_at: float | None = None
    ticked_at: float | None = None
    address: str | None = None
    persistence: str | None = None
    destinations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """What an operator sees.

    Parameters
    ----------
    at : float
        The moment, Unix seconds.
    local_path : str
        Directory of the data.
    daemon : DaemonView
        The process that collects.
    jobs : tuple of JobView
        The worst first.
    destinations : tuple of DestinationView
        Where alerts go; empty where they are off.
    notices_owed : int
        Notices that some destination has not got.
    next_try_at : float or None
        When the next of them is tried; None where none is owed, or no destination is set.
    """

    at: float
    local_path: str
    daemon: DaemonView
    jobs: tuple[JobView, ...]
    destinations: tuple[DestinationView, ...]
    notices_owed: int
    next_try_at: float | None


def to_json(overview: Overview) -> dict[str, Any]:
    """Return an overview as plain data, the shape that ``dccd status --json`` prints.

    Parameters
    ----------
    overview : Overview
        What is seen.

    Returns
    -------
    dict
        The names are those of the fields; a newer dccd may add some and takes none away.
    """
    return asdict(overview)
