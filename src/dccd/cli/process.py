"""The process around a collector: its signals and its exit."""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from dccd.daemon.process import Orders
from dccd.daemon.service import serve

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

logger: logging.Logger = logging.getLogger(__name__)

_EX_INTERRUPTED: Final = 130
_EXIT_SECONDS: Final = 1.0


@contextmanager
def stopped_by_signals(shutdown_timeout: float) -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set; a second SIGINT, or a timeout, ends the process at once."""
    stop = threading.Event()
    ending = _Ending(stop.set, lambda: shutdown_timeout, 1)
    with _signals({signal.SIGTERM: ending.ask, signal.SIGINT: ending.interrupt}):
        try:
            yield stop
        finally:
            ending.call_off()


def run_daemon(
    load: "Callable[[], CollectorConfig]", configure: "Callable[[CollectorConfig], None]", *, wait: bool
) -> None:
    """Collect until SIGTERM or SIGINT; SIGHUP loads the configuration again, and `configure` sets up its console."""
    orders = Orders()
    config = load()
    configure(config)
    ending = _Ending(orders.stop, lambda: orders.shutdown_timeout, 0)
    on = {signal.SIGTERM: ending.ask, signal.SIGINT: ending.interrupt}
    at_end: dict[signal.Signals, signal.Handlers] = {}
    if sys.platform != "win32":
        on[signal.SIGHUP] = orders.reload
        at_end[signal.SIGHUP] = signal.SIG_IGN  # a reload that comes too late must not end the process
    with _signals(on, at_end):
        in_time = serve(config, orders, load, configure=configure, wait=wait)
        if not in_time:
            _leave(0)  # the interpreter would wait for a thread that waits for an exchange
        ending.call_off()


class _Ending:
    """An orderly shutdown, and a timer that ends the process if the shutdown takes too long."""

    def __init__(self, stop: Callable[[], None], bound: Callable[[], float], code: int) -> None:
        self._stop = stop
        self._bound = bound
        self._code = code
        self._timer: threading.Timer | None = None

    def ask(self) -> None:
        if self._timer is None:
            self._timer = threading.Timer(self._bound() + _EXIT_SECONDS, self._give_up)
            self._timer.daemon = True
            self._timer.start()
            self._stop()

    def interrupt(self) -> None:
        if self._timer is not None:
            os._exit(_EX_INTERRUPTED)
        self.ask()

    def call_off(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _give_up(self) -> None:
        _exit_in(_EXIT_SECONDS, self._code)
        logger.error("the shutdown took too long and was cut off; all that was stored and recorded is kept")
        _leave(self._code)


def _leave(code: int) -> None:
    """End the process without waiting for its threads."""
    _exit_in(_EXIT_SECONDS, code)  # flushing may block too: on a pipe that nobody reads
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _exit_in(seconds: float, code: int) -> None:
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


@contextmanager
def _signals(
    on: Mapping[signal.Signals, Callable[[], None]], at_end: Mapping[signal.Signals, signal.Handlers] | None = None
) -> Iterator[None]:
    """Call functions on signals, in a thread of its own; afterwards the handlers of before count, or those in `at_end`.

    A Python handler runs between two instructions of the main thread, so it could wait for a lock that this very thread
    holds, such as that of an event; and it does not run while the main thread is blocked in a system call.
    """
    reader, writer = socket.socketpair()
    writer.settimeout(0.0)
    thread = threading.Thread(target=_pass_on, args=(reader, on), name="dccd-signals", daemon=True)
    thread.start()
    woken_before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, lambda *_: None) for number in on}
    try:
        yield
    finally:
        for number, handler in {**before, **(at_end or {})}.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken_before)
        writer.close()
        thread.join()
        reader.close()


def _pass_on(reader: socket.socket, on: Mapping[signal.Signals, Callable[[], None]]) -> None:
    while numbers := reader.recv(64):
        for number in numbers:
            if (call := on.get(signal.Signals(number))) is not None:
                call()
