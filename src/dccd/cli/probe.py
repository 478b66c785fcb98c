"""Commands for other programs: the health check and metrics."""

from typing import TYPE_CHECKING

from dccd.cli.options import seconds_of
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.exporter import exposition
from dccd.daemon.status import fault, read_overview
from dccd.printable import printable
from dccd.redact import redact
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig


def healthcheck(config: "CollectorConfig", max_age: str, *, jobs: bool) -> tuple[bool, str]:
    """Return whether the daemon is healthy, with `jobs` also whether no job is alerted, and a line about it."""
    seconds = seconds_of("--max-age", max_age)
    overview = read_overview(config, SYSTEM_CLOCK.time())
    wrong = fault(overview, max_age=seconds, persistence=True, jobs=jobs)
    if wrong is not None:
        return False, printable(" ".join(redact(wrong).split()))
    daemon = overview.daemon
    age = format_duration(max(0.0, overview.at - (daemon.ticked_at or overview.at)))
    return True, f"{daemon.state}, pid {daemon.pid}, last tick {age} ago, jobs: {len(overview.jobs)}"


def metrics(config: "CollectorConfig") -> bytes:
    """Return metrics from the files in the text format of Prometheus; without its client the error names the extra."""
    return exposition(read_overview(config, SYSTEM_CLOCK.time()))
