"""Jobs run once and by the clock."""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler import events
from apscheduler.schedulers.background import BackgroundScheduler
from tests.daemon.jobs.flat import NAME, Flat, configured, own, registered

from dccd._compat import override
from dccd.candles import Candle, CandleStore, Series
from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, ScheduleConfig, StorageConfig
from dccd.daemon.health import HealthMonitor, read_metrics
from dccd.daemon.jobs.collector import Collector
from dccd.daemon.jobs.reschedule import DueAtOnce, make_due
from dccd.daemon.jobs.tasks import Task, tasks_of
from dccd.daemon.scheduler import _Events, build_histo_scheduler, run_histo_job, run_once
from dccd.daemon.state.store import read_records
from dccd.daemon.status import read_overview
from dccd.errors import SourceRefusedError
from dccd.testing import Answer, LoopbackExchange, ManualClock


@pytest.fixture
def source() -> Iterator[Flat]:
    """Return the source of the made-up exchange."""
    with registered(Flat()) as made:
        yield made


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    """Return an exchange that serves."""
    with LoopbackExchange() as serving:
        yield serving


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


def test_a_job_refused_in_a_run_that_comes_once_is_said_as_a_failure(
    tmp_path: Path, source: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody asks for it again in an hour."""
    source.trouble["A/B"] = SourceRefusedError("no such pair")
    config = configured(tmp_path, own("A/B"))
    with HealthMonitor.from_config(config) as health:
        for _ in range(2):
            run_once(config, health)
    assert [record.message for record in caplog.records] == [
        f"{NAME}/A/B failed, {count} in a row: SourceRefusedError: no such pair" for count in (1, 2)
    ]


def test_a_source_that_cannot_be_closed_costs_no_result(
    tmp_path: Path, source: Flat, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What the user wrote may raise; a run tells how the jobs went."""
    monkeypatch.delattr(Flat, "close")
    [result] = run_once(configured(tmp_path, own("A/B")))
    assert result.ok
    assert [record.message for record in caplog.records] == ["a source could not be closed"]


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


def keyed(path: Path, *timeframes: str) -> CollectorConfig:
    """Return a configuration of one pair with a job for each timeframe, in their order."""
    return configured(path, *(own(timeframe=timeframe) for timeframe in timeframes))


def collected(path: Path, *timeframes: str) -> dict[str, str]:
    """Return the key of each timeframe in a run that a monitor watches."""
    config = keyed(path, *timeframes)
    with HealthMonitor.from_config(config) as health:
        return {result.timeframe: result.key.removeprefix(f"{NAME}/A/B") for result in run_once(config, health)}


@pytest.mark.usefixtures("source")
def test_no_order_of_the_jobs_moves_a_record(tmp_path: Path) -> None:
    """One put in front, one taken away and put back, one left alone: each goes on with its own counts."""
    assert collected(tmp_path, "1h") == {"1h": ""}
    assert collected(tmp_path, "1m", "1h") == {"1m": "@1m", "1h": ""}
    assert collected(tmp_path, "1m") == {"1m": "@1m"}
    assert collected(tmp_path, "1d", "1m", "1h") == {"1d": "@1d", "1m": "@1m", "1h": ""}
    found = {key: (record.timeframe, record.metrics.runs) for key, record in read_records(tmp_path).items()}
    assert found == {f"{NAME}/A/B": ("1h", 3), f"{NAME}/A/B@1m": (None, 3), f"{NAME}/A/B@1d": (None, 1)}


@pytest.mark.usefixtures("source")
def test_a_run_that_nobody_watches_has_the_keys_of_the_records(tmp_path: Path) -> None:
    """And writes none; records that cannot be read are no reason not to collect."""
    collected(tmp_path, "1h")
    before = (tmp_path / ".dccd" / "metrics.json").read_bytes()
    assert [result.key for result in run_once(keyed(tmp_path, "1m", "1h"))] == [f"{NAME}/A/B@1m", f"{NAME}/A/B"]
    assert (tmp_path / ".dccd" / "metrics.json").read_bytes() == before
    (tmp_path / ".dccd" / "metrics.json").write_text("damage")
    assert [result.key for result in run_once(keyed(tmp_path, "1m", "1h"))] == [f"{NAME}/A/B", f"{NAME}/A/B@1h"]


def test_of_two_processes_with_other_orders_the_first_has_its_way(tmp_path: Path) -> None:
    """Though both began when there was no record; which limit counts for a job follows its key."""
    one, other = (keyed(tmp_path, *order) for order in (("1h", "1m"), ("1m", "1h")))
    other = other.model_copy(update={"histo_jobs": (own(timeframe="1m"), _patient("1h"))})
    with HealthMonitor.from_config(one) as first, HealthMonitor.from_config(other) as second:
        keys = [
            {job.timeframe: key for key, job, _ in each.claim(config.histo_jobs)}
            for each, config in ((first, one), (second, other))
        ]
        assert keys[0] == keys[1] == {"1h": f"{NAME}/A/B", "1m": f"{NAME}/A/B@1m"}
        for _ in range(5):
            second.record_failure(NAME, "A/B", error="E: x")
            second.record_failure(NAME, "A/B", error="E: x", timeframe="1m")
        records = second.records
    assert {key: len(record.incidents) for key, record in records.items()} == {f"{NAME}/A/B": 0, f"{NAME}/A/B@1m": 1}


def _patient(timeframe: str) -> HistoJob:
    return HistoJob(exchange=NAME, pairs=("A/B",), timeframe=timeframe, max_consecutive_errors=9)


def test_a_record_forgotten_while_its_job_goes_on_is_reserved_again(tmp_path: Path) -> None:
    """By the next outcome, so that the next start gives its key to no other timeframe."""
    config = keyed(tmp_path, "1h", "1m")
    with HealthMonitor.from_config(config) as health:
        health.claim(config.histo_jobs)
        health._store.update({f"{NAME}/A/B": lambda _: None})
        health.record_failure(NAME, "A/B", error="E: x")
    with HealthMonitor.from_config(config) as health:  # nor need anybody claim a key
        health.record_success(NAME, "A/B", 1)
    assert read_records(tmp_path)[f"{NAME}/A/B"].timeframe == "1h"


def test_a_key_that_is_reserved_is_no_record_yet(tmp_path: Path) -> None:
    """A job that has not run has no metrics, and one that is configured no more is not shown."""
    with HealthMonitor.from_config(keyed(tmp_path, "1h")) as health:
        health.claim(keyed(tmp_path, "1h").histo_jobs)
        assert health.get_metrics() == read_metrics(tmp_path) == {}
    assert set(read_records(tmp_path)) == {f"{NAME}/A/B"}
    assert [job.key for job in read_overview(keyed(tmp_path, "1h"), 0.0).jobs] == [f"{NAME}/A/B"]
    assert read_overview(keyed(tmp_path), 0.0).jobs == ()


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


def test_the_error_of_a_result_is_that_of_the_metrics_and_shows_no_secret(tmp_path: Path, source: Flat) -> None:
    """Whoever calls `run_once` may print it."""
    source.trouble["A/B"] = SourceRefusedError("https://me:hunter2@example.com/\nsays no")
    config = configured(tmp_path, own())
    with HealthMonitor.from_config(config) as health:
        (result,) = run_once(config, health)
        known = health.get_metrics()[result.key].last_error
    assert result.error == known == "SourceRefusedError: https://***@example.com/ says no"


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


def test_a_job_runs_after_each_close_as_the_schedule_says(tmp_path: Path) -> None:
    """By default five seconds after it."""
    now = datetime(2026, 11, 18, 13, 37, 11, tzinfo=UTC)
    config = configured(tmp_path, own(timeframe="1h"))
    (job,) = build_histo_scheduler(config).get_jobs()
    assert job.trigger.get_next_fire_time(None, now) == datetime(2026, 11, 18, 14, 0, 5, tzinfo=UTC)
    later = config.model_copy(update={"schedule": ScheduleConfig(delay="2m", jitter="10s")})
    (job,) = build_histo_scheduler(later).get_jobs()
    due = job.trigger.get_next_fire_time(None, now)
    assert timedelta(0) <= due - datetime(2026, 11, 18, 14, 2, tzinfo=UTC) <= timedelta(seconds=10)


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


def test_fifty_pairs_due_together_all_run(tmp_path: Path, source: Flat) -> None:
    """One after the other, and none is dropped for being late."""
    pairs = [f"P{number}/X" for number in range(50)]
    config, done = configured(tmp_path, own(*pairs, timeframe="1h")), threading.Semaphore(0)
    with HealthMonitor.from_config(config) as health:
        scheduler = build_histo_scheduler(config, health)
        scheduler.add_listener(lambda _: done.release(), events.EVENT_JOB_EXECUTED)
        scheduler.start()
        for _ in pairs:
            assert done.acquire(timeout=60)
        scheduler.shutdown()
        assert {metrics.runs for metrics in health.get_metrics().values()} == {1}
    assert [pair for pair, _ in source.asked] == pairs


def test_a_run_that_hangs_is_said_once_and_alerted_as_overrun(
    tmp_path: Path, source: Flat, caplog: pytest.LogCaptureFixture
) -> None:
    """Each tick that it misses is skipped; APScheduler itself only sends an event."""
    source.hold, skipped, clock = threading.Event(), threading.Semaphore(0), ManualClock(1_800_000_000)
    config = configured(tmp_path, own(timeframe="1s"))
    with HealthMonitor.from_config(config, clock=clock) as health:
        scheduler = build_histo_scheduler(config, health)
        scheduler.add_listener(lambda _: skipped.release(), events.EVENT_JOB_MAX_INSTANCES)
        with caplog.at_level(logging.WARNING):
            scheduler.start()
            for _ in range(2):
                assert skipped.acquire(timeout=60)
            clock.advance(120)
            assert health.check() == [f"{NAME}/A/B"]
        (incident,) = read_records(tmp_path)[f"{NAME}/A/B"].incidents
        source.hold.set()
        scheduler.shutdown()
    assert incident.kind == "overrun"
    assert [record.message for record in caplog.records if "skipped" in record.message] == [
        f"{NAME}/A/B was due again before its last run ended; such runs are skipped"
    ]
    assert not [record for record in caplog.records if record.name.startswith("apscheduler")]


def test_a_run_that_ends_while_another_is_skipped_disturbs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs end in threads of their own, and the scheduler goes through those that it skipped."""
    config = configured(tmp_path, own(), HistoJob(exchange="kraken", pairs=("A/B",)))

    class Ending(dict[str, Task]):
        @override
        def __getitem__(self, key: str) -> Task:
            told._on_end(events.JobExecutionEvent(events.EVENT_JOB_EXECUTED, key, "", datetime.now(UTC)))
            return super().__getitem__(key)

    tasks = Ending({task.key: task for task in tasks_of(config)})
    told = _Events(BackgroundScheduler(), Collector(config), tasks, DueAtOnce(lambda _: None, 1.0))
    for key in tasks:
        told._on_skip(events.JobSubmissionEvent(events.EVENT_JOB_MAX_INSTANCES, key, "", []))
    assert [record.message.split()[0] for record in caplog.records] == list(tasks)


def test_a_job_that_breaks_off_is_a_failure(tmp_path: Path, source: Flat) -> None:
    """Even by what no job should raise."""
    source.trouble["A/B"], broke = SystemExit("odd"), threading.Event()
    config = configured(tmp_path, own(timeframe="1h"))
    with HealthMonitor.from_config(config) as health:
        scheduler = build_histo_scheduler(config, health)
        scheduler.add_listener(lambda _: broke.set(), events.EVENT_JOB_ERROR)
        scheduler.start()
        assert broke.wait(20)
        scheduler.shutdown()
        assert health.get_metrics()[f"{NAME}/A/B"].last_error == "SystemExit: odd"


def test_series_with_much_to_fetch_take_turns(tmp_path: Path) -> None:
    """None keeps the others of its exchange waiting, and while one is behind nobody is told that its data are old."""
    clock, done, order = ManualClock(1_800_000_000), threading.Event(), list[str]()

    class Slow(Flat):
        @override
        def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
            for start in range(since - since % -60_000, until, 6_000_000):
                order.append(pair)
                clock.advance(20)  # more than a turn of 15 s
                yield [(time, 1.0, 1.0, 1.0, 1.0, 0.0) for time in range(start, min(until, start + 6_000_000), 60_000)]

    config = configured(tmp_path, own("A/B", "C/D"))
    with registered(Slow()), HealthMonitor.from_config(config, clock=clock) as health:
        scheduler = build_histo_scheduler(config, health, clock=clock)
        left = {f"{NAME}/A/B", f"{NAME}/C/D"}

        def on_end(event: Any) -> None:
            if event.retval.complete:
                left.discard(event.job_id)
                if not left:
                    done.set()

        scheduler.add_listener(on_end, events.EVENT_JOB_EXECUTED)
        scheduler.start()
        assert done.wait(30)
        scheduler.shutdown()
        metrics = health.get_metrics()[f"{NAME}/A/B"]
    assert order[:4] == ["A/B", "C/D", "A/B", "C/D"]
    assert metrics.rows_collected == CandleStore(tmp_path).read(Series(NAME, "A/B", "1m")).num_rows >= 500
    assert metrics.runs >= 5
    assert metrics.newest_at is not None
    assert metrics.newest_at > 1_800_000_000 - 60


def test_a_scheduler_shut_down_while_series_take_turns_ends(tmp_path: Path) -> None:
    """The run under way has more to fetch and is to go on: what makes it due must not wait for who shuts down."""
    clock, begun, go_on = ManualClock(1_800_000_000), threading.Event(), threading.Event()

    class Held(Flat):
        @override
        def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
            begun.set()
            assert go_on.wait(30)
            clock.advance(60)  # more than a turn
            yield [(since - since % -60_000, 1.0, 1.0, 1.0, 1.0, 0.0)]

    with registered(Held()):
        scheduler = build_histo_scheduler(configured(tmp_path, own()), clock=clock)
        scheduler.start()
        assert begun.wait(30)
        ending = threading.Thread(target=scheduler.shutdown, daemon=True)
        ending.start()
        while scheduler.running:
            pass
        go_on.set()
        ending.join(30)
        assert not ending.is_alive()
    assert CandleStore(tmp_path).read(Series(NAME, "A/B", "1m")).num_rows == 1


def test_what_was_missed_for_years_is_one_run(tmp_path: Path) -> None:
    """A machine without a battery begins in 1970; a look at the clock for each half minute since would take minutes."""
    now = datetime.now(UTC)
    with HealthMonitor.from_config(config := configured(tmp_path, own())) as health:
        jobs = build_histo_scheduler(config, health).get_jobs()
    assert len(jobs) == 2
    assert all(job.trigger.get_next_fire_time(datetime.fromtimestamp(30, UTC), now) > now for job in jobs)


def test_jobs_made_due_by_a_clock_set_back_run_at_once(tmp_path: Path, source: Flat) -> None:
    """They would be due an hour later otherwise, and so would the look at them."""
    config, again = configured(tmp_path, own("A/B", "C/D", timeframe="1h")), threading.Semaphore(0)
    with HealthMonitor.from_config(config) as health:
        scheduler = build_histo_scheduler(config, health)
        scheduler.start(paused=True)
        for job in scheduler.get_jobs():
            job.modify(next_run_time=datetime.now(UTC) + timedelta(days=1))
        scheduler.resume()
        scheduler.add_listener(lambda _: again.release(), events.EVENT_JOB_EXECUTED)
        make_due(scheduler, None)
        for _ in range(3):
            assert again.acquire(timeout=30)
        scheduler.shutdown()
        make_due(scheduler, None)  # is no error when all is over
    assert source.asked == [("A/B", "1h"), ("C/D", "1h")]


def test_runs_that_wait_for_their_turn_when_it_is_to_stop_ask_nobody(tmp_path: Path, source: Flat) -> None:
    """Or fifty that are due together would hold the end up one by one."""
    config, stop = configured(tmp_path, own("A/B", "C/D")), threading.Event()
    stop.set()
    with HealthMonitor.from_config(config) as health:
        results = run_once(config, health, stop=stop)
        assert health.get_metrics() == {}
    assert [(result.ok, result.error) for result in results] == [(False, "stopped before it ended")] * 2
    assert source.asked == []


@pytest.mark.parametrize(("max_age", "expected"), [(None, 480.0), ("2h", 7200.0), (0, None)])
def test_how_old_data_may_get_is_up_to_the_job(tmp_path: Path, max_age: object, expected: float | None) -> None:
    """Pairs that nobody trades for hours are no outage."""
    config = configured(tmp_path, HistoJob.model_validate({**own().model_dump(), "max_age": max_age}))
    with HealthMonitor.from_config(config) as health:
        build_histo_scheduler(config, health)
    wanted = read_records(tmp_path)[f"{NAME}/A/B"].expected
    assert wanted is not None
    assert wanted.max_age == expected
