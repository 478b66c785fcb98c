"""Random outcomes, time, restarts and crashes: no incident is lost, none invented, none told under two identifiers."""

import shutil
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dccd._compat import override
from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.testing import ManualClock, WebhookReceiver

PAIRS = ("A/B", "C/D", "E/F")
THRESHOLD = 2


class CrashError(BaseException):
    """The process ends here, as by kill -9."""


class FatalSession(requests.Session):
    """Ends the process before or after the next request, if told to."""

    crash: str | None = None

    @override
    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        crash, self.crash = self.crash, None
        if crash == "before":
            raise CrashError
        response = super().post(*args, **kwargs)
        if crash == "after":
            response.close()
            raise CrashError
        return response


class Alerting(RuleBasedStateMachine):
    """A monitor beside a model of what its receiver must have been told in the end."""

    @initialize()
    def begin(self) -> None:
        """Start with an empty directory and a receiver that answers."""
        self.path = Path(tempfile.mkdtemp())
        self.receiver = WebhookReceiver()
        self.receiver.start()
        self.clock = ManualClock()
        self.session = FatalSession()
        self.streaks: dict[str, int] = dict.fromkeys(PAIRS, 0)
        self.alerted: set[str] = set()
        self.episodes: dict[str, int] = dict.fromkeys(PAIRS, 0)
        self.open()

    def open(self) -> None:
        """Open the monitor of a new process; its background thread never runs, as the test delivers."""
        config = CollectorConfig(
            storage=StorageConfig(local_path=self.path, fsync=False),
            alerts=AlertConfig(webhook_url=self.receiver.url, max_consecutive_errors=THRESHOLD, repeat_interval=0),
            log=LogConfig(file="off"),
        )
        self.monitor = HealthMonitor.from_config(config, session=self.session, clock=self.clock)
        self.monitor._worker.stop(1)

    def die(self) -> None:
        """Leave the monitor as a kill does: without a last word."""
        from dccd.daemon import health

        health._open.discard(self.monitor)
        self.monitor._undo.close()
        self.monitor._secrets.close()

    @rule(pair=st.sampled_from(PAIRS))
    def fail(self, pair: str) -> None:
        """A job fails."""
        self.monitor.record_failure("x", pair, error="no answer")
        self.streaks[pair] += 1
        if self.streaks[pair] == THRESHOLD:
            self.alerted.add(pair)
            self.episodes[pair] += 1

    @rule(pair=st.sampled_from(PAIRS))
    def succeed(self, pair: str) -> None:
        """A job succeeds."""
        self.monitor.record_success("x", pair)
        self.streaks[pair] = 0
        self.alerted.discard(pair)

    @rule(seconds=st.sampled_from([1, 30, 400, 4000, -50]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, or the clock is set back."""
        if seconds > 0:
            self.clock.advance(seconds)
        else:
            self.clock.jump(seconds)

    @rule()
    def deliver(self) -> None:
        """Alerts are sent."""
        self.monitor._outbox.deliver(window=0.0)

    @rule(status=st.sampled_from([500, 429, 400]))
    def refuse(self, status: int) -> None:
        """The receiver has a bad minute."""
        self.receiver.answer(*[status] * 5)

    @rule(crash=st.sampled_from(["before", "after"]))
    def crash(self, crash: str) -> None:
        """The process is killed around a request, if there is one, and another takes over."""
        self.session.crash = crash
        with suppress(CrashError):
            self.monitor._outbox.deliver(window=0.0)
        self.session.crash = None
        self.die()
        self.open()

    @rule()
    def restart(self) -> None:
        """The process ends in order, and another takes over."""
        self.monitor.close()
        self.open()

    @precondition(lambda self: hasattr(self, "monitor"))
    @invariant()
    def counts_are_those_of_the_model(self) -> None:
        """Whatever happens to alerts, metrics are right."""
        metrics = self.monitor.get_metrics()
        for pair, streak in self.streaks.items():
            known = metrics.get(f"x/{pair}")
            assert (known.errors_count if known else 0) == streak

    @override
    def teardown(self) -> None:
        """In the end all is well again, and the receiver has been told everything once."""
        if not hasattr(self, "monitor"):
            return
        try:
            with self.receiver._lock:
                self.receiver._script.clear()
            for _ in range(20):
                self.clock.advance(4000)
                if self.monitor.flush(60):
                    break
            assert not self.monitor._outbox.owes()
            self.check()
        finally:
            self.monitor.close()
            self.receiver.close()
            shutil.rmtree(self.path)

    def check(self) -> None:
        """Compare what was received with the model."""
        messages_of: dict[str, set[str]] = defaultdict(set)
        told: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for message in self.receiver.messages:
            for job in message.json["data"]["jobs"]:
                messages_of[f"{job['job']} {job['notice']}"].add(message.headers["webhook-id"])
                told[job["job"]][job["incident"]].add(job["event"])
        assert all(len(ids) == 1 for ids in messages_of.values())
        for pair in PAIRS:
            incidents = told[f"x/{pair}"]
            assert len(incidents) == self.episodes[pair]
            unresolved = [name for name, events in incidents.items() if "resolved" not in events]
            assert len(unresolved) == (pair in self.alerted)


Alerting.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAlerting = Alerting.TestCase
