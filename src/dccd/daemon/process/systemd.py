"""Report to systemd: the service is ready, reloading, stopping or alive."""

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

_MICRO: Final = 1_000_000
# The queue of a busy manager may be full for a moment, as when a machine starts; without READY the start fails.
_SEND_TIMEOUT_SECONDS: Final = 1.0


class Notifier:
    """Reports to the service manager that started this process, and says nothing if there is none.

    The protocol is that of ``sd_notify(3)``. Nothing here raises, and a report waits a second at most for a busy
    manager: the service matters more than the report.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        self._watchdog = _watchdog(found)

    @property
    def watchdog(self) -> float | None:
        """Seconds within which the manager expects the next report, or None if it expects none."""
        return self._watchdog if self._address else None

    def ready(self, status: str) -> None:
        """Report that the service is up, or has taken up a new configuration."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Report that the service loads its configuration again; `ready` ends that."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the service is about to end."""
        self._send("STOPPING=1", "STATUS=stopping")

    def alive(self, status: str) -> None:
        """Report that the service still works."""
        self._send(f"STATUS={status}", *(["WATCHDOG=1"] if self._watchdog else []))

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        message = "\n".join(" ".join(line.splitlines()) for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.settimeout(_SEND_TIMEOUT_SECONDS)
                manager.sendto(message.encode(), address)
        except (OSError, AttributeError, ValueError):  # no such socket, or a system without them
            return


def _watchdog(environment: Mapping[str, str]) -> float | None:
    asked, whom = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not asked.isdecimal() or int(asked) == 0 or (whom and whom != str(os.getpid())):
        return None
    return int(asked) / _MICRO
