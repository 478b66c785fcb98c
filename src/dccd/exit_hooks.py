"""What is open, so that the end of the process closes it."""

import atexit
import os
import sys
from collections.abc import Callable
from typing import Final


class Opened:
    """Everything that has to be closed, with how to do that."""

    def __init__(self) -> None:
        self._items: dict[object, tuple[Callable[[], float], Callable[[float], None]]] = {}
        self._hooked_in: int | None = None

    def add(self, item: object, deadline: Callable[[], float], close: Callable[[float], None]) -> None:
        """Take note of something that was opened."""
        self._items[item] = (deadline, close)
        if self._hooked_in != os.getpid():
            self._hooked_in = os.getpid()
            _hook_into_multiprocessing()

    def discard(self, item: object) -> None:
        """Take note that something is closed."""
        self._items.pop(item, None)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def close_all(self) -> None:
        """Close everything, within the longest of all bounds."""
        for close, until in [(close, deadline()) for deadline, close in list(self._items.values())]:
            close(until)


opened: Final = Opened()


def close_all() -> None:
    """Close every open monitor, all of them within the longest of their bounds."""
    opened.close_all()


def _hook_into_multiprocessing() -> None:
    """Close at the end of a child of multiprocessing, which runs its finalizers and nothing of atexit."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize  # noqa: PLC0415 - 10 ms, and loaded in such a child

        Finalize(None, close_all, exitpriority=0)


atexit.register(close_all)
