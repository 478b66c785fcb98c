"""Time as an argument.

Whatever needs the time takes a `Clock`, so that a test can stop it or make it jump.
"""

import threading
import time
from typing import Final, Protocol

from dccd._compat import override

__all__ = ["SYSTEM_CLOCK", "Clock", "SystemClock"]


class Clock(Protocol):
    """Tells the time, and waits."""

    def time(self) -> float:
        """Return the wall time in Unix seconds, which may jump, also backwards."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point, which never go backwards."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for an event, with a limit.

        Parameters
        ----------
        event : threading.Event
            Ends the wait once it is set.
        seconds : float
            How long to wait at most.

        Returns
        -------
        bool
            Whether the event is set.
        """


class SystemClock(Clock):
    """The clock of the machine.

    Examples
    --------
    >>> from dccd.clock import SystemClock
    >>> clock = SystemClock()
    >>> before = clock.monotonic()
    >>> clock.monotonic() >= before
    True
    """

    __slots__ = ()

    @override
    def time(self) -> float:
        """Return the wall time in Unix seconds."""
        return time.time()

    @override
    def monotonic(self) -> float:
        """Return seconds since an arbitrary point."""
        return time.monotonic()

    @override
    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set, `seconds` at most, and return whether it is set."""
        return event.wait(seconds)


SYSTEM_CLOCK: Final = SystemClock()
