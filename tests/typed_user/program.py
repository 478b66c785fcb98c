"""A program of a user, as strict checkers see it: everything public is called, with plain values."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dccd.testing
from dccd.candles import Candle, CandleSource, CandleStore, Gap, Series, collect, open_source, register_source
from dccd.daemon import (
    AlertConfig,
    CollectorConfig,
    HealthMonitor,
    HistoJob,
    JobMetrics,
    JobResult,
    LogConfig,
    ScheduleConfig,
    ServerConfig,
    StorageConfig,
    build_histo_scheduler,
    load_config,
    read_metrics,
    run_once,
)
from dccd.errors import ConfigError, DccdError, StorageError


def settings(directory: Path) -> CollectorConfig:
    """Return settings written as one writes them: texts for times, lists for tuples."""
    alerts = AlertConfig(
        webhook_url="https://hooks.slack.com/services/T0/B0/x",
        extra_webhooks=["https://example.com/hook"],
        repeat_interval="4h",
        group_window=5,
        max_consecutive_errors=3,
    )
    job = HistoJob(exchange="kraken", pairs=["BTC/USD", "ETH/USD"], timeframe="1h", start="2026-01-01T00:00:00Z")
    seconds = HistoJob(exchange="binance", pairs=("BTC/USDT",), timeframe=60)
    storage = StorageConfig(local_path=str(directory), fsync=False)
    return CollectorConfig(
        storage=storage,
        alerts=alerts,
        schedule=ScheduleConfig(delay="10s", jitter=1),
        log=LogConfig(file="json"),
        server=ServerConfig(listen="127.0.0.1:9464"),
        histo_jobs=[job, seconds, {"exchange": "okx", "pairs": "BTC/USDT", "start": datetime(2026, 1, 1, tzinfo=UTC)}],
    )


def watch(directory: str, alerts: AlertConfig) -> dict[str, JobMetrics]:
    """Watch jobs of one's own."""
    with HealthMonitor(directory, alerts) as monitor:
        monitor.record_success("kraken", "BTC/USD", rows=720, duration=1.5, timeframe="1m")
        monitor.record_failure("kraken", "BTC/USD", error=TimeoutError("no answer"))
        with monitor.track("kraken", "ETH/USD") as run:
            run.rows = 5
        monitor.expect("reports", "daily", every="1d", grace=3600)
        troubled: list[str] = monitor.check()
        if troubled and not monitor.flush(timeout=5):
            print(monitor.persistence_fault or "alerts are owed")
        metrics = monitor.get_metrics()
    streak: int = sum(job.errors_count for job in metrics.values())
    print(streak, read_metrics(directory) == metrics)
    return metrics


class Rates:
    """A source of one's own."""

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield one page."""
        yield [(since, 1.0, 2.0, 0.5, 1.5, 10.0)]
        print(pair, timeframe, until)

    def close(self) -> None:
        """Release nothing."""


def make_rates(base_url: str | None) -> CandleSource:
    """Return the source."""
    print(base_url)
    return Rates()


def gather(config: CollectorConfig) -> Mapping[str, JobResult]:
    """Collect once, and by the clock."""
    register_source("rates", make_rates)
    stop = threading.Event()
    with HealthMonitor.from_config(config) as health:
        results = run_once(config, health, stop=stop)
        scheduler = build_histo_scheduler(config, health, stop=stop)
        scheduler.start()  # pyright: ignore[reportUnknownMemberType] - APScheduler has no types
        scheduler.shutdown()  # pyright: ignore[reportUnknownMemberType]
    missing: list[Gap] = [gap for result in results for gap in result.gaps]
    print(len(missing))
    return {result.key: result for result in results}


def fetch(directory: Path) -> int:
    """Fetch a series by hand."""
    store = CandleStore(directory)
    source = open_source("rates")
    try:
        return collect(source, store, Series("rates", "EUR/USD", "1d"), now=1_767_225_600_000).new
    finally:
        source.close()


def main() -> int:
    """Try it against servers on loopback."""
    with dccd.testing.LoopbackExchange() as exchange, dccd.testing.WebhookReceiver() as webhook:
        exchange.fail("BTC/USDT", status=500)
        webhook.answer(500, 200)
        print([message.json for message in webhook.messages])
        clock = dccd.testing.ManualClock()
        clock.advance(60)
    try:
        config = load_config("dccd.toml", alerts={"max_consecutive_errors": 5})
    except ConfigError as error:
        print(error)
        return 78
    except (StorageError, DccdError):
        return 1
    print(config.histo_jobs[0].pairs[0], config.alerts.repeat_interval + 1.0)
    return 0
