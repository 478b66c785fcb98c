"""A series to bring up to date, and the result of a run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dccd.candles import Gap
from dccd.daemon.records import JobKey
from dccd.daemon.status import read_keys

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.health import HealthMonitor


@dataclass(frozen=True, slots=True)
class JobResult:
    """How one run for one pair ended.

    Parameters
    ----------
    key : str
        Key of the job in the metrics.
    exchange, pair, timeframe : str
        What it collects.
    ok : bool
        Whether it succeeded.
    rows : int, optional
        Candles that are new to the store.
    newest : int or None, optional
        Open time of the newest candle stored, milliseconds since the epoch, UTC.
    gaps : tuple of Gap, optional
        Candles that the exchange did not give, between others that it did.
    error : str or None, optional
        What went wrong, as ``Type: message``, redacted and cut as in the metrics.
    duration : float, optional
        Seconds it took.
    complete : bool, optional
        Whether the series is up to date; False where the run gave way to those of other series.

    Examples
    --------
    >>> from dccd.daemon.scheduler import JobResult
    >>> JobResult("kraken/BTC/USD", "kraken", "BTC/USD", "1h", ok=True, rows=720).rows
    720
    """

    key: str
    exchange: str
    pair: str
    timeframe: str
    ok: bool
    rows: int = 0
    newest: int | None = None
    gaps: tuple[Gap, ...] = ()
    error: str | None = None
    duration: float = 0.0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Task:
    """One series to bring up to date."""

    key: str
    job: "HistoJob"
    pair: str

    @property
    def qualifier(self) -> str | None:
        """The timeframe if the key holds it, else None."""
        return JobKey.parse(self.key).timeframe


def tasks_of(config: "CollectorConfig", health: "HealthMonitor | None" = None) -> list[Task]:
    """Return one task for each series of a configuration, in its order; a monitor reserves their keys."""
    keyed = read_keys(config) if health is None else health.claim(config.histo_jobs)
    return [Task(key, job, pair) for key, job, pair in keyed]
