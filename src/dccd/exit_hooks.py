"""Close what is open when the process ends."""

import atexit
import os
import sys
from collections.abc import Callable
from typing import Final


class Opened:
    """Objects that the end of the process has to close."""

    def __init__(self) -> None:
        self._items: dict[object, tuple[Callable[[], float], Callable[[float], None]]] = {}
        self._hooked_in: int | None = None

    def add(self, item: object, deadline: Callable[[], float], close: Callable[[float], None]) -> None:
        """Add an object; `close` gets what `deadline` returned, the monotonic time by which it has to end."""
        self._items[item] = (deadline, close)
        self.hook_into_multiprocessing()

    def discard(self, item: object) -> None:
        """Remove an object that is closed."""
        self._items.pop(item, None)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def close_all(self) -> None:
        """Close every open object; all deadlines start now, so it takes no longer than the longest of them."""
        for close, until in [(close, deadline()) for deadline, close in list(self._items.values())]:
            close(until)

    def hook_into_multiprocessing(self) -> None:
        """Close at the end of a child of multiprocessing, which runs its own finalizers but not atexit.

        To be called again when an object is used: a child may have inherited it, or got it before it could be known
        for a child.
        """
        process = sys.modules.get("multiprocessing.process")
        if process is None or process.parent_process() is None or self._hooked_in == os.getpid():
            return
        from multiprocessing.util import Finalize  # noqa: PLC0415 - 10 ms, and loaded in such a child

        self._hooked_in = os.getpid()
        Finalize(None, self.close_all, exitpriority=0)


opened: Final = Opened()
close_all: Final = opened.close_all
atexit.register(close_all)
