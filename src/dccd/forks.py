"""What a child of `os.fork` makes anew: it has the locks of its parent, but not the threads that hold them."""

import os
import threading
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakSet


class Renewable(Protocol):
    """Something with locks, threads or connections of its own."""

    def renew(self) -> None:
        """Make it usable in the child of a fork."""
        ...


_all: Final[WeakSet[Renewable]] = WeakSet()

no_fork: Final = threading.RLock()
"""Held by a thread in the background while it imports: a child forked in between could never import that module."""


def renew_in_child(item: Renewable) -> None:
    """Have something renewed in each child that is forked while it exists."""
    _all.add(item)


class ForkLock:
    """A lock that is free in the child of a fork, whoever held it; the thread that holds it may take it again.

    Examples
    --------
    >>> lock = ForkLock()
    >>> with lock:
    ...     lock.acquire(timeout=0.1)
    True
    >>> lock.release()
    """

    def __init__(self) -> None:
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Free it."""
        self._lock = threading.RLock()

    def acquire(self, timeout: float = -1) -> bool:
        """Wait for it."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Give it back."""
        with suppress(RuntimeError):  # the thread forked while it had it, and this is the child
            self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _renew_all() -> None:
    no_fork.release()
    for item in list(_all):
        item.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=no_fork.acquire, after_in_parent=no_fork.release, after_in_child=_renew_all)
