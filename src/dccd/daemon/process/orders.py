"""What the daemon is told to do."""

import threading
from typing import Final, Literal

Order = Literal["stop", "reload", "tick"]
_BY_URGENCY: Final[tuple[Order, ...]] = ("stop", "reload", "tick")


class Orders:
    """What the daemon is told, by any thread; a signal handler may not, as it may wait for what it interrupts."""

    def __init__(self) -> None:
        self.stopped: threading.Event = threading.Event()
        self.shutdown_timeout: float = 0.0
        self._pending: set[Order] = set()
        self._told = threading.Condition()

    def stop(self) -> None:
        """End in good order."""
        self.stopped.set()
        self._tell("stop")

    def reload(self) -> None:
        """Take up a changed configuration."""
        self._tell("reload")

    def tick(self) -> None:
        """Say that all goes on."""
        self._tell("tick")

    def take(self) -> "Order":
        """Wait for an order; one that was given many times counts once."""
        with self._told:
            self._told.wait_for(lambda: self._pending)
            order = next(order for order in _BY_URGENCY if order in self._pending)
            self._pending.discard(order)
            return order

    def _tell(self, order: "Order") -> None:
        with self._told:
            self._pending.add(order)
            self._told.notify()
