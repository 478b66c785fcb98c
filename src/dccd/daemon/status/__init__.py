"""What an operator sees of the jobs and of the daemon."""

from dccd.daemon.status.assess import fault
from dccd.daemon.status.overview import overview_of, read_keys, read_overview
from dccd.daemon.status.view import PRESENT, STATES, DaemonView, JobView, Overview, to_json

__all__ = [
    "PRESENT",
    "STATES",
    "DaemonView",
    "JobView",
    "Overview",
    "fault",
    "overview_of",
    "read_keys",
    "read_overview",
    "to_json",
]
