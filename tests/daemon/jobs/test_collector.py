"""Runs of tasks, and what is recorded of them."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.daemon.jobs.flat import NAME, Flat, configured, own, registered

from dccd._compat import override
from dccd.candles import Candle
from dccd.daemon.config import CollectorConfig, HistoJob
from dccd.daemon.health import HealthMonitor
from dccd.daemon.jobs.collector import Collector
from dccd.daemon.jobs.tasks import tasks_of
from dccd.errors import RateLimitedError, SourceRefusedError
from dccd.testing import ManualClock


@pytest.fixture
def source() -> Iterator[Flat]:
    """Return the source of the made-up exchange."""
    with registered(Flat()) as made:
        yield made


def runs(collector: Collector, config: CollectorConfig, seconds: float | None = None) -> list[bool]:
    """Run each task once; return which ended well."""
    return [collector.run(task, seconds).ok for task in tasks_of(config)]


def test_a_job_refused_for_good_is_said_once_and_asked_once_an_hour(
    tmp_path: Path, source: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as failing at every tick, so that its incident opens and stays open; the others go on."""
    clock = ManualClock(1_800_000_000)
    source.trouble["A/B"] = SourceRefusedError("no such pair")
    config = configured(tmp_path, own("A/B", "C/D"), HistoJob(exchange="krakn", pairs=("E/F",)))
    with HealthMonitor.from_config(config, clock=clock) as health, caplog.at_level(logging.WARNING):
        collector = Collector(config, health, clock=clock)
        for _ in range(70):
            assert runs(collector, config, 30.0) == [False, True, False]
            clock.advance(60)
        asked, metrics = [pair for pair, _ in source.asked].count("A/B"), health.get_metrics()
        del source.trouble["A/B"]
        clock.advance(3600)
        assert runs(collector, config, 30.0) == [True, True, False]
        collector.close()
    assert asked == 2
    assert [metrics[f"{NAME}/A/B"].errors_count, metrics["krakn/E/F"].errors_count] == [70, 70]
    assert metrics[f"{NAME}/A/B"].last_error == "SourceRefusedError: no such pair"
    assert [record.message for record in caplog.records] == [
        f"{NAME}/A/B is refused, and asked for again every 1h: no such pair",
        "krakn/E/F is refused, and asked for again every 1h: no exchange is named 'krakn'; did you mean 'kraken'?",
    ]


def test_an_exchange_asked_too_often_is_left_alone_by_all_its_jobs(
    tmp_path: Path, source: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once; a short rest is waited for, in a long one the jobs fail without asking."""
    clock = ManualClock(1_800_000_000)
    config = configured(tmp_path, own("A/B", "C/D", "E/F"))
    with HealthMonitor.from_config(config, clock=clock) as health, caplog.at_level(logging.INFO, "dccd"):
        collector = Collector(config, health, clock=clock)
        source.trouble["A/B"] = RateLimitedError("slow down", 600)
        assert runs(collector, config) == [False, False, False]
        assert runs(collector, config) == [False, False, False]
        assert source.asked == [("A/B", "1m")]
        error = health.get_metrics()[f"{NAME}/C/D"].last_error
        source.trouble.clear()
        clock.advance(590)
        assert runs(collector, config) == [True, True, True]
        assert clock.waits == (10.0,)
        collector.close()
    assert error == f"SourceUnavailableError: {NAME} is left alone until 2027-01-15T08:10:00Z: slow down"
    said = [record.message for record in caplog.records if record.name == "dccd.daemon.collector"]
    assert said[0] == f"{NAME} is left alone by all its jobs, at first until 2027-01-15T08:10:00Z: slow down"
    assert said[1] == f"{NAME} answers again"
    assert [record.levelname for record in caplog.records].count("WARNING") == 2


def test_progress_is_logged_once_a_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However many pages that is."""
    clock = ManualClock(1_800_000_000)

    class Paged(Flat):
        @override
        def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
            for time in range(since - since % -60_000, until, 60_000):
                clock.advance(1)
                yield [(time, 1.0, 1.0, 1.0, 1.0, 0.0)]

    config = configured(tmp_path, own())
    with registered(Paged()), caplog.at_level(logging.INFO, "dccd"):
        collector = Collector(config, clock=clock)
        assert runs(collector, config) == [True]
        collector.close()
    told = [record.message for record in caplog.records if "going on" in record.message]
    assert len(told) == 8
    assert told[0] == f"{NAME}/A/B: collected up to 2027-01-15T00:40:00Z, going on"
    assert caplog.records[-1].message == f"{NAME}/A/B: 500 new candles in 500.0 s"


def test_a_source_stays_open_between_runs_and_is_opened_again_after_a_close(tmp_path: Path) -> None:
    """One for each exchange, as a connection costs a round trip."""
    config = configured(tmp_path, own("A/B", "C/D"))
    collector = Collector(config)
    for _ in range(2):
        with registered(Flat()) as source:
            assert runs(collector, config) == [True, True]
            collector.close()
            collector.close()
        assert (source.opened, source.closed, len(source.asked)) == (1, 1, 2)


def test_a_run_that_gives_way_is_not_complete_and_tells_no_age_of_its_data(tmp_path: Path) -> None:
    """Old candles of a series that is still behind are no incident; the next runs go on where it was."""
    clock = ManualClock(1_800_000_000)

    class Paged(Flat):
        @override
        def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
            for start in range(since - since % -60_000, until, 6_000_000):
                clock.advance(20)
                yield [(time, 1.0, 1.0, 1.0, 1.0, 0.0) for time in range(start, min(until, start + 6_000_000), 60_000)]

    config = configured(tmp_path, own())
    with registered(Paged()), HealthMonitor.from_config(config, clock=clock) as health:
        collector = Collector(config, health, clock=clock)
        (task,) = tasks_of(config)
        first = collector.run(task, 10.0)
        assert (first.ok, first.complete, first.rows) == (True, False, 100)
        assert health.get_metrics()[task.key].newest_at is None
        last = collector.run(task)
        assert (last.complete, last.newest is not None) == (True, True)
        assert health.get_metrics()[task.key].newest_at == (last.newest or 0) / 1000 + 60
        collector.close()


def test_candles_that_the_exchange_lacks_are_counted_as_missing(tmp_path: Path) -> None:
    """Those between others that it gave."""

    class Holed(Flat):
        @override
        def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
            for page in super().pages(pair, timeframe, since, until):
                yield [*page[:10], *page[13:]]

    config = configured(tmp_path, own())
    with registered(Holed()), HealthMonitor.from_config(config) as health:
        collector = Collector(config, health)
        (result,) = [collector.run(task) for task in tasks_of(config)]
        collector.close()
        assert sum(gap.missing for gap in result.gaps) == 3
        assert health.get_metrics()[result.key].rows_missing == 3


def test_without_a_monitor_a_failure_is_logged(tmp_path: Path, source: Flat, caplog: pytest.LogCaptureFixture) -> None:
    """Once at WARNING; what an exchange that refuses for good says again is at DEBUG."""
    source.trouble["A/B"] = SourceRefusedError("no such pair")
    config = configured(tmp_path, own())
    collector = Collector(config, clock=ManualClock(1_800_000_000))
    with caplog.at_level(logging.DEBUG, "dccd.daemon.collector"):
        assert runs(collector, config) == [False]
        assert runs(collector, config) == [False]
    collector.close()
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", f"{NAME}/A/B failed: no such pair"),
        ("DEBUG", f"{NAME}/A/B failed: no such pair"),
    ]
