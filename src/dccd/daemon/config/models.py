"""The settings of dccd as frozen models.

They are plain models: constructing one reads no environment variable and no file. `load_config` does that.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dccd.daemon.config.alerts import AlertConfig
from dccd.daemon.config.base import Settings
from dccd.daemon.config.jobs import HistoJob
from dccd.daemon.config.types import Duration, ListenAddress, UserPath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _user_data() -> Path:
    try:
        return user_data_path("dccd")
    except RuntimeError:  # no home directory is known: the error is that of any path with a ~
        return Path("~/.local/share/dccd")


class StorageConfig(Settings, frozen=True):
    """Where data are kept, and how.

    Parameters
    ----------
    local_path : Path, optional
        Directory for candles and for the state in ``.dccd``; default the user's data directory.
    must_exist : bool, optional
        Whether to refuse a directory in which dccd has kept nothing yet, default false. For a disk that is mounted: if
        it is not, nothing is collected anew on the disk below.
    fsync : bool, optional
        Whether each record waits for the disk, default true. Without it a power cut, but no crash of the process,
        may cost the last records.

    Examples
    --------
    >>> from dccd.daemon.config import StorageConfig
    >>> StorageConfig(local_path="/data").fsync
    True
    """

    local_path: UserPath = Field(
        default_factory=_user_data,
        description="Directory for candles and for .dccd; default $STATE_DIRECTORY, else the user's data directory.",
        examples=["data"],
    )
    must_exist: bool = Field(
        default=False,
        description="Whether to refuse a directory without .dccd, as of a disk that is not mounted.",
    )
    fsync: bool = Field(default=True, description="Whether each record waits for the disk.")

    if TYPE_CHECKING:  # the types that may be given, which are more than those that are kept

        def __init__(self, *, local_path: str | Path = ..., must_exist: bool = ..., fsync: bool = ...) -> None: ...


class ScheduleConfig(Settings, frozen=True):
    """When series are collected: after each of their candles has closed.

    Parameters
    ----------
    delay : float or str, optional
        Time between the close of a candle and the run that fetches it, default 5 s, as exchanges finish a candle a
        little late.
    jitter : float or str, optional
        Largest random delay added to each run, default 0, so that many collectors do not ask at the same moment;
        half a candle at most.

    Examples
    --------
    >>> from dccd.daemon.config import ScheduleConfig
    >>> ScheduleConfig(delay="10s").delay
    10.0
    """

    delay: Duration = Field(
        default=5.0, ge=0, le=3600, description="Time between the close of a candle and the run that fetches it."
    )
    jitter: Duration = Field(
        default=0.0, ge=0, le=3600, description="Largest random delay added to each run; half a candle at most."
    )

    if TYPE_CHECKING:

        def __init__(self, *, delay: float | str = ..., jitter: float | str = ...) -> None: ...


class LogConfig(Settings, frozen=True):
    """What is logged, and where.

    Parameters
    ----------
    level : str, optional
        Lowest level that dccd's own records are logged at, default ``INFO``.
    console : str, optional
        ``auto`` (text), ``text``, ``json`` or ``off``.
    file : str, optional
        Form of ``.dccd/dccd.log``: ``text``, ``json`` or ``off``.

    Examples
    --------
    >>> from dccd.daemon.config import LogConfig
    >>> LogConfig(level="DEBUG").console
    'auto'
    """

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest level of dccd's own records."
    )
    console: Literal["auto", "text", "json", "off"] = Field(
        default="auto", description="Form of the log on the console; auto is text."
    )
    file: Literal["text", "json", "off"] = Field(default="text", description="Form of the log file .dccd/dccd.log.")


class ServerConfig(Settings, frozen=True):
    """Where the daemon serves metrics for Prometheus and its status page.

    Parameters
    ----------
    listen : str, optional
        Host and port, ``127.0.0.1:9464``; port 0 takes a free one. Off by default. There is no password: on any
        address but one of this machine, everyone who reaches it can see what is collected. The metrics need the
        extra ``metrics``.

    Examples
    --------
    >>> from dccd.daemon.config import ServerConfig
    >>> ServerConfig(listen="127.0.0.1:9464").listen
    '127.0.0.1:9464'
    """

    listen: ListenAddress | None = Field(
        default=None,
        description="Host and port for metrics and the status page, 127.0.0.1:9464; off by default.",
        examples=["127.0.0.1:9464"],
    )


class CollectorConfig(Settings, frozen=True):
    """All settings of a collector: where data are kept, when to alert, what to collect.

    Parameters
    ----------
    storage : StorageConfig, optional
        Where data are kept.
    alerts : AlertConfig, optional
        When an alert is due and where it goes.
    schedule : ScheduleConfig, optional
        When series are collected.
    log : LogConfig, optional
        What is logged, and where.
    server : ServerConfig, optional
        Where metrics for Prometheus and the status page are served.
    histo_jobs : tuple of HistoJob, optional
        What to collect.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds, a key unknown, or a series listed twice. The error suggests the close name of a
        setting and shows no value.

    Examples
    --------
    >>> from dccd.daemon.config import CollectorConfig
    >>> config = CollectorConfig(
    ...     storage={"local_path": "/data"},
    ...     histo_jobs=[{"exchange": "kraken", "pairs": ["BTC/USD"], "timeframe": "1d"}],
    ... )
    >>> config.histo_jobs[0].timeframe
    '1d'
    """

    storage: StorageConfig = Field(default_factory=StorageConfig, description="Where data are kept.")
    alerts: AlertConfig = Field(default_factory=AlertConfig, description="When an alert is due and where it goes.")
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig, description="When series are collected.")
    log: LogConfig = Field(default_factory=LogConfig, description="What is logged, and where.")
    server: ServerConfig = Field(
        default_factory=ServerConfig, description="Where metrics and a status page are served."
    )
    histo_jobs: tuple[HistoJob, ...] = Field(default=(), description="What to collect.")

    if TYPE_CHECKING:

        def __init__(  # noqa: PLR0913 - a parameter for each setting
            self,
            *,
            storage: StorageConfig | Mapping[str, Any] = ...,
            alerts: AlertConfig | Mapping[str, Any] = ...,
            schedule: ScheduleConfig | Mapping[str, Any] = ...,
            log: LogConfig | Mapping[str, Any] = ...,
            server: ServerConfig | Mapping[str, Any] = ...,
            histo_jobs: Sequence[HistoJob | Mapping[str, Any]] = ...,
        ) -> None: ...

    def jobs_by_key(self) -> list[tuple[str, HistoJob, str]]:
        """Return each series with a key that follows from the order of the jobs alone.

        .. deprecated:: 0.2
           The key of a record stays with its timeframe when jobs change their order: use ``dccd status --json``.

        Returns
        -------
        list of tuple of str, HistoJob and str
            Key, job and pair. The first job listed for a pair has the plain key ``exchange/pair``; each further
            timeframe of the pair is added to its key.
        """
        warnings.warn(
            "CollectorConfig.jobs_by_key() goes by the order of the jobs, and records no longer do: use the keys that "
            "dccd status --json shows",
            DeprecationWarning,
            stacklevel=2,
        )
        seen: set[str] = set()
        keyed = []
        for job in self.histo_jobs:
            for pair in job.pairs:
                key = f"{job.exchange}/{pair}"
                keyed.append((f"{key}@{job.timeframe}" if key in seen else key, job, pair))
                seen.add(key)
        return keyed

    @field_validator("histo_jobs")
    @classmethod
    def _no_series_twice(cls, jobs: tuple[HistoJob, ...]) -> tuple[HistoJob, ...]:
        seen: dict[tuple[str, str, str], int] = {}
        repeated = [
            InitErrorDetails(
                type=PydanticCustomError(
                    "listed_twice",
                    "{series} is listed twice, in histo_jobs[{first}] too: remove one",
                    {"series": f"{job.exchange} {pair} {job.timeframe}", "first": first},
                ),
                loc=(number, "pairs"),
                input=None,
            )
            for number, job in enumerate(jobs)
            for pair in job.pairs
            if (first := seen.setdefault((job.exchange, pair, job.timeframe), number)) != number
        ]
        if repeated:
            raise ValidationError.from_exception_data(cls.__name__, repeated)
        return jobs
