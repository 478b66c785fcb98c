"""What a monitor needs beyond its two arguments."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.records import JobRecord, keys, reservations

if TYPE_CHECKING:
    import requests

    from dccd.daemon.config import CollectorConfig, HistoJob


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Settings of a monitor."""

    fsync: bool = True
    must_exist: bool = False
    log_level: str = "INFO"
    log_file: Literal["text", "json", "off"] = "text"
    session: "requests.Session | None" = None
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def of(cls, config: "CollectorConfig", session: "requests.Session | None", clock: Clock | None) -> Self:
        """Return the settings in a configuration; without a clock the system's is used."""
        return cls(
            fsync=config.storage.fsync,
            must_exist=config.storage.must_exist,
            log_level=config.log.level,
            log_file=config.log.file,
            session=session,
            clock=clock or SYSTEM_CLOCK,
        )


class KnownJobs(NamedTuple):
    """What the configuration says of jobs, by key.

    It has the failures in a row that open an incident, and the timeframes for which plain keys are reserved.
    """

    thresholds: Mapping[str, int]
    timeframes: Mapping[str, str]

    @classmethod
    def of(cls, jobs: "Iterable[HistoJob]", records: Mapping[str, JobRecord]) -> Self:
        """Return it for jobs whose keys follow from the records."""
        jobs = list(jobs)
        limits = {key: job.max_consecutive_errors for key, job, _ in keys(jobs, records)}
        return cls({key: limit for key, limit in limits.items() if limit is not None}, reservations(jobs, records))
