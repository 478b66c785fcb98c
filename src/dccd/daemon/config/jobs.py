"""The settings of a job: what to collect."""

from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator

from dccd.daemon.config.base import Settings
from dccd.daemon.config.types import Count, Duration, ExchangeName, Pairs, ServerUrl, Timeframe, UtcTime
from dccd.units import parse_timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


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
        UTC time at which an empty series begins, the beginning of a day, month or year such as ``2026-01``; default
        the last 500 candles.
    base_url : str, optional
        URL of a mirror or a local server to use in place of the exchange, for each of its endpoints.
    max_consecutive_errors : int, optional
        Failures in a row at which this job alerts; default ``alerts.max_consecutive_errors``.
    max_age : float or str, optional
        Age of the newest candle at which the job alerts although its runs succeed, at least two candles; 0 means
        never, for pairs that are seldom traded. Default three candles, and five minutes or half a candle more.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of bounds or a key unknown. The error suggests the close name of a setting and shows no value.

    Examples
    --------
    >>> from dccd.daemon.config import HistoJob
    >>> job = HistoJob(exchange="kraken", pairs="BTC/USD, ETH/USD", timeframe=3600)
    >>> job.pairs, job.timeframe, job.seconds
    (('BTC/USD', 'ETH/USD'), '1h', 3600)
    """

    exchange: ExchangeName = Field(description="Name of the exchange, as ccxt spells it.", examples=["kraken"])
    pairs: Pairs = Field(
        description="Trading pairs, BASE/QUOTE; a list, or a text with commas.", examples=[["BTC/USD", "ETH/USD"]]
    )
    timeframe: Timeframe = Field(default="1h", description="Length of a candle: 1m, 5m, 1h, 1d, 1w, or seconds.")
    start: UtcTime | None = Field(
        default=None,
        description="UTC time at which an empty series begins; default the last 500 candles.",
        examples=["2026-01-01T00:00:00Z"],
    )
    base_url: ServerUrl | None = Field(
        default=None, description="URL to use in place of the exchange.", examples=["http://127.0.0.1:8080"]
    )
    max_consecutive_errors: Count | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Failures in a row at which this job alerts; default that of [alerts].",
        examples=[10],
    )
    max_age: Duration | None = Field(
        default=None,
        ge=0,
        le=31_536_000,
        description="Age of the newest candle at which this job alerts, 0 = never; default three candles and more.",
        examples=["1d"],
    )

    if TYPE_CHECKING:  # the types that may be given, which are more than those that are kept

        def __init__(  # noqa: PLR0913 - a parameter for each setting
            self,
            *,
            exchange: str,
            pairs: Sequence[str],
            timeframe: str | int = ...,
            start: datetime | str | None = ...,
            base_url: str | None = ...,
            max_consecutive_errors: int | None = ...,
            max_age: float | str | None = ...,
        ) -> None: ...

    @property
    def seconds(self) -> int:
        """Length of a candle in seconds."""
        return parse_timeframe(self.timeframe)

    @field_validator("max_age")
    @classmethod
    def _old_is_older_than_usual(cls, age: float | None, info: ValidationInfo) -> float | None:
        timeframe = info.data.get("timeframe")  # None if the timeframe itself is wrong
        if age and timeframe and age < 2 * parse_timeframe(timeframe):
            msg = f"should be two candles of {timeframe} at least, or it would alert all the time"
            raise ValueError(msg)
        return age
