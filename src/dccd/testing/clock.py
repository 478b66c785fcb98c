"""A clock that a test moves."""

import threading

from dccd._compat import override
from dccd.clock import Clock


class ManualClock(Clock):
    """A `dccd.clock.Clock` for tests: waiting takes no time and is recorded.

    Parameters
    ----------
    start : float, optional
        Wall time at the beginning, in Unix seconds.

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
        """Return the seconds since an arbitrary point, which never go backwards."""
        with self._lock:
            return self._monotonic

    @override
    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Move on by `seconds` at once, unless the event is set already.

        Parameters
        ----------
        event : threading.Event
            The event that ends the wait.
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
        """Move both times forward.

        Parameters
        ----------
        seconds : float
            Zero or more.

        Raises
        ------
        ValueError
            If `seconds` is negative; `jump` sets the wall time back.
        """
        if seconds < 0:
            msg = f"time does not go backwards by {-seconds} s; jump() sets the wall time back"
            raise ValueError(msg)
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Change the wall time, as an administrator does; no time passes.

        Parameters
        ----------
        seconds : float
            How far; negative is back.
        """
        with self._lock:
            self._wall += seconds
