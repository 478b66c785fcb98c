"""What a daemon is made of, and what the next one takes over."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dccd.candles import Candle, register_source, unregister_source
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.config import CollectorConfig, HistoJob, LogConfig, StorageConfig
from dccd.daemon.process.runtime import Runtime
from dccd.daemon.records import Presence


class Deaf:
    """A source that answers nothing and does not notice that it should stop, until it is let go."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.let_go = threading.Event()

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[list[Candle]]:
        """Wait."""
        self.asked.set()
        self.let_go.wait(60)
        yield []

    def close(self) -> None:
        """Let go."""


DONE, NEW, CHANGED = "kraken/BTC/USD", "kraken/SOL/USD", "binance/BTC/USDT"


def config(path: Path, *jobs: HistoJob) -> CollectorConfig:
    """Return a configuration without a log file."""
    return CollectorConfig(
        storage=StorageConfig(local_path=path, fsync=False), log=LogConfig(file="off"), histo_jobs=jobs
    )


def runtime(config: CollectorConfig) -> Runtime:
    """Return one that is not started, so that it asks nobody for anything."""
    return Runtime(config, 30.0, lambda _: None, SYSTEM_CLOCK)


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Runtime]:
    """Return a runtime with three jobs, of which one never ran."""
    made = runtime(
        config(
            tmp_path,
            HistoJob(exchange="kraken", pairs=("BTC/USD", "ETH/USD")),
            HistoJob(exchange="binance", pairs=("BTC/USDT",)),
        )
    )
    made.health.record_success("kraken", "BTC/USD", 1)
    made.health.record_failure("binance", "BTC/USDT", error="no answer")
    yield made
    made.close(0.0)


def test_a_job_whose_last_run_has_ended_is_finished(before: Runtime) -> None:
    """Well or not; one that never ran is not."""
    finished = before.finished_jobs()
    assert set(finished) == {DONE, CHANGED}
    assert finished[DONE] == (before.config.histo_jobs[0], before.next_runs()[DONE])


def test_a_job_whose_run_is_under_way_is_not_finished(before: Runtime) -> None:
    """It is broken off, so it has to run again."""
    with before.health.watching(DONE):
        assert set(before.finished_jobs()) == {CHANGED}
    assert DONE in before.finished_jobs()


def test_only_finished_jobs_that_are_the_same_are_postponed(before: Runtime, tmp_path: Path) -> None:
    """Also when another pair is listed with them; the others run at once."""
    after = runtime(
        config(
            tmp_path,
            HistoJob(exchange="kraken", pairs=("BTC/USD", "SOL/USD")),
            HistoJob(exchange="binance", pairs=("BTC/USDT",), base_url="http://127.0.0.1:9"),
        )
    )
    finished = {key: (job, at.replace(year=at.year + 1)) for key, (job, at) in before.finished_jobs().items()}
    at_once = after.next_runs()
    after.postpone(finished)
    postponed = after.next_runs()
    after.close(0.0)
    assert postponed[DONE] == finished[DONE][1]
    assert (postponed[NEW], postponed[CHANGED]) == (at_once[NEW], at_once[CHANGED])


def test_a_run_that_waits_for_its_turn_is_not_finished(before: Runtime) -> None:
    """The scheduler counts it as begun: it is due a candle later, and its last outcome is older than that."""
    before.postpone({DONE: (before.config.histo_jobs[0], before.next_runs()[DONE].replace(year=2100))})
    assert set(before.finished_jobs()) == {CHANGED}


def test_a_run_that_does_not_end_in_time_is_abandoned_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as that of a source of a user's own that waits for ever."""
    source = Deaf()
    register_source("deaf", lambda _: source)
    made = runtime(config(tmp_path, HistoJob(exchange="deaf", pairs=("A/B",))))
    try:
        made.start(lambda: Presence(1, "0", 0.0, 0.0, "running"))
        assert source.asked.wait(30)
        made.halt(0.1)
        assert made.has_unfinished_runs
        assert "abandoned, as an exchange does not answer: deaf/A/B" in caplog.text
    finally:
        source.let_go.set()
        if made._ending is not None:
            made._ending.join(60)
        made.close(0.0)
        unregister_source("deaf")
    assert not made.has_unfinished_runs
