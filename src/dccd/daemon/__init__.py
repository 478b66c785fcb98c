"""Watch over data-collection jobs: settings, the health monitor and the scheduler.

The names are loaded when first used, so importing one part loads no other.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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

_MODULES: Final = {
    "config": (
        "AlertConfig",
        "CollectorConfig",
        "HistoJob",
        "LogConfig",
        "ScheduleConfig",
        "ServerConfig",
        "StorageConfig",
        "load_config",
    ),
    "health": ("HealthMonitor", "JobMetrics", "read_metrics"),
    "scheduler": ("JobResult", "build_histo_scheduler", "run_histo_job", "run_once"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
