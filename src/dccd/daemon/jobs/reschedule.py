"""Jobs made due before their time: one that has to go on, and all of them once the time of day is set back."""

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

# Seconds by which the time of day may be corrected without further ado.
_CORRECTION_SECONDS: Final = 5.0


class _Scheduler(Protocol):
    def get_jobs(self) -> Iterable[Any]: ...


def make_due(scheduler: _Scheduler, key: str | None) -> None:
    """Have a scheduler of APScheduler run a job now."""
    for job in scheduler.get_jobs():
        if key in {None, job.id}:
            with suppress(LookupError):  # it is shut down at this moment
                job.modify(next_run_time=datetime.now(UTC))


class DueAtOnce:
    """Makes jobs of a scheduler due, in a thread of its own.

    Who shuts a scheduler down holds its lock until all runs have ended, so a run that asked for that lock at its end
    would never end. And a scheduler goes by the time of day: if that is set back by an hour, it rests for an hour.
    """

    def __init__(self, make_due: Callable[[str | None], None], every: float, clock: Clock = SYSTEM_CLOCK) -> None:
        self._make_due = make_due
        self._every = every
        self._clock = clock
        self._keys: deque[str] = deque()
        self._ahead = self._time_of_day()
        self._worker = Worker(self.look, clock)

    def start(self) -> None:
        """Begin to look at the clock."""
        self._worker.wake()

    def add(self, key: str) -> None:
        """Have a job made due."""
        self._keys.append(key)
        self._worker.wake()

    def stop(self) -> None:
        """End the thread."""
        self._worker.stop(1.0)

    def look(self) -> float:
        """Make due what was asked for, and everything if the time of day was set back."""
        while self._keys:
            self._make_due(self._keys.popleft())
        ahead = self._time_of_day()
        back = self._ahead - ahead
        if back > _CORRECTION_SECONDS:
            logger.warning("the time of day was set back by %s: all jobs are due at once", format_duration(back))
            self._make_due(None)
        if back < 0 or back > _CORRECTION_SECONDS:
            self._ahead = ahead
        return self._every

    def _time_of_day(self) -> float:
        """Return by how much it is ahead of the clock that nobody sets."""
        return self._clock.time() - self._clock.monotonic()
