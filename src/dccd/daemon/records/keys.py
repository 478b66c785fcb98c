"""Which record belongs to which series: the plain key of a pair is one timeframe's, and stays so. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from dccd.daemon.records.model import JobKey, JobRecord, Transition
from dccd.units import format_timeframe

if TYPE_CHECKING:
    from dccd.daemon.config import HistoJob

Keyed: TypeAlias = "tuple[str, HistoJob, str]"
"""The key of a series, its job and its pair."""


def keys(jobs: "Iterable[HistoJob]", records: Mapping[str, JobRecord]) -> list[Keyed]:
    """Return each series with the key of its record, in the order of the jobs."""
    jobs = list(jobs)
    owners = reservations(jobs, records)
    keyed = []
    for job in jobs:
        for pair in job.pairs:
            plain = str(JobKey(job.exchange, pair))
            is_owner = owners.get(plain) == job.timeframe
            keyed.append((plain if is_owner else str(JobKey(job.exchange, pair, job.timeframe)), job, pair))
    return keyed


def reservations(jobs: "Iterable[HistoJob]", records: Mapping[str, JobRecord]) -> dict[str, str]:
    """Return the timeframe of each plain key: the one in its record, whatever the order of the jobs.

    Without a record it is the first timeframe that has none of its own.
    """
    owners: dict[str, str] = {}
    for job in jobs:
        for pair in job.pairs:
            plain = str(JobKey(job.exchange, pair))
            if plain in owners:
                continue
            if (record := records.get(plain)) is not None:
                owners[plain] = _owner(record) or job.timeframe
            elif str(JobKey(job.exchange, pair, job.timeframe)) not in records:
                owners[plain] = job.timeframe
    return owners


def claims(owners: Mapping[str, str], records: Mapping[str, JobRecord]) -> dict[str, Transition]:
    """Return the changes that write down for which timeframe each plain key is reserved, where no record says so."""
    return {
        key: partial(reserve, timeframe=timeframe)
        for key, timeframe in owners.items()
        if key not in records or records[key].timeframe is None
    }


def reserve(record: JobRecord, timeframe: str | None) -> JobRecord:
    """Return the record of a plain key reserved for a timeframe, unless it is already reserved."""
    if timeframe is None or record.timeframe is not None:
        return record
    return replace(record, timeframe=timeframe)


def _owner(record: JobRecord) -> str | None:
    """Return the timeframe that a record is reserved for; one of 0.1.0 tells it by how often its job is scheduled."""
    if record.timeframe is not None:
        return record.timeframe
    expected = record.expected
    return format_timeframe(int(expected.every)) if expected is not None and expected.scheduled else None
