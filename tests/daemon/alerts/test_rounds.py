"""Delivery as an operator meets it: silences, several destinations, signatures, storms."""

import json
import logging
import re

import pytest
import requests
from tests.daemon.alerts.places import Place, fail, titles
from tests.daemon.alerts.sent import KEY, SECRET

from dccd._compat import override
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.state.silences import read_alert_state
from dccd.testing import WebhookReceiver


def test_a_silenced_job_counts_but_sends_nothing(place: Place, receiver: WebhookReceiver) -> None:
    """What is told of others goes out all the same."""
    monitor = place.open(receiver.url)
    fail(monitor, 1)
    place.silence(7200)
    fail(monitor, 9)
    fail(monitor, 3, "ETH/USD")
    assert not monitor.flush()
    assert titles(receiver) == ["[FIRING] kraken/ETH/USD is failing on host-1"]
    assert monitor.get_metrics()[KEY].errors_count == 10
    assert len(place.record().incidents) == 1


def test_an_incident_wholly_inside_a_silence_is_never_told(place: Place, receiver: WebhookReceiver) -> None:
    """Neither then nor later; nothing of it stays owed."""
    monitor = place.open(receiver.url)
    fail(monitor, 1)
    place.silence(7200)
    fail(monitor, 2)
    monitor.flush()
    monitor.record_success("kraken", "BTC/USD")
    assert monitor.flush()
    assert place.record().owed == ()
    place.clock.advance(7201)
    assert monitor.flush()
    assert receiver.messages == ()


def test_an_incident_that_outlasts_its_silence_is_told_when_that_lapses(
    place: Place, receiver: WebhookReceiver
) -> None:
    """By itself: the background work asks to be called just then."""
    monitor = place.open(receiver.url)
    fail(monitor, 1)
    place.silence(7200)
    fail(monitor, 5)
    assert monitor._engine._work() == pytest.approx(7200)
    place.clock.advance(7199)
    assert monitor._engine._work() == pytest.approx(1)
    assert receiver.messages == ()
    place.clock.advance(1)
    assert monitor._engine._work() is None
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]


def test_an_end_inside_a_silence_is_told_later_to_those_who_know_of_the_beginning(
    place: Place, receiver: WebhookReceiver
) -> None:
    """They wait for it."""
    monitor = place.open(receiver.url)
    fail(monitor)
    assert monitor.flush()
    place.silence(7200)
    monitor.record_success("kraken", "BTC/USD")
    monitor.flush()
    assert len(receiver.messages) == 1
    place.clock.advance(7200)
    assert monitor.flush()
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} works again on host-1"]


def test_each_destination_is_told_once_though_another_is_out(
    place: Place, receiver: WebhookReceiver, other: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that answers 500 gets it later, under one identifier, and is not asked before its time."""
    receiver.answer(*[500] * 10)
    monitor = place.open(receiver.url, extra_webhooks=[other.url])
    fail(monitor)
    assert not monitor.flush(1000)
    tried = len(receiver.messages)
    assert 1 <= tried <= 5
    assert titles(other) == [f"[FIRING] {KEY} is failing on host-1"]
    place.clock.advance(200)
    assert not monitor.flush()
    assert len(receiver.messages) == tried
    place.clock.advance(101)
    assert monitor._engine._work() == pytest.approx(600, abs=120)
    assert len(receiver.messages) > tried
    receiver.clear()
    place.clock.advance(700)
    assert monitor.flush()
    assert titles(receiver) == titles(other)
    told = [record.getMessage() for record in caplog.records if "not delivered" in record.getMessage()]
    assert len(told) == 1


def test_all_destinations_hear_of_the_end(place: Place, receiver: WebhookReceiver, other: WebhookReceiver) -> None:
    """Each under identifiers of its own; an address named twice is told once."""
    monitor = place.open(receiver.url, extra_webhooks=[other.url, receiver.url])
    fail(monitor)
    assert monitor.flush()
    monitor.record_success("kraken", "BTC/USD")
    assert monitor.flush()
    assert titles(receiver) == titles(other)
    assert [title.split()[0] for title in titles(other)] == ["[FIRING]", "[RESOLVED]"]
    assert len({message.headers["webhook-id"] for message in (*receiver.messages, *other.messages)}) == 4


def test_a_destination_that_is_gone_gets_nothing_more_until_its_address_changes(
    place: Place, receiver: WebhookReceiver, other: WebhookReceiver, caplog: pytest.LogCaptureFixture
) -> None:
    """By later processes neither; one ERROR says so, and no secret."""
    receiver.answer(410)
    with place.open(receiver.url) as monitor:
        fail(monitor)
        assert not monitor.flush()
    with place.open(receiver.url) as monitor:
        place.clock.advance(100_000)
        fail(monitor)
        monitor.record_success("kraken", "BTC/USD")
        fail(monitor)
        assert not monitor.flush()
    assert len(receiver.messages) == 1
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "HTTP 410" in errors[0]
    assert list(read_alert_state(place.path).gone) == [Destination(receiver.url).id]
    assert "s3cret" not in caplog.text
    moved = place.open(other.url)
    assert moved.flush()
    assert titles(other)


@pytest.mark.parametrize("gone_first", [True, False])
def test_a_destination_that_is_gone_holds_nothing_up_for_the_others(
    place: Place, receiver: WebhookReceiver, other: WebhookReceiver, gone_first: bool
) -> None:
    """What all that are left have got is owed no more, and reminders go on."""
    receiver.answer(410)
    urls = [receiver.url, other.url] if gone_first else [other.url, receiver.url]
    monitor = place.open(urls[0], extra_webhooks=urls[1:], repeat_interval="4h")
    fail(monitor)
    monitor.flush()
    assert monitor.flush()
    assert place.record().owed == ()
    place.clock.advance(14_400)
    fail(monitor, 1)
    assert monitor.flush()
    assert [title.split("]")[0] for title in titles(other)] == ["[FIRING", "[STILL FIRING"]
    assert len(receiver.messages) == 1


def test_a_destination_that_left_the_configuration_holds_nothing_up_for_the_others(
    place: Place, receiver: WebhookReceiver, other: WebhookReceiver
) -> None:
    """Though it never got what it was owed."""
    receiver.answer(400)
    with place.open(receiver.url, extra_webhooks=[other.url]) as monitor:
        fail(monitor)
        monitor.flush()
        assert len(place.record().owed) == 1
    monitor = place.open(other.url)
    assert monitor.flush()
    assert place.record().owed == ()
    place.clock.advance(14_400)
    fail(monitor, 1)
    assert monitor.flush()
    assert [title.split("]")[0] for title in titles(other)] == ["[FIRING", "[STILL FIRING"]


def test_what_is_owed_to_a_destination_that_is_gone_does_not_grow_without_end(
    place: Place, receiver: WebhookReceiver
) -> None:
    """A flapping job fills the file otherwise: what is over is given up at its age."""
    receiver.answer(410)
    monitor = place.open(receiver.url, outbox_ttl="24h")
    for _ in range(50):
        fail(monitor)
        monitor.record_success("kraken", "BTC/USD")
        monitor.flush()
        place.clock.advance(7200)
    assert len(place.record().owed) <= 2 * 14


def test_a_retry_in_a_later_round_is_signed_anew(place: Place, receiver: WebhookReceiver) -> None:
    """Hours later, say, by another process."""
    receiver.answer(400)
    for _ in range(2):
        with place.open(receiver.url, webhook_secret=SECRET) as monitor:
            if not receiver.messages:
                fail(monitor)
            monitor.flush()
        place.clock.advance(3600)
    first, second = receiver.messages
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) >= 3600
    assert first.headers["webhook-signature"].startswith("v1,")


def test_a_hundred_jobs_that_fail_together_make_one_message(place: Place, receiver: WebhookReceiver) -> None:
    """Which names them all."""
    monitor = place.open(receiver.url, group_window=10)
    pairs = [f"C{number}/USD" for number in range(100)]
    for pair in pairs:
        fail(monitor, 3, pair)
        assert monitor._engine._work() is not None
        place.clock.advance(0.05)
    assert list(receiver.messages) == []
    wait = monitor._engine._work()
    assert wait is not None
    assert wait == pytest.approx(5)
    place.clock.advance(wait)
    assert monitor._engine._work() is None
    (message,) = receiver.messages
    assert message.json["text"].splitlines()[0] == "[100 JOBS] on host-1: 100 firing"
    for pair in pairs:
        assert re.search(rf" kraken/{pair}\b", message.json["text"])
    assert {job["job"] for job in message.json["data"]["jobs"]} == {f"kraken/{pair}" for pair in pairs}


def test_fifty_failures_make_one_message_and_the_success_one_more(place: Place, receiver: WebhookReceiver) -> None:
    """With a look at what is due after each."""
    monitor = place.open(receiver.url)
    for _ in range(50):
        fail(monitor, 1)
        monitor._engine._work()
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]
    monitor.record_success("kraken", "BTC/USD")
    monitor._engine._work()
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} works again on host-1"]
    assert "50 failures" in receiver.messages[1].json["text"]


def test_a_new_address_hears_how_an_open_incident_goes_on(
    place: Place, receiver: WebhookReceiver, other: WebhookReceiver
) -> None:
    """Its reminder and its end, though another was told of its beginning; that one hears no more."""
    with place.open(receiver.url) as monitor:
        fail(monitor)
        assert monitor.flush()
    monitor = place.open(other.url, repeat_interval="4h")
    fail(monitor, 1)
    assert monitor.flush()
    assert other.messages == ()
    place.clock.advance(14_400)
    fail(monitor, 1)
    assert monitor.flush()
    monitor.record_success("kraken", "BTC/USD")
    assert monitor.flush()
    assert [title.split("]")[0] for title in titles(other)] == ["[STILL FIRING", "[RESOLVED"]
    assert len(receiver.messages) == 1


def test_a_monitor_without_an_address_never_acknowledges(place: Place, receiver: WebhookReceiver) -> None:
    """It leaves what is owed to whoever has one, and adds the end."""
    receiver.answer(400)
    with place.open(receiver.url) as monitor:
        fail(monitor)
        monitor.flush()
    with place.open(None) as silent:
        assert silent.flush()
        silent._engine._work()
        silent.record_success("kraken", "BTC/USD")
        assert silent.flush()
    assert [notice.event for notice in place.record().owed] == ["firing", "resolved"]
    place.clock.advance(301)
    assert place.open(receiver.url).flush()
    assert titles(receiver)[1].startswith(f"[RESOLVED] {KEY} ")


def test_a_session_of_the_callers_own_is_used_and_left_open(place: Place, receiver: WebhookReceiver) -> None:
    """For proxies and certificates."""
    closed: list[bool] = []

    class Session(requests.Session):
        @override
        def close(self) -> None:
            closed.append(True)
            super().close()

    session = Session()
    session.headers["X-Mine"] = "yes"
    with place.open(receiver.url, session) as monitor:
        fail(monitor)
        assert monitor.flush()
    assert closed == []
    session.close()
    assert receiver.messages[0].headers["x-mine"] == "yes"
    assert json.loads(receiver.messages[0].body)["type"] == "job.failing"
