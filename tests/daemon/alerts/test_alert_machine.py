"""Random outcomes, time, restarts and crashes: no incident is lost, none invented, none told under two identifiers."""

import json
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
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

PAIRS = ("A/B", "C/D")
STEPS = 10


class CrashError(BaseException):
    """The process ends here, as by kill -9."""


class Fuse:
    """Ends the process at a step: before or after a commit, before or after a request."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.commits = 0
        self.accepted: Counter[tuple[str, str]] = Counter()
        self.unacknowledged: set[tuple[str, str]] = set()
        self.in_doubt: set[tuple[str, str]] = set()

    def step(self) -> None:
        """Go on, or end it."""
        if self.left is None:
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            self.in_doubt |= self.unacknowledged
            self.unacknowledged = set()
            raise CrashError

    def around(self, update: Callable[..., Any]) -> Callable[..., Any]:
        """Return a commit that may be the last."""

        def stepping(changes: Any) -> Any:
            self.step()
            after = update(changes)
            self.commits += 1
            self.unacknowledged = set()
            self.step()
            return after

        return stepping


class FatalSession(requests.Session):
    """Makes requests that may be the last."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self.fuse = fuse

    @override
    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.fuse.step()
        response = super().post(*args, **kwargs)
        if response.ok:
            told = {(job["job"], job["notice"]) for job in json.loads(kwargs["data"])["data"]["jobs"]}
            self.fuse.accepted.update(told)
            self.fuse.unacknowledged |= told
        try:
            self.fuse.step()
        except CrashError:
            response.close()
            raise
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
        self.fuse = Fuse()
        self.session = FatalSession(self.fuse)
        self.threshold = 2
        self.streaks: dict[str, int] = dict.fromkeys(PAIRS, 0)
        self.alerted: set[str] = set()
        self.episodes: dict[str, int] = dict.fromkeys(PAIRS, 0)
        self.open()

    def open(self) -> None:
        """Open the monitor of a new process; its background thread never runs, as the test delivers."""
        config = CollectorConfig(
            storage=StorageConfig(local_path=self.path, fsync=False),
            alerts=AlertConfig(
                webhook_url=self.receiver.url, max_consecutive_errors=self.threshold, repeat_interval="1h"
            ),
            log=LogConfig(file="off"),
        )
        self.monitor = HealthMonitor.from_config(config, session=self.session, clock=self.clock)
        self.monitor._engine._worker.stop(1)
        store: Any = self.monitor._engine.store
        store.commit = self.fuse.around(store.commit)

    def die(self) -> None:
        """Leave the monitor as a kill does: without a last word."""
        from dccd.exit_hooks import opened

        opened.discard(self.monitor)
        self.monitor._engine._undo.close()
        self.monitor._engine._secrets.close()

    def until(self, step: int | None, act: Callable[[], object]) -> bool:
        """Do something until it is done, or the process is killed at a step and another takes over; say which."""
        self.fuse.left = step
        try:
            act()
        except CrashError:
            self.die()
            self.open()
            return False
        finally:
            self.fuse.left = None
        return True

    @rule(pair=st.sampled_from(PAIRS), times=st.integers(1, 3), step=st.none() | st.integers(0, 1))
    def fail(self, pair: str, times: int, step: int | None) -> None:
        """A job fails; a process that is killed over the last time may have recorded it and may not."""
        for time in range(1, times + 1):
            before = self.fuse.commits
            last = step if time == times else None
            self.until(last, lambda: self.monitor.record_failure("x", pair, error="no answer"))
            if self.fuse.commits == before:
                return
            self.streaks[pair] += 1
            if self.streaks[pair] >= self.threshold and pair not in self.alerted:
                self.alerted.add(pair)
                self.episodes[pair] += 1

    @rule(pair=st.sampled_from(PAIRS), step=st.none() | st.integers(0, 1))
    def succeed(self, pair: str, step: int | None) -> None:
        """A job succeeds, likewise."""
        before = self.fuse.commits
        self.until(step, lambda: self.monitor.record_success("x", pair))
        if self.fuse.commits == before:
            return
        self.streaks[pair] = 0
        self.alerted.discard(pair)

    @rule(seconds=st.sampled_from([1, 30, 400, 4000, -50]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, or the clock is set back."""
        if seconds > 0:
            self.clock.advance(seconds)
        else:
            self.clock.jump(seconds)

    @rule(step=st.none() | st.integers(0, STEPS))
    def deliver(self, step: int | None) -> None:
        """Alerts are sent, until the process is killed between two steps of that."""
        self.until(step, lambda: self.monitor._engine.outbox.deliver(window=0.0))

    @rule(status=st.sampled_from([500, 429, 400]))
    def refuse(self, status: int) -> None:
        """The receiver has a bad minute."""
        self.receiver.answer(*[status] * 5)

    @rule(threshold=st.integers(1, 3), step=st.none() | st.integers(0, STEPS))
    def restart(self, threshold: int, step: int | None) -> None:
        """The process ends in order, or is killed over it, and another takes over that may think otherwise."""
        self.threshold = threshold
        if self.until(step, self.monitor.close):
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
            assert not self.monitor._engine.outbox.owes()
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
        twice = {notice for notice, times in self.fuse.accepted.items() if times > 1}
        assert twice <= self.fuse.in_doubt
        for pair in PAIRS:
            incidents = told[f"x/{pair}"]
            assert len(incidents) == self.episodes[pair]
            unresolved = [name for name, events in incidents.items() if "resolved" not in events]
            assert len(unresolved) == (pair in self.alerted)


Alerting.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestAlerting = Alerting.TestCase
