"""What an operator sees: the health of all jobs and of the daemon at one moment, as frozen data.

The command ``status``, the status page, the metrics for Prometheus and the health check all show this one picture.
Times are Unix seconds; a value that nobody knows is None.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

JobState = Literal["alerted", "failing", "late", "never", "ok"]
STATES: Final[tuple[JobState, ...]] = ("alerted", "failing", "late", "never", "ok")
"""Health of a job, the worst first.

An incident is open, the last run failed, a run is overdue, none has ended yet, or the last run succeeded.
"""

DaemonState = Literal["starting", "running", "stopping", "hung", "stopped", "died", "unseen"]
"""State of a daemon in a word.

``hung`` is alive without a tick, ``stopped`` ended in good order, ``died`` ended without a report, and ``unseen`` never
reported.
"""

PRESENT: Final[frozenset[DaemonState]] = frozenset({"running", "stopping", "hung"})
"""States of a daemon that is alive and has reported."""


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An open incident."""

    kind: str
    since: float
    failures: int
    notices: int  # 0 without a destination


@dataclass(frozen=True, slots=True)
class JobView:
    """What an operator sees of a job."""

    key: str
    exchange: str
    pair: str
    timeframe: str  # empty where it is not known
    state: JobState
    configured: bool
    last_run_at: float | None
    last_success_at: float | None
    newest_at: float | None  # up to when it has data
    next_run_at: float | None
    rows_collected: int
    rows_missing: int  # rows that the last good run should have found and did not
    runs: int
    failures: int
    errors_count: int  # failures in a row
    failing_since: float | None
    last_error: str | None  # redacted, and kept after a success
    last_duration: float | None  # seconds
    every: float | None  # seconds between two runs
    max_age: float | None  # seconds after which its newest data are old; None if never
    silenced_until: float | None
    silence_reason: str
    incidents: tuple[IncidentView, ...]
    notices_owed: int  # notices that some destination has not got


@dataclass(frozen=True, slots=True)
class DestinationView:
    """Where alerts go, without what is secret."""

    service: str
    address: str  # scheme and host
    gone: bool  # it said that it no longer exists, so it gets no messages


@dataclass(frozen=True, slots=True)
class DaemonView:
    """What an operator sees of the process that collects."""

    state: DaemonState
    pid: int | None = None
    version: str | None = None
    started_at: float | None = None
    ticked_at: float | None = None
    address: str | None = None  # of its status page
    persistence: str | None = None  # why its records are in memory only; None while they reach the disk
    destinations: tuple[str, ...] = ()  # by its own settings, which may differ from those of the reader


@dataclass(frozen=True, slots=True)
class Overview:
    """What an operator sees at one moment, the worst job first."""

    at: float
    local_path: str
    daemon: DaemonView
    jobs: tuple[JobView, ...]
    destinations: tuple[DestinationView, ...]
    notices_owed: int
    next_try_at: float | None  # of the notices owed


def to_json(overview: Overview) -> dict[str, Any]:
    """Return an overview as plain data, as ``dccd status --json`` prints it; a newer dccd takes no field away."""
    return asdict(overview)
