"""The daemon of a directory: one at a time, and what it reports about itself."""

import json
import math
import os
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.logs import utc
from dccd.daemon.records import Presence
from dccd.disk import STATE_DIRECTORY, file_lock, files, is_locked
from dccd.errors import AlreadyRunningError, StorageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

DAEMON_FILE: Final = "daemon.json"
DAEMON_LOCK: Final = "daemon.lock"
# `is_locked` takes the lock for a moment to see whether it is held.
_LOCK_TIMEOUT_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.5
# The time of the lock file is later than the content of the other by more only if that could not be written.
_UNWRITTEN_SECONDS: Final = 1.0


def read_presence(local_path: str | os.PathLike[str]) -> Presence | None:
    """Return what the daemon of a directory reports, None if there is nothing usable; nothing is written."""
    file, lock = (Path(local_path) / STATE_DIRECTORY / name for name in (DAEMON_FILE, DAEMON_LOCK))
    try:
        touched_at = lock.stat().st_mtime if lock.exists() else 0.0  # before the file, which is written first
        found = _parse(json.loads(file.read_bytes()), alive=is_locked(lock))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    if sys.platform == "win32" or not found.alive or touched_at - found.ticked_at < _UNWRITTEN_SECONDS:
        return found
    return replace(
        found, ticked_at=touched_at, persistence=found.persistence or f"{file} cannot be written: see its disk"
    )


def _parse(raw: Any, *, alive: bool) -> Presence:  # noqa: ANN401 - any JSON
    if not isinstance(raw, dict) or raw.get("state") not in {"running", "stopping", "stopped"}:
        raise ValueError
    return Presence(
        pid=int(raw["pid"]) if isinstance(raw.get("pid"), int) else 0,
        version=_text(raw.get("version")) or "unknown",
        started_at=_time(raw.get("started_at")) or 0.0,
        ticked_at=_time(raw.get("ticked_at")) or 0.0,
        state=raw["state"],
        jobs=raw["jobs"] if isinstance(raw.get("jobs"), int) else 0,
        next_runs={str(key): at for key, value in _mapping(raw.get("next_runs")) if (at := _time(value)) is not None},
        persistence=_text(raw.get("persistence")),
        destinations=tuple(str(each) for each in raw.get("destinations") or ()),
        address=_text(raw.get("address")),
        reloaded_at=_time(raw.get("reloaded_at")),
        alive=alive,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None  # type: ignore[arg-type]


def _mapping(value: object) -> list[tuple[object, object]]:
    return list(value.items()) if isinstance(value, dict) else []


class Claim:
    """The lock of the one daemon of a directory, held as long as the context lasts and the process lives.

    Entering raises AlreadyRunningError while another daemon holds it, or waits for that one to end until `wait` is set.
    """

    def __init__(self, local_path: Path, *, wait: threading.Event | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._local_path = local_path
        self._directory = local_path / STATE_DIRECTORY
        self._wait = wait
        self._clock = clock
        self._lock: AbstractContextManager[object] | None = None

    def __enter__(self) -> Self:
        timeout = _LOCK_TIMEOUT_SECONDS
        while True:
            lock = file_lock(self._directory / DAEMON_LOCK, timeout)
            try:
                lock.__enter__()
            except TimeoutError:
                if self._wait is None or self._clock.wait(self._wait, _POLL_SECONDS):
                    raise AlreadyRunningError(self._other()) from None
                timeout = 0.0
            except OSError as error:
                msg = f"{self._directory} cannot be used: {files.describe(error)}"
                raise StorageError(msg) from None
            else:
                self._lock = lock
                return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.__exit__(None, None, None)
            self._lock = None

    def report(self, presence: Presence) -> None:
        """Write what `read_presence` returns; what cannot be written is left for the next call."""
        body = asdict(presence)
        del body["alive"]
        with suppress(OSError, ValueError):
            data = json.dumps(body, indent=1, allow_nan=False).encode("ascii")
            files.replace(self._directory / DAEMON_FILE, data, fsync=False)
        # A full disk still takes this, so that a reader sees that the daemon lives and cannot write.
        with suppress(OSError):
            os.utime(self._directory / DAEMON_LOCK, (presence.ticked_at, presence.ticked_at))

    def _other(self) -> str:
        other = read_presence(self._local_path)
        who = f", pid {other.pid} since {utc(other.started_at)}" if other is not None and other.alive else ""
        return (
            f"another dccd start runs on {self._local_path}{who}: stop it first, "
            "start with --wait to take over when it ends, or set another storage.local_path"
        )
