"""Alerts when everything goes wrong: kill -9 at any moment, webhooks that fail, and a secret that must not show."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.state.store import read_records
from dccd.testing import Answer, WebhookReceiver

RUNS = 200 if os.environ.get("DCCD_SOAK") else 60
LONGEST_LIFE = 0.2
PAIRS = ("A/B", "C/D", "E/F", "G/H")

# Forks a process for each line that it reads; so a run takes no time to import. Each run breaks and mends jobs, and
# writes down which incidents it has seen open once the call that opened them has returned.
NURSERY = """
import os, random, sys, threading

from dccd.daemon.alerts import delivery
from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor

path, url, journal, *pairs = sys.stdin.readline().split()


def open_monitor():
    alerts = AlertConfig(
        webhook_url=url, max_consecutive_errors=2, group_window=0.02, repeat_interval=0, shutdown_timeout=30
    )
    storage = StorageConfig(local_path=path, fsync=False)
    return HealthMonitor.from_config(CollectorConfig(storage=storage, alerts=alerts, log=LogConfig(file="off")))


def live(seed):
    chance = random.Random(seed)
    notes = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    monitor = open_monitor()
    for _ in range(chance.randint(4, 16)):
        pair = chance.choice(pairs)
        if chance.random() < 0.65:
            monitor.record_failure("x", pair, error="TimeoutError: no answer")
        else:
            monitor.record_success("x", pair)
        for incident in monitor._store.snapshot()[f"x/{pair}"].incidents:
            os.write(notes, f"x/{pair} {incident.id}\\n".encode())
    if chance.random() < 0.5:
        monitor.close()
    threading.Event().wait()


for line in sys.stdin:
    if line.strip() == "last":
        with open_monitor() as monitor:
            for pair in pairs:
                monitor.record_success("x", pair)
            print(monitor.flush(30), flush=True)
        break
    pid = os.fork()
    if pid == 0:
        try:
            live(line)
        finally:
            os._exit(1)
    print(pid, flush=True)
    os.waitpid(pid, 0)
    print("dead", flush=True)
"""


def told(receiver: WebhookReceiver) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the identifier of its message and the facts of each notice that came, in order."""
    for message in receiver.messages:
        for facts in message.json["data"]["jobs"]:
            yield message.headers["webhook-id"], facts


@pytest.mark.timeout(300)
def test_kills_at_random_moments_lose_no_incident_and_double_none(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """All that was open is told in the end, its end after its beginning, and no notice under two identifiers."""
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    data, journal = tmp_path / "data", tmp_path / "journal"
    journal.touch()
    seen: set[tuple[str, str]] = set()
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(f"{data} {receiver.url} {journal} {' '.join(PAIRS)}\n")
        for run in range(RUNS):
            # A slow answer widens the time between what was sent and its acknowledgement.
            receiver.answer(Answer(delay=chance.choice([0, 0, 0.02, 0.1])))
            nursery.stdin.write(f"{seed}-{run}\n")
            pid = int(nursery.stdout.readline())
            threading.Event().wait(chance.uniform(0, LONGEST_LIFE))
            os.kill(pid, signal.SIGKILL)
            assert nursery.stdout.readline() == "dead\n"
            for key, record in read_records(data).items():
                seen |= {(key, incident.id) for incident in record.incidents}
                seen |= {(key, notice.incident) for notice in record.owed}
        nursery.stdin.write("last\n")
        assert nursery.stdout.readline() == "True\n"
        assert nursery.wait(60) == 0
    seen |= {(key, incident) for key, incident in map(str.split, journal.read_text().splitlines())}
    context = f"seed {seed}"
    assert len(seen) > RUNS / 10, context
    for record in read_records(data).values():
        assert (record.owed, record.incidents) == ((), ()), context

    messages = defaultdict(set)
    events = defaultdict(list)
    for message, facts in told(receiver):
        messages[facts["job"], facts["notice"]].add(message)
        events[facts["job"], facts["incident"]].append(facts["event"])
    assert {name: ids for name, ids in messages.items() if len(ids) > 1} == {}, context
    assert seen - set(events) == set(), context
    for incident, course in events.items():
        assert course[-1] == "resolved", (context, incident)
        assert course == sorted(course), (context, incident)  # firing before resolved, each as often as a kill asks


SCENE = """
import logging, sys, traceback

user = logging.StreamHandler(sys.stdout)
user.setFormatter(logging.Formatter("%(name)s %(message)s"))
logging.basicConfig(handlers=[user], level=logging.DEBUG)

from dccd.daemon.alerts.delivery import Delivery
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Message
from dccd.daemon.records.notices import Item
from dccd.daemon.alerts.sending import NotSentError
from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records.model import Notice
from dccd.clock import SYSTEM_CLOCK

path, url, form = sys.stdin.read().split()
alerts = AlertConfig(
    webhook_url=url, heartbeat_url=url, extra_webhooks=[url + "-more"], format=form, group_window=0,
    max_consecutive_errors=1, shutdown_timeout=1.5,
)
config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=alerts)
print(alerts, repr(config), config.model_dump(), config.model_dump_json(), str(config))
with HealthMonitor.from_config(config) as monitor:
    print(monitor, monitor._engine.outbox, monitor._engine.outbox._destinations)
    monitor.record_failure("kraken", "BTC/USD", error=ConnectionError(f"POST {url} refused"))
    monitor.check()
    monitor.flush(1)
    for error in (ValueError(f"{url} is bad"), f"no answer from {url}?"):
        try:
            raise RuntimeError(f"while asking {url}")
        except RuntimeError:
            logging.getLogger("mine").debug("not ours")
            monitor.record_failure("kraken", "BTC/USD")
        monitor.record_failure("kraken", "BTC/USD", error=error)
    destination = Destination(url, form)
    delivery = Delivery([destination.id], "host-1", None, SYSTEM_CLOCK, None)
    message = Message("msg_1", (Item("a", (Notice("i", 1, "firing", 0.0, "failing", 0.0),)),))
    for act in (lambda: delivery.send(destination, message), lambda: delivery.beat(destination.id, url)):
        try:
            with delivery.deadline.brought_forward(SYSTEM_CLOCK.monotonic() + 0.5):
                act()
        except NotSentError as error:
            logging.getLogger("mine").exception("not sent")
            traceback.print_exception(error, chain=True)
            print(repr(error), error, error.__cause__, vars(error))
    delivery.close()
print("end of the scene")
"""


# The request is under way when the monitor is closed: urllib3 says so.
LEAVING = """
import logging, sys, threading

logging.basicConfig(stream=sys.stdout, level=logging.DEBUG)

from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor

begun = threading.Event()


class Notes(logging.Handler):
    def emit(self, record):
        if "Starting new" in record.getMessage():
            begun.set()


logging.getLogger("urllib3.connectionpool").addHandler(Notes())
path, url = sys.stdin.read().split()
before = set(threading.enumerate())
alerts = AlertConfig(webhook_url=url, group_window=0, max_consecutive_errors=1, shutdown_timeout=0.1)
with HealthMonitor(path, alerts) as monitor:
    monitor.record_failure("kraken", "BTC/USD", error="E: broken")
    left_behind = [thread for thread in threading.enumerate() if thread not in before]
    begun.wait(10)
for thread in left_behind:
    thread.join(20)
print("all ended", not any(thread.is_alive() for thread in left_behind))
"""


def play(path: Path, url: str, form: str) -> "subprocess.Popen[str]":
    """Start a process whose alerts go to an address, which it reads, so that it is not in the arguments either."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCENE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{path} {url} {form}")
    process.stdin.close()
    process.stdin = None
    return process


def test_the_secret_shows_nowhere_whatever_the_webhook_does(tmp_path: Path) -> None:
    """In no file, stream, repr, dump or traceback, with urllib3 at DEBUG and a handler of the user's own."""
    with WebhookReceiver() as failing, WebhookReceiver() as hanging, WebhookReceiver() as gone, WebhookReceiver() as ok:
        failing.answer(*[500] * 100)
        hanging.answer(*[Answer(delay=2)] * 100)
        gone.answer(*[410] * 100)
        with socket.create_server(("127.0.0.1", 0)) as unused:
            refused = f"http://127.0.0.1:{unused.getsockname()[1]}/hook/T0000/B0000/s3cret-refused"
        urls = {
            "failing": failing.url,
            "hanging": hanging.url,
            "gone": gone.url,
            "ok": ok.url,
            "refused": refused,
        }
        plays = {name: play(tmp_path / name, url, "slack") for name, url in urls.items()}
        for name, process in plays.items():
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, (name, out, err)
            assert "end of the scene" in out, name
            assert "urllib3.connectionpool" in out, name
            for text in (out, err):
                assert "s3cret" not in text, (name, [line for line in text.splitlines() if "s3cret" in line][:5])
                assert "B0000" not in text, name
        assert failing.messages
        assert hanging.messages
        assert gone.messages
        assert ok.messages
    looked_at = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(looked_at) >= 2 * len(urls)
    for file in looked_at:
        assert b"s3cret" not in file.read_bytes(), file
        assert "s3cret" not in file.name


def test_an_answer_after_the_monitor_was_closed_shows_no_secret(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Closing kept to its bound and left a request behind; what logs its end must not tell the address."""
    receiver.answer(Answer(delay=1))
    done = subprocess.run(
        [sys.executable, "-c", LEAVING],
        input=f"{tmp_path} {receiver.url}",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "all ended True" in done.stdout
    assert len(receiver.messages) >= 1
    assert "s3cret" not in done.stdout + done.stderr
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes()


def test_recording_returns_at_once_while_a_webhook_hangs(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """A failure is on the disk in milliseconds, whatever the network does."""
    receiver.answer(Answer(delay=3600))
    alerts = AlertConfig(webhook_url=receiver.url, group_window=0, max_consecutive_errors=1, shutdown_timeout=0)
    with HealthMonitor(tmp_path, alerts) as monitor:
        monitor.record_failure("kraken", "BTC/USD")
        assert receiver.wait_for(1)
        took = []
        for _ in range(20):
            began = time.monotonic()
            monitor.record_failure("kraken", "BTC/USD")
            monitor.record_failure("kraken", "ETH/USD")
            took.append((time.monotonic() - began) / 2)
        assert monitor.get_metrics()["kraken/BTC/USD"].errors_count == 21
        receiver.close()
    assert max(took) < 0.25
    assert sorted(took)[len(took) // 2] < 0.1
