"""A directory with monitors whose alerts a test sends by itself."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import requests
from tests.daemon.alerts.sent import KEY

from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records.model import JobRecord
from dccd.daemon.state.silences import AlertState, Silence, change_alert_state
from dccd.testing import ManualClock, WebhookReceiver


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


def fail(monitor: HealthMonitor, times: int = 3, pair: str = "BTC/USD") -> None:
    """Record failures in a row."""
    for _ in range(times):
        monitor.record_failure("kraken", pair, error="TimeoutError: no answer")


def titles(receiver: WebhookReceiver) -> list[str]:
    """Return the first lines of the messages that came."""
    return [message.json["text"].splitlines()[0] for message in receiver.messages]
