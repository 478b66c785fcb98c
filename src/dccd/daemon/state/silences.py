"""What belongs to no record of a job: silences, and destinations that are gone."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from dccd.daemon.records import from_plain, is_ahead, to_plain
from dccd.disk import STATE_DIRECTORY, check_format, file_lock, files, mounted_directory
from dccd.errors import StorageError

ALERTS_FILE: Final = "alerts.json"
_LOCK_TIMEOUT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Until when, in Unix seconds, nothing is sent about a job, why, and since when; its metrics go on."""

    until: float
    reason: str = ""
    since: float | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertState:
    """The content of ``alerts.json``: silences by key of the job, and why each gone destination is gone, by its id."""

    silences: Mapping[str, Silence] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def silent(self, now: float) -> dict[str, Silence]:
        """Return the silences that have not ended at a time, by key; one from the future is none."""
        return {
            key: silence
            for key, silence in self.silences.items()
            if silence.until > now and not is_ahead(silence.since or 0.0, now)
        }


def read_alert_state(local_path: Path) -> AlertState:
    """Return the state of a data directory, with silences that have ended; what cannot be read counts as absent."""
    try:
        return _parse(files.read(local_path / STATE_DIRECTORY / ALERTS_FILE))
    except (OSError, ValueError, RecursionError):
        return AlertState()


def change_alert_state(local_path: Path, change: Callable[[AlertState], AlertState], now: float) -> AlertState:
    """Apply a pure function to the state under the lock, and return the new state or raise StorageError.

    Silences that have ended are dropped, and a damaged file is set aside.
    """
    directory = local_path / STATE_DIRECTORY
    path = directory / ALERTS_FILE
    check_format(local_path)
    if not directory.is_dir():
        msg = f"{directory} does not exist: nothing was recorded there; check storage.local_path"
        raise StorageError(msg)
    try:
        mounted_directory(directory).check()
        with file_lock(directory / f"{ALERTS_FILE}.lock", _LOCK_TIMEOUT_SECONDS):
            files.remove_strays_of(path)
            try:
                state = _parse(files.read(path))
            except FileNotFoundError:
                state = AlertState()
            except (ValueError, RecursionError):
                files.set_aside(path, "corrupt", now)
                state = AlertState()
            state = change(state)
            state = replace(state, silences={key: each for key, each in state.silences.items() if each.until > now})
            files.replace(path, _encode(state))
    except OSError as error:
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise StorageError(msg) from None
    return state


def _parse(data: bytes) -> AlertState:
    return from_plain(AlertState, json.loads(data))


def _encode(state: AlertState) -> bytes:
    return f"{json.dumps(to_plain(state), indent=1, allow_nan=False)}\n".encode("ascii")
