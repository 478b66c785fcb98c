"""A courier for each destination."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.daemon.alerts.places import titles
from tests.daemon.alerts.sent import MESSAGE

from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.alerts.couriers import Couriers
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.outbox import Outbox
from dccd.daemon.alerts.sending import NotSentError
from dccd.daemon.config import AlertConfig
from dccd.daemon.records.model import Outcome
from dccd.daemon.records.policy import advance
from dccd.daemon.state.store import MetricsStore
from dccd.testing import Answer, ManualClock, WebhookReceiver


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that does not wait."""
    return ManualClock()


@pytest.fixture
def couriers(clock: ManualClock) -> Iterator[Couriers]:
    """Return the couriers of two destinations."""
    made = Couriers(("a", "b"), "host-1", None, clock, None)
    yield made
    made.close()


def test_calls_are_made_at_the_same_time(couriers: Couriers) -> None:
    """Each waits for the other here, so that one after the other would never end."""
    meeting = threading.Barrier(2, timeout=20)
    threads: set[int] = set()

    def call() -> None:
        threads.add(threading.get_ident())
        meeting.wait()

    couriers.side_by_side([call, call])
    assert len(threads) == 2
    assert threading.get_ident() in threads


def test_an_error_of_one_call_is_raised_after_all_have_ended(couriers: Couriers) -> None:
    """The others are not cut short by it."""
    ended, failed = [], threading.Event()

    def broken() -> None:
        failed.set()
        raise ZeroDivisionError

    def late() -> None:
        failed.wait(20)
        ended.append("late")

    with pytest.raises(ZeroDivisionError):
        couriers.side_by_side([broken, late])
    assert ended == ["late"]


def test_each_destination_has_a_courier_of_its_own_until_a_fork(couriers: Couriers) -> None:
    """A child makes its own, as it must not use the connections of its parent, and is in no hurry."""
    first = couriers["a"]
    assert couriers["a"] is first is not couriers["b"]
    couriers.hurry(5.0)
    couriers.renew()
    assert couriers["a"] is not first
    assert couriers.until == float("inf")


def test_a_hurry_reaches_every_courier(couriers: Couriers, clock: ManualClock, receiver: WebhookReceiver) -> None:
    """A server that asks for ten seconds is not asked again within five, and again once there is time."""
    asks = Answer(503, headers={"Retry-After": "10"})
    receiver.answer(asks, asks)
    couriers.hurry(clock.monotonic() + 5)
    for name in "ab":
        with pytest.raises(NotSentError):
            couriers[name].send(Destination(receiver.url), MESSAGE)
    assert len(receiver.messages) == 2
    receiver.answer(asks)
    couriers.relax()
    clock.advance(10)
    couriers["a"].send(Destination(receiver.url), MESSAGE)
    assert len(receiver.messages) == 4


def test_without_threads_destinations_share_the_time(
    tmp_path: Path, receiver: WebhookReceiver, other: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of the interpreter, when none can be started any more."""
    receiver.answer(*[Answer(delay=3600)] * 5)
    alerts = AlertConfig(webhook_url=receiver.url, extra_webhooks=[other.url], max_consecutive_errors=1)
    store = MetricsStore(tmp_path)
    store.update({"a": partial(advance, outcome=Outcome(ok=False), alerts=alerts, now=time.time())})
    outbox = Outbox(store, alerts, tmp_path, "host-1", SYSTEM_CLOCK)
    outbox._couriers.hurry(time.monotonic())  # loads what makes threads of its own
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
