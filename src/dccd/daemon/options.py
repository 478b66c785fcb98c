"""What a monitor needs beyond its two arguments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

from dccd.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    import requests

    from dccd.daemon.config import CollectorConfig

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a monitor.

    Parameters
    ----------
    fsync : bool, optional
        Whether a record waits for the disk.
    log_level : str, optional
        Level of the ``dccd`` logger.
    log_file : str, optional
        ``text``, ``json`` or ``off``.
    thresholds : mapping of str to int, optional
        Failures in a row that open an incident, of jobs with a number of their own.
    session : requests.Session or None, optional
        Makes the requests of alerts.
    clock : Clock, optional
        Where the time comes from.
    """

    fsync: bool = True
    log_level: str = "INFO"
    log_file: Literal["text", "json", "off"] = "text"
    thresholds: Mapping[str, int] = field(default_factory=dict)
    session: "requests.Session | None" = None
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def of(cls, config: "CollectorConfig", session: "requests.Session | None", clock: Clock | None) -> Self:
        """Return what a configuration says.

        Parameters
        ----------
        config : CollectorConfig
            Its storage, its log and its jobs count.
        session : requests.Session or None
            As it is.
        clock : Clock or None
            As it is; None for that of the system.

        Returns
        -------
        Options
            Settings of a monitor.
        """
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
