"""What should have happened by now: expectations, and the trouble that no outcome tells of. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from dccd.daemon.records.model import Expectation, Incident, JobRecord, Transition
from dccd.daemon.records.policy import check_deadlines, expect, retire
from dccd.units import parse_duration

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig

_LEAST_GRACE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look at all records found: changes to commit, incidents that begin with them, all jobs in trouble."""

    changes: Mapping[str, Transition]
    opened: tuple[tuple[str, Incident], ...]
    troubled: tuple[str, ...]


def expectation(
    now: float, every: float | str, grace: float | str | None = None, max_age: float | str | None = None
) -> Expectation:
    """Return what is expected of a job from now on; the default of `grace` is half of `every`, at least a minute."""
    seconds = parse_duration(every)
    return Expectation(
        seconds,
        max(_LEAST_GRACE_SECONDS, seconds / 2) if grace is None else parse_duration(grace),
        round(now, 3),
        None if max_age is None else parse_duration(max_age),
    )


def expect_scheduled(
    jobs: Mapping[str, tuple[float, float | None]], records: Mapping[str, JobRecord], alerts: "AlertConfig", now: float
) -> dict[str, Transition]:
    """Return the changes by which a scheduler expects its jobs, and those that it ran before no longer.

    For each key `jobs` has the seconds between two runs and the age at which the newest data are old, or None.
    """
    changes: dict[str, Transition] = {
        key: partial(expect, expected=replace(expectation(now, every, None, max_age), scheduled=True))
        for key, (every, max_age) in jobs.items()
    }
    for key, record in records.items():
        if key not in jobs and record.expected is not None and record.expected.scheduled:
            changes[key] = partial(retire, alerts=alerts, now=now)
    return changes


def find_trouble(
    records: Mapping[str, JobRecord], started_at: Mapping[str, float], alerts: "AlertConfig", now: float
) -> Findings:
    """Return the trouble that no outcome tells of, given when the runs under way began."""
    check = partial(check_deadlines, alerts=alerts, now=round(now, 3))
    after = {key: check(record, started_at.get(key)) for key, record in records.items()}
    changed = [key for key, record in after.items() if record != records[key]]
    return Findings(
        {key: partial(check, started_at=started_at.get(key)) for key in changed},
        tuple(
            (key, incident)
            for key in changed
            for incident in after[key].incidents
            if incident.id not in {known.id for known in records[key].incidents}
        ),
        tuple(key for key, record in after.items() if record.incidents),
    )
