"""Runs that never came, runs that do not end, and data that stopped."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dccd.clock import Clock
from dccd.daemon.logs import utc
from dccd.daemon.metrics import Expectation, Incident, JobRecord
from dccd.daemon.policy import expect, retire, watch
from dccd.forks import renew_in_child
from dccd.units import parse_duration

if TYPE_CHECKING:
    from dccd.daemon.config import AlertConfig
    from dccd.daemon.store import Transition

__all__ = ["Findings", "Heartbeat", "Watchdog"]

logger: logging.Logger = logging.getLogger(__name__)

_LEAST_GRACE = 60.0


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look at all records found.

    Parameters
    ----------
    changes : mapping of str to Transition
        What happens to the records; they have to be committed.
    opened : tuple of tuple of str and Incident
        Incidents that begin with these changes, with the keys of their jobs.
    troubled : tuple of str
        Keys of the jobs with an open incident, old or new.
    """

    changes: "Mapping[str, Transition]"
    opened: tuple[tuple[str, Incident], ...]
    troubled: tuple[str, ...]

    def tell(self) -> None:
        """Log the incidents that begin."""
        for key, incident in self.opened:
            logger.warning("%s: %s since %s", key, incident.kind, utc(incident.since))


class Watchdog:
    """Knows which runs are under way and what is expected of jobs.

    Parameters
    ----------
    alerts : AlertConfig
        What makes an incident.
    clock : Clock
        Where the time comes from.
    """

    def __init__(self, alerts: "AlertConfig", clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Forget the runs of a parent: their threads are not in the child of a fork."""
        self._running: dict[object, tuple[str, float]] = {}

    @contextmanager
    def running(self, key: str) -> Iterator[None]:
        """Take note of a run as long as the context lasts.

        Parameters
        ----------
        key : str
            Key of the job.

        Yields
        ------
        None
            The run goes on.
        """
        token = object()
        self._running[token] = (key, self._clock.time())
        try:
            yield
        finally:
            self._running.pop(token, None)

    def under_way(self) -> frozenset[str]:
        """Return the jobs whose runs are under way.

        Returns
        -------
        frozenset of str
            Their keys.
        """
        return frozenset(key for key, _ in list(self._running.values()))

    def expectation(
        self, every: float | str, grace: float | str | None = None, max_age: float | str | None = None
    ) -> Expectation:
        """Return what is expected of a job from now on.

        Parameters
        ----------
        every : float or str
            Time between two runs: seconds, or a duration such as ``10m``.
        grace : float or str, optional
            Time that a run may be late; default half of `every`, at least a minute.
        max_age : float or str, optional
            Age at which the newest data are old; default never.

        Returns
        -------
        Expectation
            To be put into its record.

        Raises
        ------
        ValueError
            If a time is none.
        """
        seconds = parse_duration(every)
        return Expectation(
            seconds,
            max(_LEAST_GRACE, seconds / 2) if grace is None else parse_duration(grace),
            round(self._clock.time(), 3),
            None if max_age is None else parse_duration(max_age),
        )

    def schedule(
        self, jobs: Mapping[str, tuple[float, float | None]], records: Mapping[str, JobRecord]
    ) -> "dict[str, Transition]":
        """Return the changes by which a scheduler expects its jobs, and those it had before no more.

        Parameters
        ----------
        jobs : mapping of str to tuple of float and float or None
            By key: seconds between two runs, and seconds after which the newest data are old, None for never.
        records : mapping of str to JobRecord
            All of them.

        Returns
        -------
        dict of str to Transition
            To be committed.
        """
        now = self._clock.time()
        changes: dict[str, Transition] = {
            key: partial(expect, expected=replace(self.expectation(every, None, max_age), scheduled=True))
            for key, (every, max_age) in jobs.items()
        }
        for key, record in records.items():
            if key not in jobs and record.expected is not None and record.expected.scheduled:
                changes[key] = partial(retire, alerts=self._alerts, now=now)
        return changes

    def look(self, records: Mapping[str, JobRecord]) -> Findings:
        """Look for trouble that no outcome tells of.

        Parameters
        ----------
        records : mapping of str to JobRecord
            All of them.

        Returns
        -------
        Findings
            Nothing has been changed yet.
        """
        running: dict[str, float] = {}
        for key, started in list(self._running.values()):
            running[key] = min(started, running.get(key, started))
        see = partial(watch, alerts=self._alerts, now=round(self._clock.time(), 3))
        after = {key: see(record, running.get(key)) for key, record in records.items()}
        changed = [key for key, record in after.items() if record != records[key]]
        return Findings(
            {key: partial(see, started_at=running.get(key)) for key in changed},
            tuple(
                (key, incident)
                for key in changed
                for incident in after[key].incidents
                if incident.id not in {known.id for known in records[key].incidents}
            ),
            tuple(key for key, record in after.items() if record.incidents),
        )


class Heartbeat:
    """A ping for an outside watcher, who notices when it stops.

    Parameters
    ----------
    url : str or None
        Where it goes; None for nowhere.
    send : callable
        Sends it, and returns what went wrong, or None.
    """

    def __init__(self, url: str | None, send: Callable[[str], str | None]) -> None:
        self._url = url
        self._send = send
        self._due = False
        self._fault: str | None = None

    def ask(self) -> bool:
        """Have the next `beat` send one.

        Returns
        -------
        bool
            Whether there is anywhere to send it.
        """
        self._due = self._url is not None
        return self._due

    def beat(self) -> None:
        """Send one if it was asked for, and log when that begins and ceases to fail."""
        if not self._due or self._url is None:
            return
        self._due = False
        fault = self._send(self._url)
        if fault is not None and self._fault is None:
            logger.warning("the heartbeat was not taken (%s); it goes on with each check", fault)
        elif fault is None and self._fault is not None:
            logger.info("the heartbeat is taken again")
        self._fault = fault
