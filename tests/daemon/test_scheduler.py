"""Jobs run once and by the clock."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dccd._compat import override
from dccd.candles import Candle, CandleStore, Series, register_source, unregister_source
from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.scheduler import build_histo_scheduler, run_histo_job, run_once
from dccd.errors import SourceRefusedError
from dccd.testing import Answer, LoopbackExchange
from dccd.units import parse_timeframe

NAME = "made-up"


class Flat:
    """A source of ours: candles of one price, or trouble."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.came = threading.Event()
        self.closed = 0
        self.trouble: dict[str, BaseException] = {}
        self.hold: threading.Event | None = None

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield one page."""
        self.asked.append((pair, timeframe))
        self.came.set()
        if self.hold is not None:
            self.hold.wait(20)
        if pair in self.trouble:
            raise self.trouble[pair]
        step = parse_timeframe(timeframe) * 1000
        yield [(time, 1.0, 1.0, 1.0, 1.0, 0.0) for time in range(since - since % -step, until, step)]

    def close(self) -> None:
        """Count."""
        self.closed += 1


@pytest.fixture
def source() -> Iterator[Flat]:
    """Register a source of ours."""
    made = Flat()
    register_source(NAME, lambda _: made)
    yield made
    unregister_source(NAME)


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    """Return an exchange that serves."""
    with LoopbackExchange() as serving:
        yield serving


def configured(path: Path, *jobs: HistoJob) -> CollectorConfig:
    """Return a configuration of jobs."""
    return CollectorConfig(storage=StorageConfig(local_path=path, fsync=False), histo_jobs=jobs)


def own(*pairs: str, timeframe: str = "1m") -> HistoJob:
    """Return a job of our own source."""
    return HistoJob(exchange=NAME, pairs=pairs or ("A/B",), timeframe=timeframe)


def test_a_pair_that_fails_stops_no_other(tmp_path: Path, exchange: LoopbackExchange) -> None:
    """Each has its result, in the order of the configuration, and its record."""
    exchange.fail("ETH/USDT", status=400, body={"code": -1121, "msg": "Invalid symbol."})
    config = configured(
        tmp_path,
        HistoJob(exchange="binance", pairs=("ETH/USDT", "NO/SUCH", "BTC/USDT"), base_url=exchange.url),
        HistoJob(exchange="kraken", pairs=("BTC/USD",), base_url=exchange.url),
        HistoJob(exchange="no-such-exchange", pairs=("BTC/USD",)),
    )
    with HealthMonitor.from_config(config) as health:
        results = run_once(config, health)
        metrics = health.get_metrics()
    assert [(result.key, result.ok) for result in results] == [
        ("binance/ETH/USDT", False),
        ("binance/NO/SUCH", False),
        ("binance/BTC/USDT", True),
        ("kraken/BTC/USD", True),
        ("no-such-exchange/BTC/USD", False),
    ]
    for result in results:
        assert metrics[result.key].errors_count == (0 if result.ok else 1)
        assert metrics[result.key].rows_collected == result.rows == (500 if result.ok else 0)
        assert (result.error is None) == result.ok
        assert metrics[result.key].last_duration is not None


def test_an_error_that_looks_like_an_answer_is_a_failure(tmp_path: Path, exchange: LoopbackExchange) -> None:
    """HTTP 200 with an error of the exchange."""
    exchange.fail("BTC/USD", status=200, body={"error": ["EQuery:Unknown asset pair"]})
    config = configured(tmp_path, HistoJob(exchange="kraken", pairs=("BTC/USD",), base_url=exchange.url))
    with HealthMonitor.from_config(config) as health:
        (result,) = run_once(config, health)
        assert health.get_metrics()["kraken/BTC/USD"].errors_count == 1
    assert not result.ok


def test_rows_are_the_candles_that_are_new(tmp_path: Path, source: Flat) -> None:
    """A second run that brings nothing new succeeds with none."""
    config = configured(tmp_path, own())
    with HealthMonitor.from_config(config) as health:
        first, second = run_once(config, health)[0], run_once(config, health)[0]
        assert (first.rows, second.ok) == (500, True)
        assert second.rows <= 1
        assert health.get_metrics()[f"{NAME}/A/B"].rows_collected == first.rows + second.rows
    stored = CandleStore(tmp_path).read(Series(NAME, "A/B", "1m"))
    assert stored.num_rows == first.rows + second.rows
    assert source.closed == 2


def test_two_timeframes_of_a_pair_have_records_of_their_own(tmp_path: Path, source: Flat) -> None:
    """A healthy one cannot end the streak of a dead one."""
    config = configured(tmp_path, own(timeframe="1h"), own(timeframe="1m"))
    with HealthMonitor.from_config(config) as health:
        run_once(config, health)
        assert set(health.get_metrics()) == {f"{NAME}/A/B", f"{NAME}/A/B@1m"}
        health.record_failure(NAME, "A/B")
        run_histo_job(config, config.histo_jobs[1], "A/B", health)
        metrics = health.get_metrics()
    assert metrics[f"{NAME}/A/B"].errors_count == 1
    assert metrics[f"{NAME}/A/B@1m"].runs == 2


def test_nobody_need_watch(tmp_path: Path, source: Flat) -> None:
    """Without a monitor candles are stored and failures are results; no metrics are written."""
    source.trouble["C/D"] = ZeroDivisionError("odd")
    config = configured(tmp_path, own("A/B", "C/D"))
    good, bad = run_once(config)
    assert (good.ok, good.rows, good.newest is not None) == (True, 500, True)
    assert (bad.ok, bad.error) == (False, "ZeroDivisionError: odd")
    assert not (tmp_path / ".dccd" / "metrics.json").exists()


def test_our_own_errors_are_told_without_a_traceback(
    tmp_path: Path, source: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    """An exchange that refuses is news, a bug is more than that."""
    source.trouble |= {"A/B": SourceRefusedError("no such pair"), "C/D": ZeroDivisionError("odd")}
    config = configured(tmp_path, own("A/B", "C/D"))
    with HealthMonitor.from_config(config) as health:
        run_once(config, health)
        assert health.get_metrics()[f"{NAME}/A/B"].last_error == "SourceRefusedError: no such pair"
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [f"{NAME}/C/D: unexpected error"]


def test_a_job_that_is_not_configured_is_a_mistake(tmp_path: Path) -> None:
    """Of the caller, so it raises."""
    config = configured(tmp_path, own())
    with pytest.raises(ValueError, match="no job"):
        run_histo_job(config, config.histo_jobs[0], "C/D")


def test_a_configuration_without_jobs_is_done_at_once(tmp_path: Path) -> None:
    """And its scheduler has none."""
    config = configured(tmp_path)
    assert run_once(config) == []
    assert build_histo_scheduler(config).get_jobs() == []


def test_a_stop_ends_a_run_and_is_no_failure(tmp_path: Path) -> None:
    """Though the exchange is being asked again and again."""
    asked = threading.Event()

    class Telling(LoopbackExchange):
        @override
        def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
            if "klines" in target:
                asked.set()
            return super().respond(method, target, headers, body)

    with Telling() as exchange:
        exchange.fail("BTC/USDT", status=503)
        _stop(tmp_path, exchange, asked)


def _stop(tmp_path: Path, exchange: LoopbackExchange, asked: threading.Event) -> None:
    config = configured(tmp_path, HistoJob(exchange="binance", pairs=("BTC/USDT",), base_url=exchange.url))
    stop = threading.Event()
    with HealthMonitor.from_config(config) as health:
        runner = threading.Thread(target=run_once, args=(config, health), kwargs={"stop": stop})
        runner.start()
        assert asked.wait(20)
        stop.set()
        runner.join(10)
        assert not runner.is_alive()
        assert health.get_metrics().get("binance/BTC/USDT") is None


def test_progress_is_told_by_page(tmp_path: Path, source: Flat) -> None:
    """With the key, the count, and how far it has come."""
    told: list[tuple[str, int, int, int]] = []
    config = configured(tmp_path, own())
    run_once(config, progress=lambda *values: told.append(values))
    ((key, fetched, reached, until),) = told
    assert (key, fetched) == (f"{NAME}/A/B", 500)
    assert 0 <= until - reached < 120_000


@pytest.mark.parametrize("timeframe", ["1s", "1m", "5m", "1h", "4h", "1d", "3d", "1w", "2w"])
def test_a_job_runs_after_each_close(tmp_path: Path, timeframe: str) -> None:
    """Five seconds, whatever the time the process began; weeks begin on Monday."""
    config = configured(tmp_path, own(timeframe=timeframe))
    (job,) = build_histo_scheduler(config).get_jobs()
    seconds = config.histo_jobs[0].seconds
    now = datetime(2026, 11, 18, 13, 37, 11, 500_000, tzinfo=UTC)
    first = job.trigger.get_next_fire_time(None, now)
    assert timedelta(0) <= first - now <= timedelta(seconds=seconds)
    assert job.trigger.get_next_fire_time(first, first) - first == timedelta(seconds=seconds)
    closed = first - timedelta(seconds=5)
    if timeframe.endswith("w"):
        assert (closed.weekday(), closed.hour, closed.minute, closed.second) == (0, 0, 0, 0)
    else:
        assert closed.timestamp() % seconds == 0


def test_jobs_are_named_by_their_keys_and_share_a_worker_by_exchange(tmp_path: Path) -> None:
    """So that the rate limit of an exchange holds."""
    config = configured(
        tmp_path, own("A/B", "C/D"), own(timeframe="1h"), HistoJob(exchange="kraken", pairs=("BTC/USD",))
    )
    scheduler = build_histo_scheduler(config)
    scheduler.start(paused=True)
    jobs = scheduler.get_jobs()
    scheduler.shutdown()
    assert {(job.id, job.executor) for job in jobs} == {
        (f"{NAME}/A/B", NAME),
        (f"{NAME}/C/D", NAME),
        (f"{NAME}/A/B@1h", NAME),
        ("kraken/BTC/USD", "kraken"),
    }
    assert all((job.max_instances, job.coalesce, job.misfire_grace_time) == (1, True, None) for job in jobs)


def test_a_scheduler_starts_at_once_and_closes_what_it_opened(tmp_path: Path, source: Flat) -> None:
    """Nobody waits a week for the first weekly candle."""
    config = configured(tmp_path, own(timeframe="1w"))
    with HealthMonitor.from_config(config) as health:
        scheduler = build_histo_scheduler(config, health)
        assert source.asked == []
        scheduler.start()
        assert source.came.wait(10)
        scheduler.shutdown(wait=True)
        assert health.get_metrics()[f"{NAME}/A/B"].runs == 1
    assert source.asked == [("A/B", "1w")]
    assert source.closed == 1


def test_a_failing_job_alerts_nobody_else(tmp_path: Path, source: Flat) -> None:
    """The threshold of a job is its own."""
    source.trouble["A/B"] = SourceRefusedError("no")
    config = CollectorConfig(
        storage=StorageConfig(local_path=tmp_path),
        alerts=AlertConfig(max_consecutive_errors=100),
        histo_jobs=(own("A/B", "C/D"),),
    )
    with HealthMonitor.from_config(config) as health:
        for _ in range(3):
            run_once(config, health)
        metrics = health.get_metrics()
    assert (metrics[f"{NAME}/A/B"].errors_count, metrics[f"{NAME}/C/D"].errors_count) == (3, 0)
