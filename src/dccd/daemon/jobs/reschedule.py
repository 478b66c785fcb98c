"""Make jobs due early: one that has more to fetch, and all of them when the time of day is set back."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.units import format_duration
from dccd.worker import Worker

logger: logging.Logger = logging.getLogger("dccd.daemon.due")

# The time of day may be set back by so much without consequence.
_CORRECTION_SECONDS: Final = 5.0


class _Scheduler(Protocol):
    def get_jobs(self) -> Iterable[Any]: ...


def make_due(scheduler: _Scheduler, key: str | None) -> None:
    """Make a job of APScheduler due now, or all jobs for None; a scheduler that was shut down does nothing."""
    for job in scheduler.get_jobs():
        if key in {None, job.id}:
            with suppress(LookupError):  # it is shut down at this moment
                job.modify(next_run_time=datetime.now(UTC))


class DueAtOnce:
    """Makes jobs of a scheduler due, in a thread of its own.

    A shutdown holds the lock of the scheduler until all runs have ended, so a run that asked for it would never end.
    And a scheduler follows the time of day: if that is set back by an hour, it runs nothing for an hour.
    """

    def __init__(self, make_due: Callable[[str | None], None], every: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._make_due = make_due
        self._every = every
        self._clock = clock
        self._keys: deque[str] = deque()
        self._known_offset = self._offset()
        self._worker = Worker(self.look, clock)

    def start(self) -> None:
        """Start to watch the clock."""
        self._worker.wake()

    def add(self, key: str) -> None:
        """Make the job with this key due soon."""
        self._keys.append(key)
        self._worker.wake()

    def stop(self) -> None:
        """End the thread."""
        self._worker.stop(1.0)

    def look(self) -> float:
        """Make the added jobs due, or all if the time of day was set back; return the seconds until the next look."""
        while self._keys:
            self._make_due(self._keys.popleft())
        offset = self._offset()
        back = self._known_offset - offset
        if back > _CORRECTION_SECONDS:
            logger.warning("the time of day was set back by %s: all jobs are due at once", format_duration(back))
            self._make_due(None)
        if back < 0 or back > _CORRECTION_SECONDS:
            self._known_offset = offset
        return self._every

    def _offset(self) -> float:
        """Return by how many seconds the time of day is ahead of the monotonic clock."""
        return self._clock.time() - self._clock.monotonic()
