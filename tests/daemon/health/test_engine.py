"""A monitor that looks at the clock: what it finds, tells and hands on."""

import logging
from functools import partial
from pathlib import Path

import pytest
from tests.daemon.health.watching import KEY, NOW, alerting, open_monitor, titles

from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records.model import Outcome
from dccd.daemon.records.policy import advance
from dccd.daemon.state.store import MetricsStore
from dccd.disk.state_directory import STATE_DIRECTORY
from dccd.testing import ManualClock, WebhookReceiver


def test_a_look_finds_a_run_that_never_came_and_tells_it(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, at WARNING and to the webhook; the run that comes ends it."""
    caplog.set_level(logging.INFO, "dccd")
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == []
        clock.advance(4201)
        assert monitor.check() == [KEY]
        assert monitor.check() == [KEY]
        assert monitor.flush()
        assert titles(receiver) == [f"[FIRING] {KEY} has not run on host-1"]
        monitor.record_success("kraken", "BTC/USD")
        assert monitor.check() == []
        assert monitor.flush()
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} runs again on host-1"]
    assert caplog.text.count(f"{KEY}: stale since") == 1


def test_a_job_with_a_timeframe_is_expected_under_its_own_key(tmp_path: Path, clock: ManualClock) -> None:
    """The run of another timeframe does not count for it."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1m", grace="1m", timeframe="1m")
        clock.advance(200)
        monitor.record_success("kraken", "BTC/USD", timeframe="1h")
        assert monitor.check() == [f"{KEY}@1m"]
        monitor.record_success("kraken", "BTC/USD", timeframe="1m")
        assert monitor.check() == []


@pytest.mark.parametrize("grace", [None, "30m"])
def test_without_a_grace_half_the_period_is_one(tmp_path: Path, clock: ManualClock, grace: str | None) -> None:
    """At least a minute."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace=grace)
        monitor.expect("kraken", "ETH/USD", every="10s")
        clock.advance(70)
        assert monitor.check() == []
        clock.advance(1)
        assert monitor.check() == ["kraken/ETH/USD"]
        clock.advance(5400 - 71)
        assert monitor.check() == ["kraken/ETH/USD"]
        clock.advance(1)
        assert sorted(monitor.check()) == [KEY, "kraken/ETH/USD"]


@pytest.mark.parametrize("every", ["soon", "-1h", -1.0, float("nan")])
def test_a_period_that_is_none_is_refused(tmp_path: Path, clock: ManualClock, every: float | str) -> None:
    """At once, and nothing is expected then."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        with pytest.raises(ValueError, match="duration"):
            monitor.expect("kraken", "BTC/USD", every=every)
        assert monitor.get_metrics() == {}


def test_a_restart_gives_no_job_more_time(tmp_path: Path, clock: ManualClock) -> None:
    """What counts is the last run on the disk, not when the process began."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        monitor.record_success("kraken", "BTC/USD")
    clock.advance(4201)
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == [KEY]


def test_a_run_from_before_anyone_expected_it_counts(tmp_path: Path, clock: ManualClock) -> None:
    """A process that begins to expect is no reason to wait anew."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.record_success("kraken", "BTC/USD")
    clock.advance(4201)
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == [KEY]


def test_a_job_that_never_ran_has_the_time_since_it_was_first_expected(tmp_path: Path, clock: ManualClock) -> None:
    """A process restarted each half hour does not put it off for ever."""
    for _ in range(3):
        with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
            monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
            assert monitor.check() == []
        clock.advance(1800)
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == [KEY]


def test_a_restart_repeats_no_late_run(tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock) -> None:
    """The incident is on the disk."""
    for _ in range(3):
        with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
            monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
            clock.advance(4201)
            monitor.check()
    assert titles(receiver) == [f"[FIRING] {KEY} has not run on host-1"]


def test_two_monitors_that_look_find_one_incident(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock
) -> None:
    """And tell it once."""
    with (
        open_monitor(tmp_path, alerting(receiver.url), clock) as one,
        open_monitor(tmp_path, alerting(receiver.url), clock) as other,
    ):
        one.expect("kraken", "BTC/USD", every="1h", grace="10m")
        clock.advance(4201)
        assert one.check() == other.check() == [KEY]
        assert one.flush()
        assert other.flush()
    assert len(receiver.messages) == 1


def test_a_run_that_does_not_end_is_found_while_it_is_under_way(tmp_path: Path, clock: ManualClock) -> None:
    """Its end closes the incident, also when it fails."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        with monitor.track("kraken", "BTC/USD"):
            clock.advance(4200)
            assert monitor.check() == []
            clock.advance(1)
            assert monitor.check() == [KEY]
            (incident,) = monitor._engine.store.snapshot()[KEY].incidents
            assert (incident.kind, incident.since) == ("overrun", NOW)
        assert monitor.check() == []


def test_a_scheduler_expects_its_own_jobs_only(tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock) -> None:
    """A job that leaves its configuration is retired; what a library user expects is not."""
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect("mine", "A/B", every="1h", grace="10m")
        monitor.expect_only({KEY: (3600, 10_800), "kraken/ETH/USD": (3600, 10_800)})
        clock.advance(10_000)
        assert sorted(monitor.check()) == [KEY, "kraken/ETH/USD", "mine/A/B"]
        assert monitor.flush()
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect_only({"kraken/ETH/USD": (3600, 10_800)})
        assert sorted(monitor.check()) == ["kraken/ETH/USD", "mine/A/B"]
        assert monitor._engine.store.snapshot()[KEY].expected is None
        assert monitor.flush()
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} is configured no more on host-1"]


def test_the_scheduler_says_how_old_data_may_be(tmp_path: Path, clock: ManualClock) -> None:
    """By seconds beside the period."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect_only({KEY: (3600, 7200)})
        for _ in range(3):
            monitor.record_success("kraken", "BTC/USD", newest_at=NOW)
            assert monitor.check() == []
            clock.advance(3600)
        assert monitor.check() == [KEY]
        monitor.record_success("kraken", "BTC/USD", newest_at=clock.time())
        assert monitor.check() == []


def test_a_clock_set_back_finds_nothing_and_loses_nothing(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock
) -> None:
    """By a year, say."""
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m", max_age="2h")
        monitor.record_success("kraken", "BTC/USD", newest_at=NOW)
        clock.jump(-365 * 86_400)
        assert monitor.check() == []
        with monitor.watching(KEY):
            clock.jump(-86_400)
            assert monitor.check() == []
        assert monitor.flush()
    assert receiver.messages == ()


def test_a_look_sends_what_a_process_that_is_gone_left_owed(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """A monitor that owes nothing itself would otherwise not see it before its own end."""
    alerts = alerting(receiver.url)
    with HealthMonitor(tmp_path, alerts) as monitor:
        failed = partial(advance, outcome=Outcome(ok=False, max_consecutive_errors=1), alerts=alerts, now=NOW)
        MetricsStore(tmp_path / STATE_DIRECTORY).update({KEY: failed})
        assert monitor.check() == [KEY]
        assert receiver.wait_for(1)
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]
