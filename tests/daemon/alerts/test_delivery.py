"""Messages on their way to destinations, side by side, each in the way of its service."""

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from tests.daemon.alerts.places import titles
from tests.daemon.alerts.sent import MESSAGE, SECRET, send

from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.alerts.delivery import Delivery
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.outbox import Outbox
from dccd.daemon.alerts.sending import NotSentError
from dccd.daemon.config import AlertConfig
from dccd.daemon.records.model import Outcome
from dccd.daemon.records.policy import advance
from dccd.daemon.state.store import MetricsStore
from dccd.testing import Answer, ManualClock, WebhookReceiver


def test_slack_has_not_taken_what_it_does_not_call_ok(receiver: WebhookReceiver) -> None:
    """Whatever its status; trying again would not help."""
    receiver.answer(Answer(200, "invalid_token"))
    with pytest.raises(NotSentError, match="Slack's ok") as raised:
        send(receiver.url, "slack")
    assert not raised.value.retryable
    assert len(receiver.messages) == 1
    send(receiver.url, "slack")


def test_teams_may_be_busy_with_a_status_of_200(receiver: WebhookReceiver) -> None:
    """It says so in the answer, and is asked again."""
    busy = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId"
    receiver.answer(Answer(200, busy), Answer(200, "1"))
    assert send(receiver.url, "teams").waits != ()
    assert len(receiver.messages) == 2
    receiver.answer(202)
    send(receiver.url, "teams")


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_will_do_for_the_generic_format(receiver: WebhookReceiver, status: int) -> None:
    """Whatever the answer says."""
    receiver.answer(Answer(status, "" if status == 204 else "HTTP error 429"))
    send(receiver.url)
    assert len(receiver.messages) == 1


def test_each_try_is_signed_anew_under_the_same_identifier(receiver: WebhookReceiver) -> None:
    """The reference takes every one of them, the time being that of the try."""
    clock = ManualClock(int(time.time()))  # the reference refuses what is old
    receiver.answer(Answer(429, headers={"Retry-After": "7"}), Answer(503, headers={"Retry-After": "11"}))
    began = clock.time()
    send(receiver.url, secret=SECRET, clock=clock)
    assert len(receiver.messages) == 3
    for message in receiver.messages:
        Webhook(SECRET).verify(message.body, dict(message.headers))
    assert [message.headers["webhook-id"] for message in receiver.messages] == ["msg_1"] * 3
    times = [int(message.headers["webhook-timestamp"]) - int(began) for message in receiver.messages]
    assert times == [0, 7, 18]
    assert len({message.headers["webhook-signature"] for message in receiver.messages}) == 3
    assert len({message.body for message in receiver.messages}) == 1


def test_only_the_generic_format_is_signed(receiver: WebhookReceiver) -> None:
    """Other services know nothing of it; without a secret there is an identifier only."""
    send(receiver.url, "slack", secret=SECRET)
    send(receiver.url)
    slack, generic = receiver.messages
    assert not [name for name in slack.headers if name.startswith("webhook-")]
    assert sorted(name for name in generic.headers if name.startswith("webhook-")) == [
        "webhook-id",
        "webhook-timestamp",
    ]
    assert slack.headers["content-type"] == generic.headers["content-type"] == "application/json"


def test_a_destination_gets_a_message_a_second(receiver: WebhookReceiver, other: WebhookReceiver) -> None:
    """Whatever became of the one before; other destinations do not wait for it."""
    clock = ManualClock()
    first, second = Destination(receiver.url), Destination(other.url)
    delivery = Delivery([first.id, second.id], "host-1", None, clock, None)
    receiver.answer(200, 400, 200)
    delivery.send(first, MESSAGE)
    delivery.send(second, MESSAGE)
    assert list(clock.waits) == []
    with pytest.raises(NotSentError):
        delivery.send(first, MESSAGE)
    delivery.send(first, MESSAGE)
    clock.advance(0.75)
    delivery.send(first, MESSAGE)
    clock.advance(5)
    delivery.send(first, MESSAGE)
    delivery.close()
    assert clock.waits == (1.0, 1.0, 0.25)


def test_the_path_that_discord_is_really_asked_at_is_hidden(
    receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not the one that was set."""
    caplog.set_level(logging.DEBUG)
    send(receiver.url.replace("/hook/", "/api/webhooks/"), "discord")
    assert receiver.messages[0].path.startswith("/api/v10/webhooks/T0000/B0000/s3cret")
    assert "urllib3" in caplog.text
    assert "s3cret" not in caplog.text
    assert "B0000" not in caplog.text


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_a_heartbeat_counts_as_taken_with_a_success_only(receiver: WebhookReceiver, status: int) -> None:
    """It is tried once, and the reason names no address."""
    receiver.answer(Answer(status, headers={"Location": "/elsewhere"} if status == 301 else {}))
    delivery = Delivery(["heartbeat"], "host-1", None, SYSTEM_CLOCK, None)
    with pytest.raises(NotSentError, match=f"HTTP {status}"):
        delivery.beat("heartbeat", receiver.url)
    assert len(receiver.messages) == 1
    delivery.beat("heartbeat", receiver.url)
    delivery.close()


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that does not wait."""
    return ManualClock()


@pytest.fixture
def delivery(clock: ManualClock) -> Iterator[Delivery]:
    """Return a delivery to two destinations."""
    made = Delivery(("a", "b"), "host-1", None, clock, None)
    yield made
    made.close()


def test_calls_are_made_at_the_same_time(delivery: Delivery) -> None:
    """Each waits for the other here, so that one after the other would never end."""
    meeting = threading.Barrier(2, timeout=20)
    threads: set[int] = set()

    def call() -> None:
        threads.add(threading.get_ident())
        meeting.wait()

    delivery.side_by_side([call, call])
    assert len(threads) == 2
    assert threading.get_ident() in threads


def test_an_error_of_one_call_is_raised_after_all_have_ended(delivery: Delivery) -> None:
    """The others are not cut short by it."""
    ended, failed = [], threading.Event()

    def broken() -> None:
        failed.set()
        raise ZeroDivisionError

    def late() -> None:
        failed.wait(20)
        ended.append("late")

    with pytest.raises(ZeroDivisionError):
        delivery.side_by_side([broken, late])
    assert ended == ["late"]


def test_each_destination_has_a_session_of_its_own_until_a_fork(delivery: Delivery) -> None:
    """A child makes its own, as it must not use the connections of its parent, and has all the time."""
    before = delivery.load()
    assert delivery.load() is before
    assert before["a"].session is not before["b"].session
    with delivery.deadline.brought_forward(5.0):
        delivery.renew()
        assert delivery.deadline.left() == math.inf
        assert delivery.load()["a"].session is not before["a"].session


def test_whoever_waits_for_the_end_cuts_the_retries_short(clock: ManualClock, receiver: WebhookReceiver) -> None:
    """A server that asks for ten seconds is not asked again within five, and again once there is time."""
    asks, destination = Answer(503, headers={"Retry-After": "10"}), Destination(receiver.url)
    delivery = Delivery([destination.id], "host-1", None, clock, None)
    receiver.answer(asks)
    with delivery.deadline.brought_forward(clock.monotonic() + 5), pytest.raises(NotSentError):
        delivery.send(destination, MESSAGE)
    counts = [len(receiver.messages)]
    receiver.answer(asks)
    clock.advance(10)
    delivery.send(destination, MESSAGE)
    assert [*counts, len(receiver.messages)] == [1, 3]
    delivery.close()


def test_a_delivery_that_is_closed_makes_no_further_attempt(receiver: WebhookReceiver) -> None:
    """Though the server asked for it in fifty seconds, and a thread waits for that."""
    destination = Destination(receiver.url)
    delivery = Delivery([destination.id], "host-1", None, SYSTEM_CLOCK, None)
    receiver.answer(Answer(503, headers={"Retry-After": "50"}))
    thread = threading.Thread(target=_send, args=(delivery, destination))
    thread.start()
    assert receiver.wait_for(1)
    delivery.close()
    thread.join(5)
    assert not thread.is_alive()
    assert len(receiver.messages) == 1


def _send(delivery: Delivery, destination: Destination) -> None:
    with suppress(NotSentError):
        delivery.send(destination, MESSAGE)


def test_without_threads_destinations_share_the_time(
    tmp_path: Path, receiver: WebhookReceiver, other: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of the interpreter, when none can be started any more."""
    receiver.answer(*[Answer(delay=3600)] * 5)
    alerts = AlertConfig(webhook_url=receiver.url, extra_webhooks=[other.url], max_consecutive_errors=1)
    store = MetricsStore(tmp_path)
    store.update({"a": partial(advance, outcome=Outcome(ok=False), alerts=alerts, now=time.time())})
    outbox = Outbox(store, alerts, tmp_path, "host-1", SYSTEM_CLOCK)
    outbox._delivery.load()  # what makes threads of its own
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "dccd-alerts":
            raise RuntimeError
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    other.answer(Answer(delay=0.3))
    assert not outbox.drain(time.monotonic() + 2)
    assert len(titles(other)) == 1
    assert [len(notice.told) for notice in store.snapshot()["a"].owed] == [1]
    outbox.close()
