"""Deliver the notices that records owe."""

import logging
import threading
import uuid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd import files
from dccd.clock import Clock
from dccd.daemon.alerts.messages import Destination, Message, acknowledge, begin, defer, plan
from dccd.daemon.metrics import JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests

    from dccd.daemon.alerts.sending import Sender
    from dccd.daemon.config import AlertConfig
    from dccd.daemon.store import MetricsStore

__all__ = ["Outbox", "destinations"]

logger: logging.Logger = logging.getLogger(__name__)

DELIVERY_LOCK: Final = "delivery.lock"
_BUSY: Final = 1.0
_PACE: Final = 1.0


def destinations(alerts: "AlertConfig") -> tuple[Destination, ...]:
    """Return where alerts go; empty where they are off."""
    return () if alerts.webhook_url is None else (Destination(alerts.webhook_url, alerts.format),)


class Outbox:
    """Brings the notices that records owe to their destinations.

    Parameters
    ----------
    store : MetricsStore
        Where the records are.
    alerts : AlertConfig
        Where alerts go.
    directory : Path
        Where the delivery lock is.
    source : str
        Where this runs, as told in messages.
    clock : Clock
        Where the time comes from.
    session : requests.Session or None, optional
        Makes the requests; a plain one by default, made when first needed.

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
        self._source = source
        self._clock = clock
        self._session = session
        self._sender: Sender | None = None
        self._destinations: Sequence[Destination] = destinations(alerts)
        self._ids = frozenset(destination.id for destination in self._destinations)
        self._lock_path = directory / DELIVERY_LOCK
        self._one_round = threading.Lock()
        self._sent_at: dict[str, float] = {}

    @property
    def is_on(self) -> bool:
        """Whether there is a destination."""
        return bool(self._destinations)

    def owes(self) -> bool:
        """Whether any notice is owed to a destination."""
        return self.is_on and any(record.owed for record in self._store.snapshot().values())

    def deliver(self, *, window: float) -> float | None:
        """Send what is due.

        Parameters
        ----------
        window : float
            Seconds for which a notice waits for others to share its message.

        Returns
        -------
        float or None
            Seconds until the next round is due; None when nothing is owed.
        """
        if not self.owes():
            return None
        with self._one_round:
            try:
                with files.file_lock(self._lock_path, timeout=0.0):
                    waits = [self._deliver_to(destination, window) for destination in self._destinations]
            except TimeoutError:
                return _BUSY
            except OSError as error:
                logger.debug("%s cannot be locked: %s", self._lock_path, files.describe(error))
                waits = [self._deliver_to(destination, window) for destination in self._destinations]
        return min((wait for wait in waits if wait is not None), default=None)

    def drain(self, until: float) -> bool:
        """Send all that is due now, within a time of the monotonic clock; say whether nothing is left.

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
        self._get_sender().hurry(until)
        try:
            while (wait := self.deliver(window=0.0)) is not None and wait <= _BUSY:
                if self._clock.monotonic() + wait > until:
                    break
                self._clock.wait(threading.Event(), wait)
        finally:
            self._get_sender().relax()
        return not self.owes()

    def close(self) -> None:
        """Close the session if it is ours."""
        if self._session is None and self._sender is not None:
            self._sender.session.close()

    def _deliver_to(self, destination: Destination, window: float) -> float | None:
        now = self._clock.time()
        new_id = f"msg_{uuid.uuid4().hex}"
        planned = plan(self._store.snapshot(), destination.id, now, window=window, new_id=new_id)
        for message in planned.messages:
            self._send(destination, message)
        return None if planned.next_at is None else max(0.05, planned.next_at - now)

    def _send(self, destination: Destination, message: Message) -> None:
        self._change(message, lambda item: partial(begin, item=item, destination=destination.id, message=message.id))
        error = self._post(destination, message)
        if error is None:
            logger.info("alert sent to %s: %s", destination.service, message.subject)
            change = partial(acknowledge, destination=destination.id, all_destinations=self._ids)
            self._change(message, lambda item: partial(change, item=item))
            return
        now = self._clock.time()
        after = self._change(message, lambda item: partial(defer, item=item, now=now, ttl=self._alerts.outbox_ttl))
        self._tell(destination, message, error, after)

    def _post(self, destination: Destination, message: Message) -> str | None:
        from dccd.daemon.alerts.formats import body, endpoint  # noqa: PLC0415
        from dccd.daemon.alerts.sending import NotSentError  # noqa: PLC0415

        sender = self._get_sender()
        pause = self._sent_at.get(destination.id, float("-inf")) + _PACE - self._clock.monotonic()
        if pause > 0:
            self._clock.wait(threading.Event(), pause)
        now = self._clock.time()
        headers = {"Content-Type": "application/json", "User-Agent": "dccd", "webhook-id": message.id}
        try:
            content = body(message, destination.service, source=self._source, now=now)
            sender.post(endpoint(destination), content, headers)
        except NotSentError as error:
            return str(error)
        finally:
            self._sent_at[destination.id] = self._clock.monotonic()
        return None

    def _change(
        self, message: Message, transition_of: "Callable[..., Callable[[JobRecord], JobRecord]]"
    ) -> "Mapping[str, JobRecord]":
        changes: dict[str, Callable[[JobRecord], JobRecord]] = {}
        for item in message.items:
            before, then = changes.get(item.key), transition_of(item)
            changes[item.key] = then if before is None else partial(_both, first=before, second=then)
        return self._store.update(changes)

    def _tell(self, destination: Destination, message: Message, error: str, after: "Mapping[str, JobRecord]") -> None:
        """Log a failure once for a notice and once more if it is given up."""
        left = {notice.id for record in after.values() for notice in record.owed}
        where = f"alert for {message.subject} to {destination.service}"
        if any(item.last.id not in left for item in message.items):
            logger.error("%s was given up after %d tries: %s", where, message.items[0].last.tries + 1, error)
        elif message.items[0].last.tries == 0:
            logger.warning("%s was not delivered (%s); it stays owed, next try in 5 minutes", where, error)

    def _get_sender(self) -> "Sender":
        if self._sender is None:
            import requests  # noqa: PLC0415 - 120 ms that most processes never need

            from dccd.daemon.alerts.sending import Sender  # noqa: PLC0415

            self._sender = Sender(self._session or requests.Session(), self._clock)
        return self._sender


def _both(
    record: JobRecord, *, first: "Callable[[JobRecord], JobRecord]", second: "Callable[[JobRecord], JobRecord]"
) -> JobRecord:
    return second(first(record))
