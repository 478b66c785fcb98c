"""What other programs ask the command for: whether all is well, and metrics."""

from typing import TYPE_CHECKING

from dccd.cli.options import seconds_of
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.exporter.prometheus import exposition
from dccd.daemon.health_view import fault
from dccd.daemon.overview import read_overview
from dccd.redact import redact
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

__all__ = ["healthcheck", "metrics"]


def healthcheck(config: "CollectorConfig", max_age: str, *, jobs: bool) -> tuple[bool, str]:
    """Return whether the daemon is well, and a line about it.

    Parameters
    ----------
    config : CollectorConfig
        Where its state is.
    max_age : str
        Time without a tick that is too long.
    jobs : bool
        Whether an incident of a job counts.

    Returns
    -------
    tuple of bool and str
        The line has no newline.

    Raises
    ------
    DccdError
        If `max_age` is no time, or the records cannot be read.
    """
    seconds = seconds_of("--max-age", max_age)
    overview = read_overview(config, SYSTEM_CLOCK.time())
    wrong = fault(overview, max_age=seconds, persistence=True, jobs=jobs)
    if wrong is not None:
        return False, " ".join(redact(wrong).split())
    daemon = overview.daemon
    age = format_duration(overview.at - (daemon.ticked_at or overview.at))
    return True, f"{daemon.state}, pid {daemon.pid}, last tick {age} ago, jobs: {len(overview.jobs)}"


def metrics(config: "CollectorConfig") -> bytes:
    """Return metrics of what the files tell, in the text format of Prometheus.

    Parameters
    ----------
    config : CollectorConfig
        Where the files are.

    Returns
    -------
    bytes
        A line for each sample.

    Raises
    ------
    MissingExtraError
        If prometheus_client is not installed.
    StorageError
        If the records cannot be read.
    """
    return exposition(read_overview(config, SYSTEM_CLOCK.time()))
