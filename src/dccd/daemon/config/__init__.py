"""Settings, and how they are loaded."""

from dccd.daemon.config.load import load_config
from dccd.daemon.config.models import (
    AlertConfig,
    CollectorConfig,
    HistoJob,
    LogConfig,
    ScheduleConfig,
    ServerConfig,
    StorageConfig,
)

__all__ = [
    "AlertConfig",
    "CollectorConfig",
    "HistoJob",
    "LogConfig",
    "ScheduleConfig",
    "ServerConfig",
    "StorageConfig",
    "load_config",
]
