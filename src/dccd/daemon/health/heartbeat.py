"""A ping for an outside service, which alerts when it stops."""

import logging
from collections.abc import Callable

from dccd.clock import Clock
from dccd.worker import Worker

logger: logging.Logger = logging.getLogger("dccd.daemon.watchdog")


class Heartbeat:
    """Sends requested pings to a URL, if there is one, in a thread of its own, so that no alert holds them up.

    `send` returns what went wrong, or None.
    """

    def __init__(self, url: str | None, send: Callable[[str], str | None], clock: Clock) -> None:
        self._url = url
        self._send = send
        self._worker = Worker(self.beat, clock)
        self._is_due = False
        self._fault: str | None = None

    def request(self) -> None:
        """Have a ping sent soon; several requests before it share one."""
        if self._url is not None:
            self._is_due = True
            self._worker.wake()

    def beat(self) -> None:
        """Send a ping if one was requested, and log when that begins to fail and when it works again."""
        if not self._is_due or self._url is None:
            return
        self._is_due = False
        fault = self._send(self._url)
        if fault is not None and self._fault is None:
            logger.warning("the heartbeat was not taken (%s); it goes on with each check", fault)
        elif fault is None and self._fault is not None:
            logger.info("the heartbeat is taken again")
        self._fault = fault

    def stop(self, seconds: float) -> bool:
        """End the thread, and return whether it has ended within that time."""
        return self._worker.stop(seconds)
