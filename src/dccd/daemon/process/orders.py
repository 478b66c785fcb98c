"""Orders to the daemon: stop, reload, tick."""

import threading
from typing import Final, Literal

Order = Literal["stop", "reload", "tick"]
_BY_URGENCY: Final[tuple[Order, ...]] = ("stop", "reload", "tick")


class Orders:
    """Orders to the daemon, given by any thread.

    A signal handler must give none: it might wait for the thread that it interrupts.
    """

    def __init__(self) -> None:
        self.stopped: threading.Event = threading.Event()
        self.shutdown_timeout: float = 0.0
        self._pending: set[Order] = set()
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Order the daemon to stop in good order."""
        self.stopped.set()
        self._give("stop")

    def reload(self) -> None:
        """Order the daemon to load its configuration again."""
        self._give("reload")

    def tick(self) -> None:
        """Order the daemon to report that its checks go on."""
        self._give("tick")

    def take(self) -> Order:
        """Wait for an order and return the most urgent; one that was given many times counts once."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending)
            order = next(order for order in _BY_URGENCY if order in self._pending)
            self._pending.discard(order)
            return order

    def _give(self, order: Order) -> None:
        with self._changed:
            self._pending.add(order)
            self._changed.notify()
