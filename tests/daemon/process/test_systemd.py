"""What systemd is told."""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dccd.daemon.process.systemd import Notifier

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is of Linux")


@pytest.fixture
def manager() -> Iterator[tuple[socket.socket, str]]:
    """Return the socket of a service manager and its address, which must be short."""
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        address = str(Path(directory, "notify"))
        listening.bind(address)
        listening.settimeout(10)
        yield listening, address


def test_the_manager_hears_each_step(manager: tuple[socket.socket, str]) -> None:
    """In the words of the protocol; a reload with the time that the manager compares."""
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000"})
    notifier.ready("jobs: 2")
    notifier.alive("jobs: 2, in trouble: 0")
    notifier.reloading()
    notifier.stopping()
    heard = [listening.recv(4096).decode() for _ in range(4)]
    assert heard[:2] == ["READY=1\nSTATUS=jobs: 2", "STATUS=jobs: 2, in trouble: 0\nWATCHDOG=1"]
    assert heard[2].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard[2].rpartition("=")[2].isdecimal()
    assert heard[3].startswith("STOPPING=1\n")
    assert notifier.watchdog == 60.0


def test_without_a_watchdog_none_is_fed(manager: tuple[socket.socket, str]) -> None:
    """Only the status is told."""
    listening, address = manager
    Notifier({"NOTIFY_SOCKET": address}).alive("well")
    assert listening.recv(4096) == b"STATUS=well"


def test_a_status_is_one_line(manager: tuple[socket.socket, str]) -> None:
    """So that no text can say something else to the manager."""
    listening, address = manager
    Notifier({"NOTIFY_SOCKET": address}).ready("well\nSTOPPING=1")
    assert listening.recv(4096) == b"READY=1\nSTATUS=well STOPPING=1"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue is an error at once")
def test_a_manager_that_is_busy_for_a_moment_is_waited_for(manager: tuple[socket.socket, str]) -> None:
    """Its queue is full, and has room as soon as it reads on."""
    listening, address = manager
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                other.sendto(b"X=1", address)
    saying = threading.Thread(target=Notifier({"NOTIFY_SOCKET": address}).ready, args=("well",))
    saying.start()
    saying.join(0.2)
    assert saying.is_alive()
    while (heard := listening.recv(4096)) == b"X=1":
        pass
    saying.join(10)
    assert heard == b"READY=1\nSTATUS=well"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are of Linux")
def test_an_abstract_socket_is_reached() -> None:
    """Written with an @ in place of its zero byte."""
    name = f"dccd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(10)
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert listening.recv(4096).startswith(b"STOPPING=1")


@pytest.mark.parametrize("address", ["", "/nowhere/at/all", "x" * 500, "@"])
def test_where_nobody_listens_nothing_happens(address: str) -> None:
    """A service that runs is worth more than its report."""
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready("well")
    notifier.stopping()


@pytest.mark.parametrize(
    ("asked", "whom", "seconds"),
    [
        ("30000000", "", 30.0),
        ("30000000", str(os.getpid()), 30.0),
        ("30000000", "1", None),
        ("0", "", None),
        ("x", "", None),
    ],
)
def test_the_watchdog_is_that_of_this_process(asked: str, whom: str, seconds: float | None) -> None:
    """A child inherits the variables, not the duty."""
    found = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": asked, "WATCHDOG_PID": whom}
    assert Notifier(found).watchdog == seconds


def test_without_a_manager_there_is_no_watchdog() -> None:
    """Nobody waits to hear of us."""
    assert Notifier({"WATCHDOG_USEC": "1"}).watchdog is None
