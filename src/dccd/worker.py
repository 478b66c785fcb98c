"""A background thread that is there only once there is something to do."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from dccd.clock import Clock
from dccd.forks import renew_in_child

logger: logging.Logger = logging.getLogger("dccd.daemon.worker")

_LOOK_SECONDS: Final = 60.0


class Worker:
    """Calls a function whenever it is woken, and again after the time that the function asks for."""

    def __init__(self, work: Callable[[], float | None], clock: Clock) -> None:
        self._work = work
        self._clock = clock
        self._stopped = False
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Take note that the thread is not in the child of a fork; the next call that wakes it starts another."""
        self._lock = threading.RLock()  # reentrant: a signal handler may record an outcome while one is recorded
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Have the work looked at soon; start the thread if need be."""
        self._wake.set()
        with self._lock:
            if self._thread is not None or self._stopped:
                return
            thread = threading.Thread(target=self._run, name="dccd-health", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is going down: closing does the work
                return
            self._thread = thread

    def stop(self, timeout: float) -> bool:
        """End the thread once the work at hand is done."""
        with self._lock:
            self._stopped = True
            thread, self._thread = self._thread, None
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
            return not thread.is_alive()
        return True

    def _run(self) -> None:
        delay: float | None = 0.0
        while not self._stopped:
            if delay is None:
                self._wake.wait()
            else:
                self._clock.wait(self._wake, min(delay, _LOOK_SECONDS))
            self._wake.clear()
            try:
                delay = self._work()
            except Exception:
                logger.exception("background work failed; it is tried again in a minute")
                delay = 60.0
