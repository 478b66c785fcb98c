"""Until when something is worth doing."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from dccd.clock import Clock


class Deadline:
    """A time of the monotonic clock by which work has to be done; it may be brought forward while others wait for it.

    Once `stop` is set the deadline is over. A deadline made by `within` is never later than the one that it is within.
    """

    def __init__(
        self,
        clock: Clock,
        seconds: float = math.inf,
        *,
        stop: threading.Event | None = None,
        outer: "Deadline | None" = None,
    ) -> None:
        self._clock = clock
        self._times = [clock.monotonic() + seconds]  # the earliest of them counts
        self._stop = stop
        self._outer = outer
        self._moved: threading.Event = stop or threading.Event()
        if outer is not None:
            self._moved = outer._moved  # noqa: SLF001 - of its own class

    @property
    def is_stopped(self) -> bool:
        """Whether somebody asked for the end, rather than the time being over."""
        return (self._stop is not None and self._stop.is_set()) or (self._outer is not None and self._outer.is_stopped)

    @property
    def is_cut(self) -> bool:
        """Whether somebody ended it before its time: by the stop, or by bringing it forward to a time that has come."""
        is_forward = len(self._times) > 1 and min(self._times[1:]) <= self._clock.monotonic()
        return is_forward or self.is_stopped or (self._outer is not None and self._outer.is_cut)

    def left(self) -> float:
        """Return the seconds that are left; zero or less once it is over."""
        if self._stop is not None and self._stop.is_set():
            return 0.0
        left = min(self._times) - self._clock.monotonic()
        return left if self._outer is None else min(left, self._outer.left())

    def within(self, seconds: float) -> Self:
        """Return a deadline after so many seconds, or at this one if that is earlier."""
        return type(self)(self._clock, seconds, outer=self)

    @contextmanager
    def brought_forward(self, until: float) -> Iterator[None]:
        """Have it over at a time of the monotonic clock while the context lasts."""
        self._times.append(until)
        self._moved.set()
        try:
            yield
        finally:
            self._times.remove(until)
            if len(self._times) == 1:
                self._moved.clear()

    def end(self) -> None:
        """Have it over for good."""
        self._times.append(-math.inf)
        self._moved.set()

    def wait(self, seconds: float) -> bool:
        """Wait so long, but not beyond the deadline; return whether any time is left then."""
        until = self._clock.monotonic() + seconds
        if self._clock.wait(self._moved, max(0.0, min(seconds, self.left()))):  # moved: what is left is less now
            rest = min(until - self._clock.monotonic(), self.left())
            if rest > 0:
                self._clock.wait(threading.Event(), rest)
        return self.left() > 0
