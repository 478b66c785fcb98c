"""``dccd start`` as a process: signals, a second one, a changed configuration, the service manager."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dccd.daemon.health import read_metrics
from dccd.daemon.records.model import Presence
from dccd.daemon.state.presence import Claim, read_presence
from dccd.testing import Answer, LoopbackExchange, WebhookReceiver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def until(condition: "Callable[[], object]") -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Daemon:
    """A process of ``dccd start`` whose lines are read as they come."""

    def __init__(self, home: Path, command: str, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dccd", command, *arguments],
            cwd=home,
            env={"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._watchdog = threading.Timer(90, self.process.kill)
        self._watchdog.start()

    def read_until(self, word: str) -> str:
        """Return the next line that has a word in it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if word in line:
                return line
        raise AssertionError("".join(self.lines))

    def end(self, number: int | None = signal.SIGTERM) -> int:
        """Send a signal, read the rest, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.lines += list(self.process.stdout)
        return self.close()

    def close(self) -> int:
        """Return the exit code of a process that is over or killed."""
        self._watchdog.cancel()
        if self.process.poll() is None and self._watchdog.finished.is_set():
            try:
                return self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        assert self.process.stdout is not None
        code = self.process.wait()
        self.process.stdout.close()
        return code


class Place:
    """A home with a configuration of a job of the loopback exchange."""

    def __init__(self, home: Path, exchange: LoopbackExchange) -> None:
        self.home = home
        self.data = home / "data"
        self._url = exchange.url
        self._begun: list[Daemon] = []
        self.write("BTC/USDT")

    def write(self, *pairs: str, more: str = "", data: str = "data") -> None:
        """Write the configuration."""
        (self.home / "dccd.toml").write_text(
            f'[storage]\nlocal_path = "{data}"\n{more}\n'
            f'[[histo_jobs]]\nexchange = "binance"\npairs = {json.dumps(pairs)}\nbase_url = "{self._url}"\n'
        )

    def start(self, *arguments: str, command: str = "start", **variables: str) -> Daemon:
        """Start a daemon."""
        self._begun.append(Daemon(self.home, command, *arguments, **variables))
        return self._begun[-1]

    def close(self) -> None:
        """Kill what a test left."""
        for daemon in self._begun:
            if daemon.process.poll() is None:
                daemon.process.kill()
            daemon.close()


@pytest.fixture
def place(tmp_path: Path, exchange: LoopbackExchange) -> Iterator[Place]:
    """Return a home with a configuration."""
    made = Place(tmp_path, exchange)
    yield made
    made.close()


def test_a_daemon_is_seen_while_it_runs_and_after(place: Place) -> None:
    """With its jobs and where its alerts go, without a secret."""
    daemon = place.start(DCCD_ALERTS__WEBHOOK_URL="https://hooks.slack.com/services/T0/B0/s3cret")
    daemon.read_until("new candles")
    seen = read_presence(place.data)
    assert seen is not None
    assert (seen.pid, seen.state, seen.jobs, seen.alive) == (daemon.process.pid, "running", 1, True)
    assert seen.destinations == ("https://hooks.slack.com/***",)
    assert daemon.end() == 0
    seen = read_presence(place.data)
    assert seen is not None
    assert (seen.state, seen.alive, seen.next_runs) == ("stopped", False, {})
    assert "s3cret" not in (place.data / ".dccd" / "daemon.json").read_text()
    assert "stopped" in (place.data / ".dccd" / "dccd.log").read_text()


def test_of_two_starts_at_once_one_is_refused(place: Place) -> None:
    """With 75 and one line that names the other, which goes on."""
    first, second = place.start(), place.start()
    until(lambda: first.process.poll() is not None or second.process.poll() is not None)
    if first.process.poll() is None:
        first, second = second, first
    assert first.end(None) == 75
    (line,) = first.lines
    assert f"pid {second.process.pid} since 20" in line
    assert "--wait" in line
    assert "started" in second.read_until("started")
    assert second.end() == 0


def test_a_killed_daemon_holds_nobody_up(place: Place) -> None:
    """One that waits takes over, and one that starts later is refused nothing."""
    first = place.start()
    first.read_until("started")
    second = place.start("--wait")
    second.read_until("waiting")
    first.process.kill()
    second.read_until("started")
    second.process.kill()
    second.process.wait()
    third = place.start()
    third.read_until("started")
    assert third.end() == 0


def test_a_start_that_waits_can_be_stopped(place: Place) -> None:
    """And so it never becomes one that collects."""
    (place.data / ".dccd").mkdir(parents=True)
    with Claim(place.data) as claim:
        claim.report(Presence(1, "1", 1.0, 1.0, "running"))
        waiting = place.start("--wait")
        waiting.read_until("waiting")
        assert waiting.end() == 0
    assert not any("started" in line for line in waiting.lines)


def test_a_changed_configuration_is_taken_up(place: Place, exchange: LoopbackExchange) -> None:
    """By SIGHUP: new jobs run, those that are gone run no more, and those that stay are not run for nothing."""
    place.write("BTC/USDT", "ETH/USDT", more='[log]\nconsole = "json"\n')
    daemon = place.start()
    for _ in range(2):
        daemon.read_until("new candles")
    asked = len(exchange.requests)
    place.write("BTC/USDT", "SOL/USDT", more='[log]\nlevel = "DEBUG"\n')
    daemon.process.send_signal(signal.SIGHUP)
    assert "Z INFO dccd.daemon.service: reloaded, jobs: 2" in daemon.read_until("reloaded")
    assert "Z DEBUG dccd.daemon" in daemon.read_until("DEBUG")
    daemon.read_until("SOL/USDT: 500 new candles")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.read_until("nothing has changed")
    seen = read_presence(place.data)
    assert seen is not None
    assert seen.reloaded_at is not None
    assert set(seen.next_runs) == {"binance/BTC/USDT", "binance/SOL/USDT"}
    assert daemon.end() == 0
    assert {request.pair for request in exchange.requests[asked:]} == {None, "SOL/USDT"}
    assert set(read_metrics(place.data)) == {"binance/BTC/USDT", "binance/ETH/USDT", "binance/SOL/USDT"}


def test_what_is_owed_survives_a_reload_and_is_sent_before_the_end(place: Place, exchange: LoopbackExchange) -> None:
    """To the address of the new configuration; that of an incident nobody could be told of, too."""
    exchange.fail("BTC/USDT", status=400, body={"code": -1121, "msg": "Invalid symbol."})
    place.write("BTC/USDT", more="[alerts]\nmax_consecutive_errors = 1\n")
    daemon = place.start()
    until(lambda: any(metrics.errors_count for metrics in read_metrics(place.data).values()))
    with WebhookReceiver() as receiver:
        alerts = f'webhook_url = "{receiver.url}"\ngroup_window = "1h"\n'
        place.write("BTC/USDT", more=f"[alerts]\nmax_consecutive_errors = 1\n{alerts}")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.read_until("reloaded")
        assert not receiver.messages
        assert daemon.end() == 0
        (message,) = receiver.messages
    assert "[FIRING] binance/BTC/USDT" in message.json["text"]
    assert not any("s3cret" in line for line in daemon.lines)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"more": '[alerts]\nwebhook_url = "no-address/s3cret"\n'}, "webhook_url"),
        ({"more": "[alerts\n"}, "dccd.toml"),
        ({"data": "elsewhere"}, "storage.local_path cannot change"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(place: Place, change: dict[str, Any], reason: str) -> None:
    """With the reason, in the log; the old one stays."""
    daemon = place.start()
    daemon.read_until("new candles")
    place.write("ETH/USDT", **change)
    daemon.process.send_signal(signal.SIGHUP)
    line = daemon.read_until("refused")
    assert reason in line
    assert "s3cret" not in line
    seen = read_presence(place.data)
    assert seen is not None
    assert (seen.jobs, seen.reloaded_at) == (1, None)
    assert daemon.end() == 0


def test_an_exchange_that_hangs_does_not_hold_the_end(place: Place, exchange: LoopbackExchange) -> None:
    """The request is cut off, and the end is as orderly as any."""
    place.write("BTC/USDT", more='[alerts]\nshutdown_timeout = "1s"\n')
    exchange.hang()
    daemon = place.start()
    until(lambda: exchange.requests)
    assert daemon.end() == 0
    assert not any("abandoned" in line or "too long" in line for line in daemon.lines)
    seen = read_presence(place.data)
    assert seen is not None
    assert seen.state == "stopped"


@pytest.mark.parametrize("command", ["start", "run"])
def test_a_second_interrupt_ends_it_at_once(place: Place, exchange: LoopbackExchange, command: str) -> None:
    """Whatever it waits for; what belongs to an orderly end is not done."""
    exchange.fail("BTC/USDT", status=400, body={"code": -1121, "msg": "Invalid symbol."})
    with WebhookReceiver() as receiver:
        receiver.answer(Answer(delay=3600))
        place.write("BTC/USDT", more=f'[alerts]\nmax_consecutive_errors = 1\nwebhook_url = "{receiver.url}"\n')
        daemon = place.start(command=command, DCCD_ALERTS__GROUP_WINDOW="0")
        until(lambda: receiver.messages)
        while daemon.process.poll() is None:  # the system makes one of two that come together
            daemon.process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert daemon.end(None) == 130
    seen = read_presence(place.data)
    assert seen is None or seen.state != "stopped"


_STUCK = """
import logging, sys, time
from dccd.cli.process import stopped_by_signals
handler = logging.StreamHandler()
logging.getLogger().addHandler(handler)
with stopped_by_signals(0.0), handler.lock:
    print("stuck", flush=True)
    time.sleep(1000)
"""


def test_an_end_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """Also where nothing can be logged, as with a console that nobody reads."""
    with subprocess.Popen([sys.executable, "-c", _STUCK], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stuck\n"
        process.terminate()
        assert process.wait(60) == 1


def test_an_unknown_exchange_is_said_and_the_rest_goes_on(place: Place) -> None:
    """So that one slip does not stop a fleet."""
    jobs = '[[histo_jobs]]\nexchange = "nosuch"\npairs = ["BTC/USDT"]\n'
    place.write("BTC/USDT", more=jobs)
    daemon = place.start()
    assert "nosuch" in daemon.read_until("its jobs will fail")
    daemon.read_until("new candles")
    assert daemon.end() == 0


def test_the_service_manager_hears_of_each_step(place: Place) -> None:
    """READY, WATCHDOG, RELOADING, READY, STOPPING, in this order."""
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{short}/n")
        manager.settimeout(60)
        heard: list[str] = []

        def listen_for(word: str) -> None:
            while not heard or word not in heard[-1]:
                heard.append(manager.recv(4096).decode())

        daemon = place.start(NOTIFY_SOCKET=f"{short}/n", WATCHDOG_USEC="1200000")
        listen_for("READY=1")
        listen_for("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGHUP)
        listen_for("RELOADING=1")
        listen_for("READY=1")
        listen_for("WATCHDOG=1")
        assert daemon.end() == 0
        listen_for("STOPPING=1")
    assert all("WATCHDOG" not in line for line in heard[:1])


def test_an_order_to_reload_that_comes_after_the_end_has_begun_is_ignored(place: Place) -> None:
    """At whatever moment: the process ends as it would have."""
    daemon = place.start()
    daemon.read_until("new candles")
    daemon.process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 60
    while daemon.process.poll() is None and time.monotonic() < deadline:
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.002)
    assert daemon.end(None) == 0
    # The system may hand over the second signal before the first.
    ending = next(number for number, line in enumerate(daemon.lines) if "stopping" in line)
    assert not any("reloaded" in line for line in daemon.lines[ending:])
    assert not any("Traceback" in line for line in daemon.lines)
