"""What should have happened by now: expectations, and trouble that no outcome reports. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from dccd.daemon.records.model import Expectation, Incident, JobRecord, Transition
from dccd.daemon.records.policy import check_deadlines, expect, retire
from dccd.units import parse_duration

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig

_LEAST_GRACE_SECONDS: Final = 60.0


class Findings(NamedTuple):
    """Changes to commit, the incidents that they open by key, and the keys of all jobs with an open incident."""

    changes: Mapping[str, Transition]
    opened: tuple[tuple[str, Incident], ...]
    troubled: tuple[str, ...]


def expectation(
    now: float, every: float | str, grace: float | str | None = None, max_age: float | str | None = None
) -> Expectation:
    """Return what is expected of a job from now on, or raise ValueError for what is no duration.

    The default of `grace` is half of `every`, at least a minute; without `max_age` data are never old.
    """
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
    """Return the changes that set what a scheduler expects and retire the jobs that it no longer has.

    `jobs` has, by key, the seconds between two runs and the seconds after which the newest data are old, or None.
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
    """Return the trouble that no outcome reports; `started_at` has, by key, when the run under way began."""
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
