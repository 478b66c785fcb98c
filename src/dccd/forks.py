"""Renew objects in the child of a fork, which has the locks of its parent but not the threads that hold them.

What has to know of children that may live is told in the parent.
"""

import os
import threading
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakSet, WeakValueDictionary


class Renewable(Protocol):
    """Something with locks, threads or connections that a child of a fork cannot use."""

    def renew(self) -> None:
        """Replace them in the child of a fork."""
        ...


class Parent(Protocol):
    """Something that has to know that there are children."""

    def has_forked(self) -> None:
        """Take note, in the parent, that this process has forked."""
        ...


_parents: Final[WeakValueDictionary[int, Parent]] = WeakValueDictionary()
_renewables: Final[WeakSet[Renewable]] = WeakSet()

no_fork: Final = threading.RLock()
"""A background thread holds it while it imports: a child forked meanwhile could never import that module."""


def renew_in_child(item: Renewable) -> None:
    """Call `renew` of an object first in each child that is forked while the object exists."""
    _renewables.add(item)


def tell_of_forks(item: Parent) -> None:
    """Call `has_forked` of an object after each fork of this process while the object exists."""
    _parents[id(item)] = item


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
        self._lock = threading.RLock()
        renew_in_child(self)

    def renew(self) -> None:
        """Replace the lock by a free one."""
        self._lock = threading.RLock()

    def acquire(self, timeout: float = -1) -> bool:
        """Take the lock, waiting so many seconds at most or, with -1, without a limit; return whether it is taken."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Release the lock."""
        with suppress(RuntimeError):  # this is the child, forked while this thread held the lock
            self._lock.release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _renew_all() -> None:
    no_fork.release()
    for item in list(_renewables):
        item.renew()


def _tell_parents() -> None:
    no_fork.release()
    for reference in _parents.valuerefs():  # a list of its own, whatever other threads add meanwhile
        if (item := reference()) is not None:
            item.has_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=no_fork.acquire, after_in_parent=_tell_parents, after_in_child=_renew_all)
