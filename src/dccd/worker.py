"""A background thread that starts when there is something to do."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from dccd import interrupts
from dccd._compat import override
from dccd.clock import Clock
from dccd.forks import renew_in_child

logger: logging.Logger = logging.getLogger("dccd.daemon.worker")

_MAX_WAIT_SECONDS: Final = 60.0  # meanwhile another process may end a silence, or somebody set the clock
_RETRY_SECONDS: Final = 60.0


class _Wake(threading.Event):
    """An event for one thread that waits; a signal handler that raises while it is set leaves no lock taken."""

    def __init__(self) -> None:
        self._is_set = False
        self._bell = threading.Lock()
        self._bell.acquire()

    @override
    def is_set(self) -> bool:
        return self._is_set

    @override
    def set(self) -> None:
        self._is_set = True
        if self._bell.locked():
            with interrupts.suppress(RuntimeError):  # another thread was faster
                self._bell.release()

    @override
    def clear(self) -> None:
        self._bell.acquire(blocking=False)
        self._is_set = False

    @override
    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_set:
            self._bell.acquire(timeout=-1 if timeout is None else max(0.0, timeout))
        return self._is_set


class Worker:
    """Calls a function when woken, and again after the seconds that it returned; None waits until woken."""

    def __init__(self, work: Callable[[], float | None], clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._stopped = False
        self._lock = threading.RLock()  # reentrant: a signal handler may record an outcome while one is recorded
        self._wake = _Wake()
        self._thread: threading.Thread | None = None
        renew_in_child(self)

    def renew(self) -> None:
        """Drop the thread of the parent in the child of a fork, where the next `wake` starts one."""
        self._lock, self._wake, self._thread = threading.RLock(), _Wake(), None

    def wake(self) -> None:
        """Let the thread call the function now, and start the thread if there is none."""
        self._wake.set()
        with self._lock:
            if self._stopped or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, name="dccd-health", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # too many threads, or the interpreter is ending: closing does the work
                interrupts.pass_on(error)

    def stop(self, timeout: float) -> bool:
        """End the thread after the call that runs now; return whether it ended within so many seconds."""
        with self._lock:
            self._stopped = True
            thread, self._thread = self._thread, None
        self._wake.set()
        if thread is not None and thread is not threading.current_thread() and thread.ident is not None:
            thread.join(timeout)
            return not thread.is_alive()
        return True

    def _run(self) -> None:
        delay: float | None = 0.0
        while not self._stopped:
            if delay is None:
                self._wake.wait()
            else:
                self._clock.wait(self._wake, min(delay, _MAX_WAIT_SECONDS))
            self._wake.clear()
            try:
                delay = self._work()
            except Exception:
                logger.exception("background work failed; retrying in %g s", _RETRY_SECONDS)
                delay = _RETRY_SECONDS
