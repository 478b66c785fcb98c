"""Deliver the notices owed."""

import logging
import math
import os
import threading
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd.clock import Clock
from dccd.daemon.alerts.delivery import Delivery
from dccd.daemon.alerts.destinations import Destination, destinations_of
from dccd.daemon.alerts.messages import Message, Plan, plan
from dccd.daemon.records import (
    MAX_PAUSE_SECONDS,
    PAUSE_SECONDS,
    Item,
    JobRecord,
    acknowledge,
    bind,
    defer,
    drop_unneeded,
)
from dccd.daemon.state import AlertState, change_alert_state, read_alert_state
from dccd.disk import STATE_DIRECTORY, file_lock, files
from dccd.errors import StorageError
from dccd.forks import ForkLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import requests

    from dccd.daemon.alerts.sending import NotSentError
    from dccd.daemon.config import AlertConfig
    from dccd.daemon.state import MetricsStore

    Change = Callable[[JobRecord], JobRecord]

logger: logging.Logger = logging.getLogger(__name__)

DELIVERY_LOCK: Final = "delivery.lock"
_BUSY_SECONDS: Final = 1.0
_SOON_SECONDS: Final = 0.05
_LATER_SECONDS: Final = 3600.0
_HEARTBEAT_NAME: Final = "heartbeat"


class Outbox:
    """Delivers the notices that records owe to their destinations.

    A round takes the notices due, binds them to a message in a commit, sends it outside every lock on records, and
    acknowledges it in another commit. A crash in between sends the message again under the same identifier. One
    process per directory delivers at a time; the others try again in a second.

    A destination that is down gets nothing for 5 minutes, or as long as it asks for. Notices that fall due meanwhile
    wait unbound, so that they share a message when the destination is back.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts it is made of
        self,
        store: "MetricsStore",
        alerts: "AlertConfig",
        local_path: Path,
        source: str,
        clock: Clock,
        session: "requests.Session | None" = None,
    ) -> None:
        self._store = store
        self._alerts = alerts
        self._local_path = local_path
        self._lock_path = local_path / STATE_DIRECTORY / DELIVERY_LOCK
        self._clock = clock
        self._destinations = destinations_of(alerts)
        names = (*(destination.id for destination in self._destinations), _HEARTBEAT_NAME)
        self._delivery = Delivery(names, source, alerts.webhook_secret, clock, session)
        self._down: dict[str, float] = {}
        self._one_round = ForkLock()

    @property
    def is_on(self) -> bool:
        """Whether there is a destination."""
        return bool(self._destinations)

    def owes(self) -> bool:
        """Whether any notice is owed, after dropping those that no destination needs."""
        if not self.is_on or not any(record.owed for record in self._store.snapshot().values()):
            return False
        self._drop_unneeded()
        return any(record.owed for record in self._store.snapshot().values())

    def deliver(self, *, window: float, patience: float = -1) -> float | None:
        """Send what is due; return the seconds until the next round, or None when nothing is owed.

        A notice waits `window` seconds for others. Wait `patience` seconds for a thread that delivers, -1 for ever.
        """
        if not self.owes():
            return None
        if not self._one_round.acquire(timeout=patience):
            return _BUSY_SECONDS
        try:
            with ExitStack() as lock:
                try:
                    lock.enter_context(file_lock(self._lock_path, timeout=0.0))
                except TimeoutError:
                    return _BUSY_SECONDS
                except OSError as error:  # better to send a notice twice than never
                    logger.debug("%s cannot be locked: %s", self._lock_path, files.describe(error))
                waits = self._deliver_all(window)
        finally:
            self._one_round.release()
        due = [wait for wait in waits if wait is not None]
        # All destinations may be gone; look again later whether one is back.
        return min(due) if due else _LATER_SECONDS if self.owes() else None

    def drain(self, until: float) -> bool:
        """Send all that is due until a time of the monotonic clock; return whether nothing is owed then."""
        if not self.owes():
            return True
        with self._delivery.deadline.brought_forward(until):
            while True:
                patience = max(0.0, until - self._clock.monotonic())
                wait = self.deliver(window=0.0, patience=patience)
                if wait is None or wait > _BUSY_SECONDS or self._clock.monotonic() + wait > until:
                    break
                self._clock.wait(threading.Event(), wait)
        return not self.owes()

    def beat(self, url: str) -> str | None:
        """Ping the URL of a heartbeat; return what went wrong, or None."""
        self._delivery.load()
        from dccd.daemon.alerts.sending import NotSentError  # noqa: PLC0415 - loaded with no fork in between

        try:
            self._delivery.beat(_HEARTBEAT_NAME, url)
        except NotSentError as error:
            return str(error)
        return None

    def close(self) -> None:
        """Close the connections; a thread that still sends makes no further try."""
        self._delivery.close()

    def _deliver_all(self, window: float) -> list[float | None]:
        state = read_alert_state(self._local_path)
        live = self._live(state)
        plans = {destination: self._plan(destination, window, state) for destination in live}
        busy = [destination for destination, planned in plans.items() if planned.messages or planned.muted]
        self._delivery.side_by_side(
            [partial(self._deliver_to, destination, plans[destination], live) for destination in busy]
        )
        plans |= {destination: self._plan(destination, window, state) for destination in busy}
        now = self._clock.time()
        return [
            _SOON_SECONDS if each.messages else None if each.next_at is None else max(_SOON_SECONDS, each.next_at - now)
            for each in plans.values()
        ]

    def _live(self, state: AlertState) -> list[Destination]:
        return [destination for destination in self._destinations if destination.id not in state.gone]

    def _drop_unneeded(self) -> None:
        """Drop the notices that no destination needs, as destinations come and go."""
        live = frozenset(destination.id for destination in self._live(read_alert_state(self._local_path)))
        change = partial(drop_unneeded, live=live, now=self._clock.time(), ttl=self._alerts.outbox_ttl)
        records = self._store.snapshot()
        stale = [key for key, record in records.items() if record.owed and change(record) is not record]
        if stale:
            self._store.update(dict.fromkeys(stale, partial(_of_known, change=change)))

    def _deliver_to(self, destination: Destination, planned: Plan, live: list[Destination]) -> None:
        told = partial(acknowledge, destination=destination.id, all_destinations=frozenset(d.id for d in live))
        if planned.muted:
            self._change(planned.muted, lambda item: partial(told, item=item))
        for number, message in enumerate(planned.messages):
            error = self._send(destination, message)
            if error is not None and (error.retryable or error.gone):  # the others would fail too
                self._defer(destination, planned.messages[number:], error)
                rest = min(max(PAUSE_SECONDS, error.wait or 0.0), MAX_PAUSE_SECONDS)
                self._down[destination.id] = self._clock.monotonic() + rest
                return
            self._down.pop(destination.id, None)
            if error is not None:
                self._defer(destination, [message], error)
            else:
                logger.info("alert sent to %s: %s", destination.service, message.subject)
                self._change(message.items, lambda item: partial(told, item=item))

    def _plan(self, destination: Destination, window: float, state: AlertState) -> Plan:
        now = self._clock.time()
        silent = {key: silence.until for key, silence in state.silent(now).items()}
        new_id = f"msg_{os.urandom(16).hex()}"
        down = self._down.get(destination.id)
        rest = None if down is None else max(0.0, down - self._clock.monotonic())
        if self._delivery.deadline.left() < math.inf:  # the process ends before the rest is over
            rest = None
        return plan(self._store.snapshot(), destination.id, now, window=window, new_id=new_id, silent=silent, rest=rest)

    def _send(self, destination: Destination, message: Message) -> "NotSentError | None":
        self._delivery.load()
        from dccd.daemon.alerts.sending import NotSentError  # noqa: PLC0415 - loaded with no fork in between

        bound = partial(bind, destination=destination.id, message=message.id)
        self._change(message.items, lambda item: partial(bound, item=item))
        try:
            self._delivery.send(destination, message)
        except NotSentError as error:
            return error
        return None

    def _defer(self, destination: Destination, messages: "Sequence[Message]", error: "NotSentError") -> None:
        """Defer messages, of which the first was tried and failed."""
        later = partial(
            defer,
            destination=destination.id,
            now=self._clock.time(),
            ttl=self._alerts.outbox_ttl,
            wait=error.wait or 0.0,
        )
        items = [item for message in messages for item in message.items]
        after = self._change(items, lambda item: partial(later, item=item))
        if error.gone:
            self._forget(destination, str(error))
            return
        left = {(key, notice.id) for key, record in after.items() for notice in record.owed}
        given_up = tuple(item for item in items if (item.key, item.last.id) not in left)
        where = f"to {destination.service}"
        if given_up:
            subject = replace(messages[0], items=given_up).subject
            logger.error("alert for %s %s is too old by now and was given up: %s", subject, where, error)
        if messages[0].items[0] not in given_up and destination.id not in messages[0].items[0].last.tries:
            logger.warning(
                "alert for %s %s was not delivered (%s); it stays owed and is tried again",
                messages[0].subject,
                where,
                error,
            )

    def _forget(self, destination: Destination, reason: str) -> None:
        logger.error(
            "%s webhook is gone (%s): nothing more is sent to it; set a new address", destination.service, reason
        )

        def change(state: AlertState) -> AlertState:
            return replace(state, gone={**state.gone, destination.id: reason})

        try:
            change_alert_state(self._local_path, change, self._clock.time())
        except StorageError as error:
            logger.debug("%s", error)

    def _change(self, items: "Iterable[Item]", transition_of: "Callable[[Item], Change]") -> "Mapping[str, JobRecord]":
        changes: dict[str, Change] = {}
        for item in items:
            before, then = changes.get(item.key), transition_of(item)
            changes[item.key] = then if before is None else partial(_both, first=before, second=then)
        return self._store.update({key: partial(_of_known, change=change) for key, change in changes.items()})


def _of_known(record: JobRecord, *, change: "Change") -> JobRecord | None:
    """Skip a job that was forgotten meanwhile, as it would come back as an empty record."""
    return None if record == JobRecord() else change(record)


def _both(record: JobRecord, *, first: "Change", second: "Change") -> JobRecord:
    return second(first(record))
