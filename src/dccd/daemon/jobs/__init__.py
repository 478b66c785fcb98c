"""Collect series, and decide when: candles and health meet here."""

from dccd.daemon.jobs.close_trigger import AtClose
from dccd.daemon.jobs.collector import Collector, Progress
from dccd.daemon.jobs.reschedule import DueAtOnce, make_due
from dccd.daemon.jobs.tasks import JobResult, Task, tasks_of

__all__ = ["AtClose", "Collector", "DueAtOnce", "JobResult", "Progress", "Task", "make_due", "tasks_of"]
