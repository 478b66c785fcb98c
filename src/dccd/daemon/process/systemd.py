"""Tell systemd how the service is: ready, reloading, stopping, and still at it."""

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

_MICRO: Final = 1_000_000
# A manager that is busy, as when a machine starts, has its queue full for a moment: READY lost is a start that fails.
_SEND_TIMEOUT_SECONDS: Final = 1.0


class Notifier:
    """Speaks to the service manager that started this process; where there is none, says nothing.

    The protocol is that of ``sd_notify(3)``. Nothing here raises, and a busy manager is waited for a second at most: a
    service that runs is worth more than its report.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        self._address = found.get("NOTIFY_SOCKET", "")
        self._watchdog = _watchdog(found)

    @property
    def watchdog(self) -> float | None:
        """Seconds within which the manager wants to hear of us again, or None."""
        return self._watchdog if self._address else None

    def ready(self, status: str) -> None:
        """Say that the service is up, or has taken up a new configuration."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service is about to end."""
        self._send("STOPPING=1", "STATUS=stopping")

    def alive(self, status: str) -> None:
        """Say that the service is still at it."""
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
