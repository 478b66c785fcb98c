"""A clock that moves only when told to."""

import threading

from dccd._compat import override
from dccd.clock import Clock

__all__ = ["ManualClock"]


class ManualClock(Clock):
    """A `dccd.clock.Clock` for tests: waiting takes no time and is written down.

    Parameters
    ----------
    start : float, optional
        Wall time at which it begins, in Unix seconds.

    Examples
    --------
    >>> import threading
    >>> from dccd.testing import ManualClock
    >>> clock = ManualClock(1_700_000_000)
    >>> clock.wait(threading.Event(), 30)
    False
    >>> clock.time(), clock.waits
    (1700000030.0, (30.0,))
    """

    def __init__(self, start: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._wall = float(start)
        self._monotonic = 1000.0
        self._waits: list[float] = []

    @property
    def waits(self) -> tuple[float, ...]:
        """The seconds of each wait so far, in order."""
        with self._lock:
            return tuple(self._waits)

    @override
    def time(self) -> float:
        """Return the wall time in Unix seconds."""
        with self._lock:
            return self._wall

    @override
    def monotonic(self) -> float:
        """Return seconds from an arbitrary point; they never go backwards."""
        with self._lock:
            return self._monotonic

    @override
    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on by `seconds` at once, or stay where the event is set already; say whether it is set.

        Parameters
        ----------
        event : threading.Event
            What would end the wait.
        seconds : float
            How long to wait.

        Returns
        -------
        bool
            Whether the event is set.
        """
        if event.is_set():
            return True
        with self._lock:
            self._waits.append(float(seconds))
        self.advance(max(0.0, seconds))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Parameters
        ----------
        seconds : float
            Zero or more.

        Raises
        ------
        ValueError
            If it is negative; `jump` sets the wall time back.
        """
        if seconds < 0:
            msg = f"time does not go backwards by {-seconds} s; jump() sets the wall time back"
            raise ValueError(msg)
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall time forwards or, with a negative number, back; no time passes.

        Parameters
        ----------
        seconds : float
            By how much.
        """
        with self._lock:
            self._wall += seconds
