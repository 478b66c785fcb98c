"""The first steps of a command: its configuration and its log."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from dccd.daemon import logs
from dccd.daemon.config import load_config
from dccd.disk import check_format
from dccd.errors import ConfigError, UnknownSourceError

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

_consoles: Final[list[logging.Handler]] = []


def data_path(config: Path | None) -> Path:
    """Return the data directory of a configuration; one of a newer format is an error."""
    local_path = load_config(config).storage.local_path
    check_format(local_path)
    return local_path


def settings_with_jobs(path: Path | None) -> "CollectorConfig":
    """Return the configuration; one without jobs is an error, and so is a missing extra that its jobs need."""
    from dccd.candles import check_exchange  # noqa: PLC0415 - 60 ms, for those who collect

    settings = load_config(path)
    require_jobs(settings)
    require_store(settings)
    for name in dict.fromkeys(job.exchange for job in settings.histo_jobs):
        with suppress(UnknownSourceError):  # only its own jobs fail
            check_exchange(name)
    return settings


def require_jobs(settings: "CollectorConfig") -> None:
    """Raise `ConfigError` if no jobs are configured."""
    if not settings.histo_jobs:
        msg = (
            "no jobs are configured: add [[histo_jobs]] to a dccd.toml, "
            'or set DCCD_HISTO_JOBS=\'[{"exchange": "kraken", "pairs": ["BTC/USD"]}]\''
        )
        raise ConfigError(msg)


def require_store(settings: "CollectorConfig") -> None:
    """Raise `MissingExtraError` if candles cannot be stored, as pyarrow is not installed."""
    from dccd.candles import Coverage  # noqa: PLC0415 - loads pyarrow

    Coverage(settings.storage.local_path)


def configure_logging(settings: "CollectorConfig", stream: "TextIO", level: int) -> None:
    """Log to a stream as the settings say; this replaces what an earlier call set up."""
    root = logging.getLogger()
    logging.getLogger("dccd").setLevel(settings.log.level)
    form = settings.log.console
    for before in _consoles:
        root.removeHandler(before)
    _consoles[:] = [
        logging.NullHandler() if form == "off" else logs.console(stream, "json" if form == "json" else "text", level)
    ]
    root.addHandler(_consoles[0])
