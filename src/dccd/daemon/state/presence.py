"""The daemon of a directory: one at a time, and what it reports about itself."""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.logs import utc
from dccd.daemon.records import Presence, salvage
from dccd.disk import STATE_DIRECTORY, MountedDirectory, file_lock, files, is_locked, mounted_directory
from dccd.errors import AlreadyRunningError, StorageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

logger: logging.Logger = logging.getLogger(__name__)

DAEMON_FILE: Final = "daemon.json"
DAEMON_LOCK: Final = "daemon.lock"
# `is_locked` takes the lock for a moment to see whether it is held.
_LOCK_TIMEOUT_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.5
# The time of the lock file is later than the content of the other by more only if that could not be written.
_UNWRITTEN_SECONDS: Final = 1.0
_UNREPORTED: Final[dict[str, Any]] = {"pid": 0, "version": "unknown", "started_at": 0.0, "ticked_at": 0.0}


def read_presence(local_path: str | os.PathLike[str]) -> Presence | None:
    """Return what the daemon of a directory reports, None if there is nothing usable; nothing is written."""
    file, lock = (Path(local_path) / STATE_DIRECTORY / name for name in (DAEMON_FILE, DAEMON_LOCK))
    try:
        touched_at = lock.stat().st_mtime if lock.exists() else 0.0  # before the file, which is written first
        found = _parse(json.loads(files.read(file)), alive=is_locked(lock))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    if sys.platform == "win32" or not found.alive or touched_at - found.ticked_at < _UNWRITTEN_SECONDS:
        return found
    return replace(
        found, ticked_at=touched_at, persistence=found.persistence or f"{file} cannot be written: see its disk"
    )


def _parse(raw: Any, *, alive: bool) -> Presence:  # noqa: ANN401 - any JSON
    """Return what makes sense of a report; without a known state nothing does."""
    found = salvage(Presence, raw)
    return Presence(**{**_UNREPORTED, **found, "alive": alive})


class Claim:
    """The lock of the one daemon of a directory, held as long as the context lasts and the process lives.

    Entering raises AlreadyRunningError while another daemon holds it, or waits for that one to end until `wait` is set.
    """

    def __init__(self, local_path: Path, *, wait: threading.Event | None = None, clock: Clock = SYSTEM_CLOCK) -> None:
        self._local_path = local_path
        self._directory = local_path / STATE_DIRECTORY
        self._wait = wait
        self._clock = clock
        self._path = self._directory / DAEMON_LOCK
        self._lock: AbstractContextManager[object] | None = None
        self._locked: os.stat_result | None = None
        self._mounted: MountedDirectory | None = None

    def __enter__(self) -> Self:
        timeout = _LOCK_TIMEOUT_SECONDS
        while True:
            try:
                self._take(timeout)
            except TimeoutError:
                if self._wait is None or self._clock.wait(self._wait, _POLL_SECONDS):
                    raise AlreadyRunningError(self._other()) from None
                timeout = 0.0
            except OSError as error:
                msg = f"{self._directory} cannot be used: {files.describe(error)}"
                raise StorageError(msg) from None
            else:
                return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.__exit__(None, None, None)
            self._lock = None

    def is_held(self) -> bool:
        """Return whether this is still the daemon of the directory; a lock file that was removed is made again."""
        try:
            if self._mounted is not None:
                self._mounted.check()
            there = self._path.lstat() if self._path.exists() else None
            if there is None or self._locked is None or not os.path.samestat(there, self._locked):
                self._take(_LOCK_TIMEOUT_SECONDS)
                logger.warning("%s was removed and is made again: leave it to dccd", self._path)
        except TimeoutError:
            logger.error("%s was removed, and another daemon has taken it: this one stops", self._path)  # noqa: TRY400
            return False
        except OSError as error:  # the disk is away: the next look may find it
            logger.debug("%s cannot be seen: %s", self._path, files.describe(error))
        return True

    def _take(self, timeout: float) -> None:
        lock = file_lock(self._path, timeout)
        lock.__enter__()
        if self._lock is not None:
            self._lock.__exit__(None, None, None)
        self._lock, self._locked = lock, self._path.lstat()
        self._mounted = self._mounted or mounted_directory(self._directory)

    def report(self, presence: Presence) -> None:
        """Write what `read_presence` returns; what cannot be written is left for the next call."""
        body = asdict(presence)
        del body["alive"]
        with suppress(OSError, ValueError):
            if self._mounted is not None:
                self._mounted.check()
            data = json.dumps(body, indent=1, allow_nan=False).encode("ascii")
            files.replace(self._directory / DAEMON_FILE, data, fsync=False)
        # A full disk still takes this, so that a reader sees that the daemon lives and cannot write.
        with suppress(OSError):
            if self._locked is not None and os.path.samestat(self._path.lstat(), self._locked):
                os.utime(self._path, (presence.ticked_at, presence.ticked_at))

    def _other(self) -> str:
        other = read_presence(self._local_path)
        who = f", pid {other.pid} since {utc(other.started_at)}" if other is not None and other.alive else ""
        return (
            f"another dccd start runs on {self._local_path}{who}: stop it first, "
            "start with --wait to take over when it ends, or set another storage.local_path"
        )
