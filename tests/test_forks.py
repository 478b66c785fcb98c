"""What a child of a fork makes anew."""

import os
import threading

import pytest

from dccd import forks


class Counting:
    """Counts how often it is renewed."""

    renewed = 0

    def renew(self) -> None:
        """Take note."""
        self.renewed += 1


def status_of(child: int) -> int:
    """Wait for a child, and return how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_renews_what_there_is_and_has_free_locks() -> None:
    """Though another thread of the parent holds them; the parent goes on as it was."""
    item, lock, held, over = Counting(), forks.ForkLock(), threading.Event(), threading.Event()
    forks.renew_in_child(item)

    def hold() -> None:
        with lock:
            held.set()
            over.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    child = os.fork()
    if child == 0:
        os._exit(0 if item.renewed == 1 and lock.acquire(timeout=5) and forks.no_fork.acquire(timeout=5) else 1)
    assert status_of(child) == 0
    assert item.renewed == 0
    assert not lock.acquire(timeout=0)
    over.set()
    thread.join()
    assert lock.acquire(timeout=5)
    lock.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_within_a_lock_of_its_own_thread_hurts_neither_side() -> None:
    """Both leave it."""
    lock, child = forks.ForkLock(), -1
    with lock:
        child = os.fork()
    if child == 0:
        os._exit(0 if lock.acquire(timeout=5) else 1)
    assert status_of(child) == 0
    assert lock.acquire(timeout=5)
    lock.release()
