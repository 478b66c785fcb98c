"""Turns that keep calls apart."""

import math

from dccd.clock import Clock
from dccd.http.deadline import Deadline


class Throttle:
    """Keeps calls apart: whoever takes a turn says for how long nobody else may have one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = -math.inf

    def take(self, seconds: float, deadline: Deadline) -> bool:
        """Wait for a turn that lasts so many seconds; return False if the deadline came first."""
        pause = self._free_at - self._clock.monotonic()
        if (pause > 0 and not deadline.wait(pause)) or deadline.is_stopped:
            return False
        self._free_at = max(self._clock.monotonic(), self._free_at) + seconds
        return True
