"""Settings, and how they are loaded."""

from dccd.daemon.config.load import load_config
from dccd.daemon.config.models import AlertConfig, CollectorConfig, HistoJob, LogConfig, StorageConfig

__all__ = ["AlertConfig", "CollectorConfig", "HistoJob", "LogConfig", "StorageConfig", "load_config"]
