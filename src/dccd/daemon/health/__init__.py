"""The monitor of jobs: durable metrics, one log file, alerts that arrive once."""

from dccd.daemon.health.monitor import HealthMonitor, read_metrics
from dccd.daemon.health.run import Run
from dccd.daemon.records import JobMetrics
from dccd.exit_hooks import close_all

__all__ = ["HealthMonitor", "JobMetrics", "Run", "close_all", "read_metrics"]
