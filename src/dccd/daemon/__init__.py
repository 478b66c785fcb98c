"""Watch over data-collection jobs: settings, the health monitor and the scheduler.

The names are loaded when first used, so importing one part loads no other.
"""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily

if TYPE_CHECKING:
    from dccd.daemon.config import (
        AlertConfig,
        CollectorConfig,
        HistoJob,
        LogConfig,
        ScheduleConfig,
        ServerConfig,
        StorageConfig,
        load_config,
    )
    from dccd.daemon.health import HealthMonitor, JobMetrics, read_metrics
    from dccd.daemon.scheduler import JobResult, build_histo_scheduler, run_histo_job, run_once

__all__ = [
    "AlertConfig",
    "CollectorConfig",
    "HealthMonitor",
    "HistoJob",
    "JobMetrics",
    "JobResult",
    "LogConfig",
    "ScheduleConfig",
    "ServerConfig",
    "StorageConfig",
    "build_histo_scheduler",
    "load_config",
    "read_metrics",
    "run_histo_job",
    "run_once",
]

_HEALTH = ("HealthMonitor", "JobMetrics", "read_metrics")
_SCHEDULER = ("JobResult", "build_histo_scheduler", "run_histo_job", "run_once")

_NAMES: Final = {
    ".health": _HEALTH,
    ".scheduler": _SCHEDULER,
    ".config": tuple(name for name in __all__ if name not in {*_HEALTH, *_SCHEDULER}),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
