"""Delivery as an operator meets it: silences, several destinations, signatures, storms."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from dccd._compat import override
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.alerts.courier import Courier
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Item, Message
from dccd.daemon.alerts.sending import NotSentError
from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records.model import JobRecord, Notice
from dccd.daemon.state.silences import AlertState, Silence, change_alert_state, read_alert_state
from dccd.testing import Answer, ManualClock, WebhookReceiver

KEY = "kraken/BTC/USD"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOTICE = Notice("failing-1", 1, "firing", 1_700_000_000.0, "failing", 1_699_999_000.0, failures=3, error="E: broken")
MESSAGE = Message("msg_1", (Item(KEY, (NOTICE,)),))


class Place:
    """A directory, a clock that does not wait, and monitors on them that work when told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self._stack = ExitStack()

    def open(self, url: str | None, session: requests.Session | None = None, **settings: object) -> HealthMonitor:
        """Return a monitor whose background thread never runs."""
        alerts = {"webhook_url": url, "group_window": 0, "source": "host-1", "shutdown_timeout": 0, **settings}
        config = CollectorConfig(
            storage=StorageConfig(local_path=self.path, fsync=False), alerts=AlertConfig.model_validate(alerts)
        )
        monitor = self._stack.enter_context(HealthMonitor.from_config(config, session=session, clock=self.clock))
        monitor._engine._worker.stop(1)
        return monitor

    def silence(self, seconds: float, key: str = KEY) -> None:
        """Silence a job from now on."""
        now = self.clock.time()

        def change(state: AlertState) -> AlertState:
            return replace(state, silences={**state.silences, key: Silence(now + seconds)})

        change_alert_state(self.path, change, now)

    def record(self) -> JobRecord:
        """Return what the disk says of the job."""
        with self.open(None) as monitor:
            return monitor._engine.store.snapshot()[KEY]

    def close(self) -> None:
        """Close all monitors."""
        self._stack.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return an empty place."""
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[WebhookReceiver]:
    """Return another receiver that serves."""
    with WebhookReceiver() as serving:
        yield serving


def fail(monitor: HealthMonitor, times: int = 3, pair: str = "BTC/USD") -> None:
    """Record failures in a row."""
    for _ in range(times):
        monitor.record_failure("kraken", pair, error="TimeoutError: no answer")


def titles(receiver: WebhookReceiver) -> list[str]:
    """Return the first lines of the messages that came."""
    return [message.json["text"].splitlines()[0] for message in receiver.messages]


def send(
    url: str, service: str = "generic", *, secret: str | None = None, clock: ManualClock | None = None, times: int = 1
) -> ManualClock:
    """Send a message, and return the clock that the courier waited by."""
    clock = clock or ManualClock()
    courier = Courier("host-1", secret, clock, None)
    try:
        for _ in range(times):
            courier.send(Destination(url, service), MESSAGE)
    finally:
        courier.close()
    return clock


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


@pytest.mark.parametrize("status", [404, 410])
def test_a_destination_that_is_gone_gets_nothing_more_until_its_address_changes(
    place: Place, receiver: WebhookReceiver, other: WebhookReceiver, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """By later processes neither; one ERROR says so, and no secret."""
    receiver.answer(status)
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
    assert f"HTTP {status}" in errors[0]
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


def test_without_apprise_its_destinations_say_which_extra_is_missing(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The notice stays owed, and the address unsaid; whoever installs it is told at the next try."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    monitor = place.open(None, apprise_urls=["json://127.0.0.1:9/s3cret-token"])
    fail(monitor)
    assert not monitor.flush()
    (notice,) = place.record().owed
    assert notice.told == ()
    assert notice.next_try_at is not None
    (warning,) = [record.getMessage() for record in caplog.records if "not delivered" in record.getMessage()]
    assert "extra apprise is not installed" in warning
    assert "s3cret" not in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise
def test_apprise_brings_a_message_to_what_it_knows(receiver: WebhookReceiver) -> None:
    """Title and text; an address that it does not know is refused for good."""
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    address = receiver.url.replace("http://", "json://")
    send(address, "apprise")
    sent: Any = receiver.messages[0].json
    assert sent["title"].startswith("[FIRING] ")
    assert "3 failures" in sent["message"]
    with pytest.raises(NotSentError, match="does not know") as raised:
        send("nonsense://s3cret-token", "apprise")
    assert not raised.value.retryable


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise
def test_what_apprise_logs_shows_no_token(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither its own lines nor those of what it posts with; those of other threads are left alone."""
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    caplog.set_level(logging.DEBUG)
    send(receiver.url.replace("http://", "json://"), "apprise")
    assert len(receiver.messages) == 1
    assert "s3cret" not in caplog.text
    logging.getLogger("apprise").debug("of somebody else")
    assert "of somebody else" in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise
def test_apprise_is_left_in_time_by_a_server_that_drips(receiver: WebhookReceiver) -> None:
    """The message may have arrived, so that no second try follows at once."""
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    receiver.answer(Answer(body="x" * 1000, drip=0.05))
    courier = Courier("host-1", None, SYSTEM_CLOCK, None)
    began = time.monotonic()
    courier.sender.hurry(began + 2)
    with pytest.raises(NotSentError, match="in time") as raised:
        courier.send(Destination(receiver.url.replace("http://", "json://"), "apprise"), MESSAGE)
    assert not raised.value.retryable
    assert time.monotonic() - began < 10


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
