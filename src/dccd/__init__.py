"""Run data-collection jobs and watch over them.

The names of `dccd.daemon` (the monitor, its configuration and the scheduler) can be imported from here too; they are
loaded when first used. `dccd.candles` holds where candles come from and where they are kept, `dccd.testing` servers on
loopback to try things out.
"""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily

if TYPE_CHECKING:
    from dccd.daemon import (
        AlertConfig,
        CollectorConfig,
        HealthMonitor,
        HistoJob,
        JobMetrics,
        JobResult,
        LogConfig,
        ScheduleConfig,
        ServerConfig,
        StorageConfig,
        build_histo_scheduler,
        load_config,
        read_metrics,
        run_histo_job,
        run_once,
    )

__version__: Final = "0.2.0.dev0"

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
    "__version__",
    "build_histo_scheduler",
    "load_config",
    "read_metrics",
    "run_histo_job",
    "run_once",
]

_NAMES: Final = {".daemon": tuple(name for name in __all__ if name != "__version__")}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
