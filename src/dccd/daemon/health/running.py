"""Which runs are under way in this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from dccd.clock import Clock
from dccd.forks import renew_in_child


class RunsUnderWay:
    """Runs under way by this process, and when each began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[object, tuple[str, float]] = {}
        renew_in_child(self)

    def renew(self) -> None:
        """Forget the runs of the parent, whose threads the child of a fork does not have."""
        self._running = {}

    @contextmanager
    def running(self, key: str) -> Iterator[None]:
        """Count a run of a job as under way while the context lasts."""
        token = object()
        self._running[token] = (key, self._clock.time())
        try:
            yield
        finally:
            self._running.pop(token, None)

    def started_at(self) -> dict[str, float]:
        """Return when the oldest run under way of each job began, Unix seconds, by key."""
        oldest: dict[str, float] = {}
        now = self._clock.time()
        for token, (key, started) in list(self._running.items()):
            if started > now:  # the clock was set back: count from now on, not from when that time comes again
                started = now  # noqa: PLW2901 - as above
                if token in self._running:
                    self._running[token] = (key, now)
            oldest[key] = min(started, oldest.get(key, started))
        return oldest
