"""A run under way."""

from dataclasses import dataclass


@dataclass(slots=True)
class Run:
    """A run under way, as `HealthMonitor.track` gives it.

    Parameters
    ----------
    rows : int, optional
        Rows collected so far; set it before the run ends.
    newest_at : float or None, optional
        Up to when the job has data, Unix seconds.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from dccd.daemon import AlertConfig, HealthMonitor
    >>> with TemporaryDirectory() as directory, HealthMonitor(directory, AlertConfig()) as monitor:
    ...     with monitor.track("kraken", "BTC/USD") as run:
    ...         run.rows = 720
    ...     monitor.get_metrics()["kraken/BTC/USD"].rows_collected
    720
    """

    rows: int = 0
    newest_at: float | None = None
