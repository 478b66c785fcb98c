"""What belongs to no job: who asked for silence, and which destinations are gone."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from dccd import files
from dccd.errors import StorageError

__all__ = ["ALERTS_FILE", "AlertState", "Silence", "change_state", "read_state"]

ALERTS_FILE: Final = "alerts.json"
_LOCK_TIMEOUT: Final = 2.0


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is sent about a job for a while; it keeps counting.

    Parameters
    ----------
    until : float
        When it ends, Unix seconds.
    reason : str, optional
        Why, for those who look.
    extra : mapping, optional
        Fields of a newer dccd, kept as they are.
    """

    until: float
    reason: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertState:
    """The content of ``alerts.json``.

    Parameters
    ----------
    silences : mapping of str to Silence, optional
        By the key of the job.
    gone : mapping of str to str, optional
        Identifiers of destinations that said they are gone, and how; they get nothing more.
    extra : mapping, optional
        Fields of a newer dccd, kept as they are.
    """

    silences: Mapping[str, Silence] = field(default_factory=dict)
    gone: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, object] = field(default_factory=dict)

    def silent(self, now: float) -> dict[str, Silence]:
        """Return the silences that hold at a time."""
        return {key: silence for key, silence in self.silences.items() if silence.until > now}


def read_state(directory: Path) -> AlertState:
    """Return the state kept in a directory; what cannot be read counts as absent.

    Parameters
    ----------
    directory : Path
        The ``.dccd`` directory.

    Returns
    -------
    AlertState
        Silences that are over are still in it.
    """
    try:
        return _parse((directory / ALERTS_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return AlertState()


def change_state(directory: Path, change: Callable[[AlertState], AlertState], now: float) -> AlertState:
    """Change the state in one step, whatever other processes do.

    Parameters
    ----------
    directory : Path
        The ``.dccd`` directory; it must exist.
    change : callable
        A pure function from the state to the next one.
    now : float
        The time, Unix seconds: silences that are over are dropped, and a damaged file is set aside under it.

    Returns
    -------
    AlertState
        The new state.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    path = directory / ALERTS_FILE
    if not directory.is_dir():
        msg = f"{directory} does not exist: nothing was recorded there; check storage.local_path"
        raise StorageError(msg)
    try:
        with files.file_lock(directory / f"{ALERTS_FILE}.lock", _LOCK_TIMEOUT):
            files.remove_strays_of(path)
            try:
                state = _parse(path.read_bytes())
            except FileNotFoundError:
                state = AlertState()
            except (ValueError, RecursionError):
                files.set_aside(path, "corrupt", now)
                state = AlertState()
            state = change(state)
            state = replace(state, silences=state.silent(now))
            files.replace(path, _encode(state))
    except OSError as error:
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise StorageError(msg) from None
    return state


def _parse(data: bytes) -> AlertState:
    raw: Any = json.loads(data)
    if not isinstance(raw, dict):
        raise ValueError  # noqa: TRY004 - one kind of error for all that a file may hold
    silences: Any = raw.pop("silences", {})
    gone: Any = raw.pop("gone", {})
    try:
        return AlertState(
            {str(key): _silence(**item) for key, item in silences.items()},
            {str(key): str(reason) for key, reason in gone.items()},
            raw,
        )
    except (AttributeError, KeyError, TypeError):
        raise ValueError from None


def _silence(until: float, reason: str = "", **extra: object) -> Silence:
    return Silence(float(until), str(reason), extra)


def _encode(state: AlertState) -> bytes:
    silences = {key: {"until": item.until, "reason": item.reason, **item.extra} for key, item in state.silences.items()}
    body = {"silences": silences, "gone": dict(state.gone), **state.extra}
    return f"{json.dumps(body, indent=1, allow_nan=False)}\n".encode("ascii")
