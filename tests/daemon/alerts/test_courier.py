"""One message to one destination, in the way of each service."""

import logging
import time

import pytest
from standardwebhooks import Webhook
from tests.daemon.alerts.sent import MESSAGE, SECRET, send

from dccd.daemon.alerts.courier import Courier
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.sending import NotSentError
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
    courier = Courier("host-1", None, clock, None)
    receiver.answer(200, 400, 200)
    courier.send(Destination(receiver.url), MESSAGE)
    courier.send(Destination(other.url), MESSAGE)
    assert list(clock.waits) == []
    with pytest.raises(NotSentError):
        courier.send(Destination(receiver.url), MESSAGE)
    courier.send(Destination(receiver.url), MESSAGE)
    clock.advance(0.75)
    courier.send(Destination(receiver.url), MESSAGE)
    clock.advance(5)
    courier.send(Destination(receiver.url), MESSAGE)
    courier.close()
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
    courier = Courier("host-1", None, ManualClock(), None)
    with pytest.raises(NotSentError) as raised:
        courier.beat(receiver.url)
    assert len(receiver.messages) == 1
    assert str(raised.value) == f"HTTP {status}"
    courier.beat(receiver.url)
    courier.close()
