"""Deliver the notices that records owe."""

import logging
import threading
import uuid
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd import files
from dccd.clock import Clock
from dccd.daemon.alerts.messages import Destination, Item, Message, Plan, acknowledge, begin, defer, plan, settle
from dccd.daemon.alerts.state import AlertState, change_state, read_state
from dccd.daemon.metrics import JobRecord
from dccd.errors import StorageError
from dccd.forks import ForkLock, no_fork, renew_in_child

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    import requests

    from dccd.daemon.alerts.courier import Courier
    from dccd.daemon.alerts.sending import NotSentError
    from dccd.daemon.config import AlertConfig
    from dccd.daemon.store import MetricsStore

    Change = Callable[[JobRecord], JobRecord]

__all__ = ["Outbox", "alerts_line", "destinations"]

logger: logging.Logger = logging.getLogger(__name__)

DELIVERY_LOCK: Final = "delivery.lock"
_BUSY: Final = 1.0
_SOON: Final = 0.05


def destinations(alerts: "AlertConfig") -> tuple[Destination, ...]:
    """Return where alerts go.

    Parameters
    ----------
    alerts : AlertConfig
        Names the addresses.

    Returns
    -------
    tuple of Destination
        Empty where alerts are off; an address named twice counts once.
    """
    found = [] if alerts.webhook_url is None else [Destination(alerts.webhook_url, alerts.format)]
    found += [Destination(url) for url in alerts.extra_webhooks]
    found += [Destination(url, "apprise") for url in alerts.apprise_urls]
    return tuple({destination.id: destination for destination in reversed(found)}.values())[::-1]


def alerts_line(alerts: "AlertConfig", gone: "Collection[str]" = ()) -> str:
    """Return where alerts go, without the addresses.

    Parameters
    ----------
    alerts : AlertConfig
        Names the addresses.
    gone : collection of str, optional
        Identifiers of the destinations that said they exist no more.

    Returns
    -------
    str
        Says so where there are none.
    """
    services = [
        f"{destination.service} (GONE, set a new address)" if destination.id in gone else destination.service
        for destination in destinations(alerts)
    ]
    return f"alerts: {', '.join(services)}" if services else "alerts: OFF, set DCCD_ALERTS__WEBHOOK_URL"


class Outbox:
    """Brings the notices that records owe to their destinations.

    Parameters
    ----------
    store : MetricsStore
        Where the records are.
    alerts : AlertConfig
        Where alerts go.
    directory : Path
        Where the delivery lock and the silences are.
    source : str
        Where this runs, as told in messages.
    clock : Clock
        Where the time comes from.
    session : requests.Session or None, optional
        Makes the requests; one of our own by default, made when first needed.

    Notes
    -----
    A round takes the notices due, binds them to a message in a commit, sends it outside every lock on records, and
    acknowledges it in another commit. A crash in between sends the message again under the same identifier. One
    process per directory delivers at a time; the others come back in a second.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it is made of
        self,
        store: "MetricsStore",
        alerts: "AlertConfig",
        directory: Path,
        source: str,
        clock: Clock,
        session: "requests.Session | None" = None,
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._directory = directory
        self._clock = clock
        self._make_courier = partial(_courier, source, alerts.webhook_secret, clock, session)
        self._destinations = destinations(alerts)
        self._one_round = ForkLock()
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Leave the connections to the parent: a child of a fork makes its own."""
        self._courier: Courier | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is a destination."""
        return bool(self._destinations)

    def owes(self) -> bool:
        """Whether any notice is owed, after those that nobody waits for are dropped."""
        if not self.is_on or not any(record.owed for record in self._store.snapshot().values()):
            return False
        self._settle()
        return any(record.owed for record in self._store.snapshot().values())

    def deliver(self, *, window: float, patience: float = -1) -> float | None:
        """Send what is due.

        Parameters
        ----------
        window : float
            Seconds for which a notice waits for others to share its message.
        patience : float, optional
            Seconds to wait for another thread that delivers; by default without end.

        Returns
        -------
        float or None
            Seconds until the next round is due; None when nothing is owed.
        """
        if not self.owes():
            return None
        if not self._one_round.acquire(timeout=patience):
            return _BUSY
        try:
            with files.file_lock(self._directory / DELIVERY_LOCK, timeout=0.0):
                waits = self._deliver_all(window)
        except TimeoutError:
            return _BUSY
        except OSError as error:  # a notice that is sent twice is better than one that is not sent
            logger.debug("%s cannot be locked: %s", self._directory / DELIVERY_LOCK, files.describe(error))
            waits = self._deliver_all(window)
        finally:
            self._one_round.release()
        return min((wait for wait in waits if wait is not None), default=None)

    def drain(self, until: float) -> bool:
        """Send all that is due now, within a time.

        Parameters
        ----------
        until : float
            When to give up, on the monotonic clock.

        Returns
        -------
        bool
            Whether nothing is owed any more.
        """
        if not self.owes():
            return True
        sender = self._get_courier().sender
        sender.hurry(until)
        try:
            while True:
                patience = max(0.0, until - self._clock.monotonic())
                wait = self.deliver(window=0.0, patience=patience)
                if wait is None or wait > _BUSY or self._clock.monotonic() + wait > until:
                    break
                self._clock.wait(threading.Event(), wait)
        finally:
            sender.relax()
        return not self.owes()

    def beat(self, url: str) -> str | None:
        """Ping the address of a heartbeat.

        Parameters
        ----------
        url : str
            Where to.

        Returns
        -------
        str or None
            What went wrong, if anything did.
        """
        courier = self._get_courier()  # the first to import what loads requests
        from dccd.daemon.alerts.sending import NotSentError  # noqa: PLC0415 - as above

        try:
            courier.beat(url)
        except NotSentError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Release connections; a thread that is still at it makes no further try."""
        if self._courier is not None:
            self._courier.sender.hurry(self._clock.monotonic())
            self._courier.close()

    def _deliver_all(self, window: float) -> list[float | None]:
        state = read_state(self._directory)
        live = self._live(state)
        waits = [self._deliver_to(destination, window, state, live) for destination in live]
        self._settle()
        return waits

    def _live(self, state: AlertState) -> list[Destination]:
        return [destination for destination in self._destinations if destination.id not in state.gone]

    def _settle(self) -> None:
        """Drop what nobody waits for, as destinations come and go."""
        live = frozenset(destination.id for destination in self._live(read_state(self._directory)))
        change = partial(settle, live=live, now=self._clock.time(), ttl=self._alerts.outbox_ttl)
        records = self._store.snapshot()
        stale = [key for key, record in records.items() if record.owed and change(record) is not record]
        if stale:
            self._store.update(dict.fromkeys(stale, change))

    def _deliver_to(
        self, destination: Destination, window: float, state: AlertState, live: list[Destination]
    ) -> float | None:
        planned = self._plan(destination, window, state)
        told = partial(acknowledge, destination=destination.id, all_destinations=frozenset(d.id for d in live))
        if planned.muted:
            self._change(planned.muted, lambda item: partial(told, item=item))
        for message in planned.messages:
            self._send(destination, message, told)
        if planned.messages:
            planned = self._plan(destination, window, state)
        if planned.messages:
            return _SOON
        return None if planned.next_at is None else max(_SOON, planned.next_at - self._clock.time())

    def _plan(self, destination: Destination, window: float, state: AlertState) -> Plan:
        now = self._clock.time()
        silent = {key: silence.until for key, silence in state.silent(now).items()}
        new_id = f"msg_{uuid.uuid4().hex}"
        return plan(self._store.snapshot(), destination.id, now, window=window, new_id=new_id, silent=silent)

    def _send(self, destination: Destination, message: Message, told: "Callable[..., JobRecord]") -> None:
        courier = self._get_courier()  # the first to import what loads requests
        from dccd.daemon.alerts.sending import NotSentError  # noqa: PLC0415 - as above

        bind = partial(begin, destination=destination.id, message=message.id)
        self._change(message.items, lambda item: partial(bind, item=item))
        try:
            courier.send(destination, message)
        except NotSentError as error:
            self._defer(destination, message, error)
        else:
            logger.info("alert sent to %s: %s", destination.service, message.subject)
            self._change(message.items, lambda item: partial(told, item=item))

    def _defer(self, destination: Destination, message: Message, error: "NotSentError") -> None:
        later = partial(
            defer,
            destination=destination.id,
            now=self._clock.time(),
            ttl=self._alerts.outbox_ttl,
            wait=error.wait or 0.0,
        )
        after = self._change(message.items, lambda item: partial(later, item=item))
        if error.gone:
            self._forget(destination, str(error))
            return
        left = {notice.id for record in after.values() for notice in record.owed}
        where = f"alert for {message.subject} to {destination.service}"
        if any(item.last.id not in left for item in message.items):
            logger.error(
                "%s was given up after %d tries: %s",
                where,
                message.items[0].last.tries.get(destination.id, 0) + 1,
                error,
            )
        elif destination.id not in message.items[0].last.tries:
            logger.warning("%s was not delivered (%s); it stays owed and is tried again", where, error)

    def _forget(self, destination: Destination, reason: str) -> None:
        logger.error(
            "%s webhook is gone (%s): nothing more is sent to it; set a new address", destination.service, reason
        )

        def change(state: AlertState) -> AlertState:
            return replace(state, gone={**state.gone, destination.id: reason})

        try:
            change_state(self._directory, change, self._clock.time())
        except StorageError as error:
            logger.debug("%s", error)

    def _change(self, items: "Iterable[Item]", transition_of: "Callable[[Item], Change]") -> "Mapping[str, JobRecord]":
        changes: dict[str, Change] = {}
        for item in items:
            before, then = changes.get(item.key), transition_of(item)
            changes[item.key] = then if before is None else partial(_both, first=before, second=then)
        return self._store.update(changes)

    def _get_courier(self) -> "Courier":
        if self._courier is None:
            with no_fork:
                self._courier = self._make_courier()
        return self._courier


def _courier(source: str, secret: str | None, clock: Clock, session: "requests.Session | None") -> "Courier":
    from dccd.daemon.alerts.courier import Courier  # noqa: PLC0415 - requests takes 120 ms, and most never need it

    return Courier(source, secret, clock, session)


def _both(record: JobRecord, *, first: "Change", second: "Change") -> JobRecord:
    return second(first(record))
