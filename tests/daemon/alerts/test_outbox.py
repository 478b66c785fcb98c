"""Delivery of the notices that records owe."""

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.alerts.outbox import DELIVERY_LOCK, Outbox
from dccd.daemon.config import AlertConfig
from dccd.daemon.records.model import JobRecord, Outcome
from dccd.daemon.records.policy import advance
from dccd.daemon.state.store import MetricsStore
from dccd.disk import STATE_DIRECTORY, file_lock
from dccd.testing import Answer, ManualClock, WebhookReceiver


class World:
    """A store and an outbox on a clock that does not wait."""

    def __init__(self, directory: Path, url: str | None, **alerts: object) -> None:
        self.clock = ManualClock()
        self.path = directory
        self.directory = directory / STATE_DIRECTORY
        self.alerts = AlertConfig.model_validate({"webhook_url": url, "max_consecutive_errors": 3, **alerts})
        self.store = MetricsStore(self.directory, clock=self.clock)
        self.session = requests.Session()
        self.outbox = self.restarted()

    def restarted(self, alerts: AlertConfig | None = None) -> Outbox:
        """Return an outbox as a new process would have it."""
        store = MetricsStore(self.directory, clock=self.clock)
        return Outbox(store, alerts or self.alerts, self.path, "host-1", self.clock, self.session)

    def run(self, outcomes: str, key: str = "a") -> None:
        """Record outcomes, ``+`` for a success and ``-`` for a failure."""
        for sign in outcomes:
            outcome = Outcome(ok=sign == "+", error="E: broken")
            self.store.update({key: partial(advance, outcome=outcome, alerts=self.alerts, now=self.clock.time())})

    def records(self) -> Mapping[str, JobRecord]:
        """Return what is on the disk."""
        return self.store.snapshot()


@pytest.fixture
def world(tmp_path: Path, receiver: WebhookReceiver) -> Iterator[World]:
    """Return a world whose alerts go to the receiver."""
    made = World(tmp_path, receiver.url)
    yield made
    made.session.close()


def titles(receiver: WebhookReceiver) -> list[str]:
    """Return the first lines of the messages that came."""
    return [message.json["text"].splitlines()[0] for message in receiver.messages]


def test_what_is_owed_is_sent_once(world: World, receiver: WebhookReceiver) -> None:
    """And then owed no more, on the disk too."""
    assert world.outbox.deliver(window=0) is None
    world.run("---")
    assert world.outbox.owes()
    assert world.outbox.deliver(window=0) is None
    assert world.outbox.deliver(window=0) is None
    assert titles(receiver) == ["[FIRING] a is failing on host-1"]
    assert not world.outbox.owes()
    assert world.records()["a"].owed == ()
    assert not world.restarted().owes()


def test_jobs_that_fail_together_are_told_together(world: World, receiver: WebhookReceiver) -> None:
    """After the window, of which the round says how long it lasts."""
    for key in "abc":
        world.run("---", key)
        world.clock.advance(1)
    assert world.outbox.deliver(window=5) == pytest.approx(2)
    assert receiver.messages == ()
    world.clock.advance(2)
    assert world.outbox.deliver(window=5) is None
    assert titles(receiver) == ["[3 JOBS] on host-1: 3 firing"]


def test_a_second_keeps_messages_apart(world: World, receiver: WebhookReceiver) -> None:
    """As services ask."""
    world.run("---")
    world.outbox.deliver(window=0)
    world.run("+")
    world.outbox.deliver(window=0)
    assert sum(world.clock.waits) == pytest.approx(1)
    assert len(receiver.messages) == 2


def test_a_failed_message_stays_owed_and_is_tried_later_under_its_identifier(
    world: World, receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """By the next process, too; one WARNING tells of it, however often it fails."""
    caplog.set_level(logging.INFO, "dccd")
    receiver.answer(400, 400, 200)
    world.run("---")
    assert world.outbox.deliver(window=0) == pytest.approx(300)
    assert world.outbox.deliver(window=0) == pytest.approx(300)
    assert len(titles(receiver)) == 1
    world.clock.advance(301)
    assert world.restarted().deliver(window=0) == pytest.approx(600)
    world.clock.advance(601)
    assert world.restarted().deliver(window=0) is None
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1
    assert len(titles(receiver)) == 3
    ours = [record for record in caplog.records if record.thread == threading.get_ident()]
    assert [record.levelname for record in ours] == ["WARNING", "INFO"]
    assert "s3cret" not in caplog.text


def test_a_process_killed_while_sending_is_followed_by_the_same_identifier(
    world: World, receiver: WebhookReceiver
) -> None:
    """The receiver can tell that it has that message already."""

    class Killed(BaseException):
        """What ends a process at once."""

    class Session(requests.Session):
        @override
        def post(self, *args: Any, **kwargs: Any) -> requests.Response:
            super().post(*args, **kwargs)
            raise Killed

    world.run("---")
    with Session() as session:
        store = MetricsStore(world.directory, clock=world.clock)
        dying = Outbox(store, world.alerts, world.path, "host-1", world.clock, session)
        with pytest.raises(Killed):
            dying.deliver(window=0)
    assert world.restarted().deliver(window=0) is None
    first, second = receiver.messages
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_job_that_is_forgotten_while_its_alert_is_sent_stays_so(world: World) -> None:
    """It does not come back as an empty record."""

    class Session(requests.Session):
        @override
        def post(self, *args: Any, **kwargs: Any) -> requests.Response:
            world.store.update({"a": lambda _: None})
            return super().post(*args, **kwargs)

    world.run("---")
    with Session() as session:
        outbox = Outbox(world.store, world.alerts, world.path, "host-1", world.clock, session)
        assert outbox.deliver(window=0) is None
    assert world.records() == {}


def test_an_end_that_overtakes_its_beginning_is_told_as_one(world: World, receiver: WebhookReceiver) -> None:
    """A webhook that was out meanwhile hears once what happened."""
    receiver.answer(400)
    world.run("---")
    world.outbox.deliver(window=0)
    world.run("+")
    world.clock.advance(301)
    world.outbox.deliver(window=0)
    (title,) = titles(receiver)[1:]
    assert title.startswith("[RESOLVED] a ")
    assert not world.outbox.owes()


def test_a_destination_that_hangs_keeps_nothing_from_another(
    tmp_path: Path, receiver: WebhookReceiver, other: WebhookReceiver
) -> None:
    """Who closes in a hurry included, whichever is named first."""
    receiver.answer(*[Answer(delay=3600)] * 5)
    alerts = AlertConfig(webhook_url=receiver.url, extra_webhooks=[other.url], max_consecutive_errors=1)
    store = MetricsStore(tmp_path)
    store.update({"a": partial(advance, outcome=Outcome(ok=False), alerts=alerts, now=time.time())})
    outbox = Outbox(store, alerts, tmp_path, "host-1", SYSTEM_CLOCK)
    began = time.monotonic()
    assert not outbox.drain(began + 1)
    assert time.monotonic() - began < 5
    assert titles(other) == ["[FIRING] a is failing on host-1"]
    outbox.close()


def test_an_outage_is_followed_by_two_messages_however_many_incidents_it_saw(
    world: World, receiver: WebhookReceiver
) -> None:
    """What was tried goes first under its identifier; what fell due meanwhile waited, and shares one."""
    receiver.answer(*[503] * 1000)
    world.run("---", "first")
    world.outbox.deliver(window=0)
    for number in range(200):
        world.run("---+", f"job-{number}")
        world.clock.advance(60)
        world.outbox.deliver(window=5)
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1
    assert len(receiver.messages) <= 5 * (1 + 200 * 60 / 300)
    receiver.clear()
    world.clock.advance(300)
    assert world.outbox.deliver(window=5) is None
    assert titles(receiver) == ["[FIRING] first is failing on host-1", "[200 JOBS] on host-1: 200 resolved"]


def test_a_destination_that_asks_for_an_hour_is_left_alone_for_it(world: World, receiver: WebhookReceiver) -> None:
    """By what falls due meanwhile, too."""
    receiver.answer(Answer(429, headers={"Retry-After": "3000"}))
    world.run("---")
    world.outbox.deliver(window=0)
    world.clock.advance(2000)
    world.run("---", "b")
    assert world.outbox.deliver(window=0) == pytest.approx(1000)
    assert len(receiver.messages) == 1
    world.clock.advance(1000)
    assert world.outbox.deliver(window=0) is None
    assert len(receiver.messages) == 3


def test_a_message_that_is_refused_keeps_no_other(world: World, receiver: WebhookReceiver) -> None:
    """It may be its own fault; the destination is there."""
    receiver.answer(400)
    world.run("---")
    world.outbox.deliver(window=0)
    world.run("---", "b")
    assert world.outbox.deliver(window=0) == pytest.approx(300, abs=5)
    assert titles(receiver)[1:] == ["[FIRING] b is failing on host-1"]


def test_a_destination_that_is_gone_is_asked_once_though_several_messages_wait(
    world: World, receiver: WebhookReceiver
) -> None:
    """Services bar who goes on."""
    receiver.answer(400, 400, 410)
    for key in "ab":
        world.run("---", key)
        world.outbox.deliver(window=0)
    world.clock.advance(400)
    world.outbox.deliver(window=0)
    assert len(receiver.messages) == 3
    assert world.outbox.deliver(window=0) is not None
    assert len(receiver.messages) == 3


def test_what_is_owed_to_nobody_is_looked_at_again(world: World, receiver: WebhookReceiver) -> None:
    """A test alert of another process may bring the destination back."""
    receiver.answer(410)
    world.run("---")
    world.outbox.deliver(window=0)
    assert world.outbox.deliver(window=0) is not None
    (world.directory / "alerts.json").unlink()
    world.clock.advance(301)
    assert world.outbox.deliver(window=0) is None
    assert len(receiver.messages) == 2


def test_a_closed_incident_is_given_up_when_it_is_old(
    world: World, receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """With one ERROR that names the job."""
    receiver.answer(*[400] * 3)
    world.run("---+")
    world.outbox.deliver(window=0)
    world.clock.advance(90_000)
    world.outbox.deliver(window=0)
    assert not world.outbox.owes()
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "for a to generic" in error.getMessage()


def test_one_process_delivers_at_a_time(world: World, receiver: WebhookReceiver) -> None:
    """The other comes back in a second."""
    world.run("---")
    with file_lock(world.directory / DELIVERY_LOCK, timeout=0):
        assert world.outbox.deliver(window=0) == 1
        assert receiver.messages == ()
    assert world.outbox.deliver(window=0) is None
    assert len(receiver.messages) == 1


def test_without_an_address_nothing_is_sent_and_nothing_acknowledged(world: World, receiver: WebhookReceiver) -> None:
    """Another process on the directory has the address."""
    world.run("---")
    off = world.restarted(AlertConfig())
    assert (off.is_on, off.owes(), off.deliver(window=0), off.drain(1e9)) == (False, False, None, True)
    assert len(world.records()["a"].owed) == 1
    assert world.outbox.deliver(window=0) is None
    assert len(receiver.messages) == 1


def test_a_new_address_is_told_what_the_old_one_never_got(world: World, receiver: WebhookReceiver) -> None:
    """A notice is owed to whoever is configured when it is sent, under an identifier of its own."""
    receiver.answer(410)
    world.run("---")
    world.outbox.deliver(window=0)
    world.clock.advance(301)
    with WebhookReceiver() as other:
        moved = world.restarted(world.alerts.model_copy(update={"webhook_url": other.url}))
        assert moved.deliver(window=0) is None
        assert titles(other) == ["[FIRING] a is failing on host-1"]
        assert other.messages[0].headers["webhook-id"] != receiver.messages[0].headers["webhook-id"]
    assert world.records()["a"].owed == ()


def test_draining_sends_at_once_and_gives_up_in_time(world: World, receiver: WebhookReceiver) -> None:
    """It ends the window, and waits for no server that asks for a minute."""
    world.run("---")
    assert world.outbox.drain(world.clock.monotonic() + 10)
    assert len(receiver.messages) == 1
    receiver.answer(Answer(503, headers={"Retry-After": "30"}))
    world.run("+")
    before = world.clock.monotonic()
    assert not world.outbox.drain(before + 10)
    assert world.clock.monotonic() - before < 10
    assert world.outbox.owes()


def test_discord_and_slack_get_what_they_expect(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """By the format that was set, as their hosts are not to be had here."""
    for service, field in (("slack", "text"), ("discord", "embeds")):
        world = World(tmp_path / service, receiver.url, format=service)
        world.run("---")
        world.outbox.deliver(window=0)
        world.session.close()
        assert field in receiver.messages[-1].json
    assert receiver.messages[-1].path.endswith("?wait=true")
