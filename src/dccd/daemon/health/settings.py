"""What a monitor needs beyond its two arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

from dccd.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    import requests

    from dccd.daemon.config import CollectorConfig


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Settings of a monitor; `thresholds` has, by key, the failures in a row that open an incident of the job."""

    fsync: bool = True
    log_level: str = "INFO"
    log_file: Literal["text", "json", "off"] = "text"
    thresholds: Mapping[str, int] = field(default_factory=dict)
    session: "requests.Session | None" = None
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def of(cls, config: "CollectorConfig", session: "requests.Session | None", clock: Clock | None) -> Self:
        """Return the settings in a configuration; without a clock the system's is used."""
        return cls(
            fsync=config.storage.fsync,
            log_level=config.log.level,
            log_file=config.log.file,
            thresholds={
                key: job.max_consecutive_errors
                for key, job, _ in config.jobs_by_key()
                if job.max_consecutive_errors is not None
            },
            session=session,
            clock=clock or SYSTEM_CLOCK,
        )
