"""The settings of dccd as frozen models.

They are plain models: constructing one reads no environment variable and no file. `load_config` does that.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from annotated_types import Len
from platformdirs import user_data_path
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, field_validator

from dccd.daemon.config.types import (
    Address,
    Duration,
    ExchangeName,
    Pair,
    SecretAddress,
    SecretAddresses,
    SecretTexts,
    SigningSecret,
    Timeframe,
    UserPath,
)
from dccd.units import parse_timeframe

__all__ = ["AlertConfig", "CollectorConfig", "HistoJob", "LogConfig", "StorageConfig"]


class Settings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True):
    """What all models share: frozen, no unknown keys, no values in error messages."""


class AlertConfig(Settings, frozen=True):
    """When an alert is due and where it goes.

    Parameters
    ----------
    webhook_url : str, optional
        Address that gets a JSON POST; a secret, absent from the repr and masked in dumps, so a dump does not
        round-trip. Without it nothing is sent.
    max_consecutive_errors : int, optional
        Failures in a row at which an incident opens, 1 to 1,000,000, default 3.
    extra_webhooks : tuple of str, optional
        Further addresses that get the same alerts, each in the format of its host; secrets too.
    apprise_urls : tuple of str, optional
        Addresses of any service that Apprise knows (``tgram://...``, ``mailto://...``); secrets too. They need the
        extra ``apprise``.
    format : str, optional
        Format for `webhook_url`: ``auto`` (by the host of the address), ``slack``, ``discord``, ``teams``,
        ``mattermost``, ``rocketchat`` or ``generic``.
    webhook_secret : str, optional
        Key of Standard Webhooks, ``whsec_`` and base64: messages in the generic format are signed with it. A secret.
    heartbeat_url : str, optional
        Address to ping after each look at the clock, so that an outside service notices when this process is gone.
        A secret.
    recovery_threshold : int, optional
        Successes in a row that end an incident, default 1.
    repeat_interval : float or str, optional
        Time between reminders while an incident lasts, default 4 hours; 0 means never.
    send_resolved : bool, optional
        Whether the end of an incident is told, default true.
    group_window : float or str, optional
        Time for which a notice waits for others to share its message, default 5 s.
    outbox_ttl : float or str, optional
        Age at which a notice of an incident that is over is given up, default 24 h.
    shutdown_timeout : float or str, optional
        Time that closing may take to send what is owed, default 20 s.
    source : str, optional
        Where the process runs, as told in messages; default the name of the host.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds, or a key unknown.

    Examples
    --------
    >>> from dccd.daemon.config import AlertConfig
    >>> alerts = AlertConfig(webhook_url="https://hooks.slack.com/services/T0/B0/x", max_consecutive_errors=5)
    >>> alerts.max_consecutive_errors
    5
    >>> "services" in repr(alerts)
    False
    """

    webhook_url: SecretAddress = Field(default=None, description="Address that gets alerts; nothing is sent without.")
    max_consecutive_errors: int = Field(
        default=3, ge=1, le=1_000_000, description="Failures in a row at which an incident opens."
    )
    extra_webhooks: SecretAddresses = Field(
        default=(), max_length=20, description="Further addresses that get the same alerts; a list, or with commas."
    )
    apprise_urls: SecretTexts = Field(
        default=(), max_length=20, description="Addresses of services that Apprise knows; a list, or with commas."
    )
    format: Literal["auto", "slack", "discord", "teams", "mattermost", "rocketchat", "generic"] = Field(
        default="auto", description="Format for webhook_url; auto goes by the host of the address."
    )
    webhook_secret: SigningSecret = Field(
        default=None, description="Standard Webhooks key (whsec_...) that signs messages in the generic format."
    )
    heartbeat_url: SecretAddress = Field(
        default=None, description="Address to ping after each look at the clock; an outside service watches it."
    )
    recovery_threshold: int = Field(default=1, ge=1, le=1000, description="Successes in a row that end an incident.")
    repeat_interval: Duration = Field(
        default=14_400.0, ge=0, le=31_536_000, description="Time between reminders while an incident lasts; 0 = never."
    )
    send_resolved: bool = Field(default=True, description="Whether the end of an incident is told.")
    group_window: Duration = Field(
        default=5.0, ge=0, le=3600, description="Time for which a notice waits for others to share its message."
    )
    outbox_ttl: Duration = Field(
        default=86_400.0, ge=60, le=31_536_000, description="Age at which a notice of a closed incident is given up."
    )
    shutdown_timeout: Duration = Field(
        default=20.0, ge=0, le=600, description="Time that closing may take to send what is owed."
    )
    source: str | None = Field(
        default=None, min_length=1, max_length=200, description="Where this runs, as told in messages; the host name."
    )

    @property
    def has_destination(self) -> bool:
        """Whether anyone is to be told at all."""
        return self.webhook_url is not None or bool(self.extra_webhooks or self.apprise_urls)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be shown."""
        named = (self.webhook_url, self.webhook_secret, self.heartbeat_url)
        return (*(secret for secret in named if secret is not None), *self.extra_webhooks, *self.apprise_urls)


class StorageConfig(Settings, frozen=True):
    """Where data are kept, and how.

    Parameters
    ----------
    local_path : Path, optional
        Directory for candles and for the state in ``.dccd``; default the user's data directory.
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
        default_factory=lambda: user_data_path("dccd"), description="Directory for candles and for .dccd."
    )
    fsync: bool = Field(default=True, description="Whether each record waits for the disk.")


class LogConfig(Settings, frozen=True):
    """What is logged where.

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


def _one_or_more(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class HistoJob(Settings, frozen=True):
    """Candles of one exchange, at one timeframe, for one or more pairs.

    Parameters
    ----------
    exchange : str
        Name of the exchange as ccxt spells it (``binance``), or as you registered it.
    pairs : tuple of str
        Trading pairs, ``BASE/QUOTE``; also a text with commas.
    timeframe : str or int, optional
        Length of a candle, ``1m`` to ``1w`` or seconds, default ``1h``.
    start : datetime, optional
        UTC time at which an empty series begins; default the last 500 candles.
    base_url : str, optional
        Address of a mirror or a local server to ask in place of the exchange, for each of its endpoints.
    max_consecutive_errors : int, optional
        Failures in a row at which this job alerts; default ``alerts.max_consecutive_errors``.

    Examples
    --------
    >>> from dccd.daemon.config import HistoJob
    >>> job = HistoJob(exchange="kraken", pairs="BTC/USD, ETH/USD", timeframe=3600)
    >>> job.pairs, job.timeframe, job.seconds
    (('BTC/USD', 'ETH/USD'), '1h', 3600)
    """

    exchange: ExchangeName = Field(description="Name of the exchange, as ccxt spells it.")
    pairs: Annotated[tuple[Pair, ...], BeforeValidator(_one_or_more), Len(1)] = Field(
        description="Trading pairs, BASE/QUOTE; a list, or a text with commas."
    )
    timeframe: Timeframe = Field(default="1h", description="Length of a candle: 1m, 5m, 1h, 1d, 1w, or seconds.")
    start: Annotated[datetime, AfterValidator(_in_utc)] | None = Field(
        default=None, description="UTC time at which an empty series begins; default the last 500 candles."
    )
    base_url: Address | None = Field(default=None, description="Server to ask in place of the exchange.")
    max_consecutive_errors: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Failures in a row at which this job alerts."
    )

    @property
    def seconds(self) -> int:
        """Length of a candle in seconds."""
        return parse_timeframe(self.timeframe)


class CollectorConfig(Settings, frozen=True):
    """All settings of a collector: where data are kept, when to alert, what to collect.

    Parameters
    ----------
    storage : StorageConfig, optional
        Where data are kept.
    alerts : AlertConfig, optional
        When an alert is due and where it goes.
    log : LogConfig, optional
        What is logged where.
    histo_jobs : tuple of HistoJob, optional
        What to collect.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds, a key unknown, or a series listed twice.

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
    log: LogConfig = Field(default_factory=LogConfig, description="What is logged where.")
    histo_jobs: tuple[HistoJob, ...] = Field(default=(), description="What to collect.")

    def jobs_by_key(self) -> list[tuple[str, HistoJob, str]]:
        """Return each series with the key of its record.

        Returns
        -------
        list of tuple of str, HistoJob and str
            Key, job and pair. The first job listed for a pair has the plain key ``exchange/pair``; each further
            timeframe of the pair is added to its key, so that adding one moves no record.

        Examples
        --------
        >>> from dccd.daemon.config import CollectorConfig, HistoJob
        >>> jobs = [HistoJob(exchange="kraken", pairs=("BTC/USD",), timeframe=t) for t in ("1h", "1m")]
        >>> [key for key, _, _ in CollectorConfig(histo_jobs=tuple(jobs)).jobs_by_key()]
        ['kraken/BTC/USD', 'kraken/BTC/USD@1m']
        """
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
        seen: set[tuple[str, str, str]] = set()
        for job in jobs:
            for pair in job.pairs:
                series = (job.exchange, pair, job.timeframe)
                if series in seen:
                    msg = f"{job.exchange} {pair} {job.timeframe} is listed twice: remove one"
                    raise ValueError(msg)
                seen.add(series)
        return jobs
