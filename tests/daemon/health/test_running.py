"""Runs under way."""

from pathlib import Path

from tests.daemon.health.watching import KEY, NOW, open_monitor

from dccd.daemon.config import AlertConfig
from dccd.daemon.health.running import RunsUnderWay
from dccd.testing import ManualClock


def test_of_two_runs_under_way_the_older_one_counts(tmp_path: Path, clock: ManualClock) -> None:
    """The newer one ends first and leaves the other in sight."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        with monitor.watching(KEY):
            clock.advance(4000)
            with monitor.watching(KEY):
                clock.advance(300)
                assert monitor.check() == [KEY]
            assert [incident.since for incident in monitor._engine.store.snapshot()[KEY].incidents] == [NOW]


def test_a_run_is_under_way_until_its_context_ends(clock: ManualClock) -> None:
    """However it ends; each job has the beginning of its oldest run."""
    runs = RunsUnderWay(clock)
    with runs.running("a"):
        clock.advance(10)
        with runs.running("b"), runs.running("a"):
            assert runs.started_at() == {"a": NOW, "b": NOW + 10}
        assert runs.started_at() == {"a": NOW}
    assert runs.started_at() == {}


def test_the_child_of_a_fork_has_none_of_its_parents_runs(clock: ManualClock) -> None:
    """Their end there, of a copy of the context, disturbs nothing."""
    runs = RunsUnderWay(clock)
    with runs.running("a"):
        runs.renew()
        assert runs.started_at() == {}
        with runs.running("b"):
            assert runs.started_at() == {"b": NOW}
    assert runs.started_at() == {}


def test_a_run_that_began_in_the_future_begins_now(clock: ManualClock) -> None:
    """The clock was set back: its end is not missed for as long."""
    runs = RunsUnderWay(clock)
    with runs.running("a"):
        clock.jump(-86_400)
        assert runs.started_at() == {"a": NOW - 86_400}
        clock.advance(100)
        assert runs.started_at() == {"a": NOW - 86_400}
