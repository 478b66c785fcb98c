"""Pings for an outside watcher."""

import logging
from pathlib import Path

import pytest
from tests.daemon.health.watching import KEY, open_monitor

from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.health.heartbeat import Heartbeat
from dccd.testing import Answer, ManualClock, WebhookReceiver


def test_a_heartbeat_follows_each_look(tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock) -> None:
    """Also while a job is in trouble: one bad pair does not page twice. Without a look there is none."""
    alerts = AlertConfig(heartbeat_url=receiver.url)
    with open_monitor(tmp_path, alerts, clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        monitor._engine._heartbeat.beat()
        assert list(receiver.messages) == []
        monitor.check()
        monitor._engine._heartbeat.beat()
        monitor._engine._heartbeat.beat()
        assert len(receiver.messages) == 1
        clock.advance(10_000)
        assert monitor.check() == [KEY]
        monitor._engine._heartbeat.beat()
    assert [message.body for message in receiver.messages] == [b"", b""]


def test_a_heartbeat_is_sent_in_the_background(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """A look waits for no network."""
    receiver.answer(Answer(delay=3600))
    with HealthMonitor(tmp_path, AlertConfig(heartbeat_url=receiver.url, shutdown_timeout=0)) as monitor:
        assert monitor.check() == []
        assert receiver.wait_for(1)
        receiver.close()


def test_a_heartbeat_that_is_not_taken_is_told_once(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And its return once; the address is not."""
    caplog.set_level(logging.DEBUG)
    url = receiver.url
    with open_monitor(tmp_path, AlertConfig(heartbeat_url=url), clock) as monitor:
        receiver.answer(500, 404, Answer(reset=True), 200, 200)
        for _ in range(5):
            monitor.check()
            monitor._engine._heartbeat.beat()
        receiver.close()
        for _ in range(2):
            monitor.check()
            monitor._engine._heartbeat.beat()
    told = [record for record in caplog.records if record.name == "dccd.daemon.watchdog"]
    assert [record.levelname for record in told] == ["WARNING", "INFO", "WARNING"]
    assert "HTTP 500" in told[0].getMessage()
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(monitor) + repr(AlertConfig(heartbeat_url=url))
    assert "s3cret" not in (tmp_path / ".dccd" / "dccd.log").read_text()


def test_a_ping_is_sent_once_for_each_request(clock: ManualClock) -> None:
    """Several requests before it share one; without a request there is none."""
    sent: list[str] = []
    heartbeat = Heartbeat("https://example.com/ping", sent.append, clock)
    heartbeat.stop(1)
    heartbeat.beat()
    heartbeat.request()
    heartbeat.request()
    for _ in range(2):
        heartbeat.beat()
    assert sent == ["https://example.com/ping"]


def test_a_webhook_that_hangs_holds_up_no_ping(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """An outside watcher would report a process that is well as dead."""
    receiver.answer(Answer(delay=3600))
    alerts = {"webhook_url": receiver.url, "max_consecutive_errors": 1, "group_window": 0, "shutdown_timeout": 0}
    with WebhookReceiver() as watcher:
        config = AlertConfig.model_validate({**alerts, "heartbeat_url": watcher.url})
        with HealthMonitor(tmp_path, config) as monitor:
            monitor.record_failure("kraken", "BTC/USD", error="x")
            assert receiver.wait_for(1)
            for count in (1, 2, 3):
                monitor.check()
                assert watcher.wait_for(count)
