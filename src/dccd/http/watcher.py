"""One thread that ends every HTTP attempt at its deadline, by shutting its sockets down.

A timeout of requests starts anew with each byte, so a server that drips would hold an attempt for ever.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from urllib3.exceptions import ConnectTimeoutError

from dccd.clock import SYSTEM_CLOCK
from dccd.forks import renew_in_child
from dccd.http.deadline import Deadline

_POLL_SECONDS: Final = 0.05  # within which a stop, or a deadline brought forward, is noticed
_IDLE_SECONDS: Final = 0.1  # after which the thread ends; the next attempt starts another


class Attempt:
    """The sockets of one attempt. They keep the time of the machine, so the attempt does too."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.ends_at: float = SYSTEM_CLOCK.monotonic() + deadline.left()
        self._lock = threading.Lock()
        self._twins: list[socket.socket] = []
        self._is_over = False
        self._wake = threading.Event()

    @property
    def is_over(self) -> bool:
        """Whether its sockets were cut, or should have been by now: what was read since may lack its end."""
        return self._is_over or self.is_due()

    def is_due(self) -> bool:
        """Return whether the time is over, by the clock of the machine, or somebody ended it before."""
        return SYSTEM_CLOCK.monotonic() >= self.ends_at or self.deadline.is_cut

    def add(self, sock: socket.socket) -> None:
        """Take note of a socket, by a twin: shutting that down ends the connection, TLS or not."""
        with self._lock:
            if self._is_over:
                sock.shutdown(socket.SHUT_RDWR)
            else:
                self._twins.append(socket.socket(fileno=os.dup(sock.fileno())))

    def connect(self, function: Callable[[], socket.socket]) -> socket.socket:
        """Return a new connection, made in a thread that is left behind if need be: a name look-up cannot be cut."""
        made: list[socket.socket | BaseException] = []

        def run() -> None:
            try:
                made.append(function())
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                made.append(error)
            self._wake.set()
            if self._is_over:
                _close(made)

        try:
            threading.Thread(target=run, name="dccd-connect", daemon=True).start()
        except RuntimeError:  # no threads any more while the interpreter ends
            run()
        self._wake.wait(max(0.0, min(self.ends_at - SYSTEM_CLOCK.monotonic(), threading.TIMEOUT_MAX)))
        self._wake.clear()
        if not made or self._is_over:
            self.cut()  # a connection that comes later is closed
            _close(made)
            msg = "no connection in time"
            raise ConnectTimeoutError(msg)
        if isinstance(made[0], BaseException):
            raise made[0]
        self.add(made[0])
        return made[0]

    def cut(self) -> None:
        """Shut all sockets down; whoever reads from them meets their end."""
        with self._lock:
            self._is_over = True
            for twin in self._twins:
                with suppress(OSError):
                    twin.shutdown(socket.SHUT_RDWR)
        self._wake.set()

    def end(self) -> None:
        """Let go of the twins."""
        with self._lock:
            for twin in self._twins:
                twin.close()
            self._twins.clear()


def _close(made: list[socket.socket | BaseException]) -> None:
    for each in made:
        if isinstance(each, socket.socket):
            each.close()


class _Watcher:
    """Cuts the attempts that are over; its thread is there only while there are any."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._attempts: set[Attempt] = set()
        self._thread: threading.Thread | None = None
        self._looks_at = 0.0
        renew_in_child(self)

    def renew(self) -> None:
        """Forget the attempts and the thread of the parent of a fork."""
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._attempts = set()
        self._thread = None

    @contextmanager
    def watching(self, attempt: Attempt) -> Iterator[None]:
        """Cut an attempt at its deadline while the context lasts."""
        with self._lock:
            self._attempts.add(attempt)
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="dccd-http", daemon=True)
                with suppress(RuntimeError):  # no threads any more while the interpreter ends
                    thread.start()
                    self._thread = thread
        if attempt.ends_at < self._looks_at:
            self._wake.set()
        try:
            yield
        finally:
            with self._lock:
                self._attempts.discard(attempt)
            attempt.end()

    def _run(self) -> None:
        while True:
            with self._lock:
                attempts = list(self._attempts)
            for attempt in attempts:
                if attempt.is_due():
                    attempt.cut()
            now = SYSTEM_CLOCK.monotonic()
            pause = _POLL_SECONDS if attempts else _IDLE_SECONDS
            pause = max(0.001, min([pause, *(attempt.ends_at - now for attempt in attempts if attempt.ends_at > now)]))
            self._looks_at = now + pause
            was_woken = self._wake.wait(pause)
            self._wake.clear()
            with self._lock:
                if not was_woken and not attempts and not self._attempts:
                    self._thread = None
                    return


_watcher: Final = _Watcher()
watching: Final = _watcher.watching
