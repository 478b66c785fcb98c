"""Monitors whose work a test does by itself, on a clock that stands still."""

from pathlib import Path

from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.testing import ManualClock, WebhookReceiver

NOW = 1_700_000_000.0
KEY = "kraken/BTC/USD"


def open_monitor(path: Path, alerts: AlertConfig, clock: ManualClock) -> HealthMonitor:
    """Return a monitor whose background threads never run, so that the test decides when it works."""
    config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=alerts)
    monitor = HealthMonitor.from_config(config, clock=clock)
    monitor._engine._worker.stop(1)
    monitor._engine._heartbeat.stop(1)
    return monitor


def alerting(url: str, **settings: object) -> AlertConfig:
    """Return settings that send at once."""
    return AlertConfig.model_validate({"webhook_url": url, "group_window": 0, "source": "host-1", **settings})


def titles(receiver: WebhookReceiver) -> list[str]:
    """Return the first lines of the messages that came."""
    return [message.json["text"].splitlines()[0] for message in receiver.messages if message.json]
