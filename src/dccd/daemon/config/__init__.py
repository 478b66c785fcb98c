"""Settings, and how they are loaded."""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily
from dccd.daemon.config.alerts import AlertConfig
from dccd.daemon.config.jobs import HistoJob
from dccd.daemon.config.load import Traced, load_config, trace_config
from dccd.daemon.config.models import (
    CollectorConfig,
    LogConfig,
    ScheduleConfig,
    ServerConfig,
    StorageConfig,
)
from dccd.daemon.config.problems import unreadable
from dccd.daemon.config.reading import read_text

if TYPE_CHECKING:
    from dccd.daemon.config.describe import VARIABLES, Setting, json_schema, settings, starter
    from dccd.daemon.config.migration import migrate

__all__ = [
    "VARIABLES",
    "AlertConfig",
    "CollectorConfig",
    "HistoJob",
    "LogConfig",
    "ScheduleConfig",
    "ServerConfig",
    "Setting",
    "StorageConfig",
    "Traced",
    "json_schema",
    "load_config",
    "migrate",
    "read_text",
    "settings",
    "starter",
    "trace_config",
    "unreadable",
]

_NAMES: Final = {
    ".describe": ("VARIABLES", "Setting", "json_schema", "settings", "starter"),
    ".migration": ("migrate",),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)
