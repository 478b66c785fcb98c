"""What an operator sees, read from a directory."""

from pathlib import Path

import pytest

from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records.model import JobMetrics, JobRecord, Presence
from dccd.daemon.status.overview import overview_of, read_keys, read_overview
from dccd.errors import StorageError


def config(path: Path) -> CollectorConfig:
    """Return a configuration of two pairs whose alerts go to Slack."""
    return CollectorConfig(
        storage=StorageConfig(local_path=path, fsync=False),
        alerts=AlertConfig(webhook_url="https://hooks.slack.com/services/s3cret", max_consecutive_errors=9),
        log=LogConfig(file="off"),
        histo_jobs=(HistoJob(exchange="kraken", pairs=("BTC/USD", "ETH/USD"), timeframe="1h"),),
    )


def test_the_files_and_the_configuration_make_the_picture(tmp_path: Path) -> None:
    """Jobs of both, with the timeframe that is configured; a look writes nothing."""
    settings = config(tmp_path)
    with HealthMonitor.from_config(settings) as monitor:
        monitor.record_success("kraken", "BTC/USD", 7)
        monitor.record_failure("mine", "reports", error="E: broken")
    before = sorted(tmp_path.rglob("*"))
    seen = read_overview(settings, SYSTEM_CLOCK.time())
    assert [(job.key, job.state, job.configured, job.timeframe, job.rows_collected) for job in seen.jobs] == [
        ("mine/reports", "failing", False, "", 0),
        ("kraken/ETH/USD", "never", True, "1h", 0),
        ("kraken/BTC/USD", "ok", True, "1h", 7),
    ]
    assert (seen.local_path, seen.daemon.state) == (str(tmp_path), "unseen")
    assert [(each.service, each.address) for each in seen.destinations] == [("slack", "https://hooks.slack.com/***")]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_daemon_shows_what_it_has_in_memory(tmp_path: Path) -> None:
    """Though its files are older, as on a full disk."""
    settings = config(tmp_path)
    with HealthMonitor.from_config(settings) as monitor:
        monitor.record_success("kraken", "BTC/USD", 7)
    records = {"kraken/BTC/USD": JobRecord(JobMetrics(9.0, 9.0, rows_collected=8))}
    presence = Presence(42, "0.1.0", 5.0, 9.0, "running", alive=True, persistence="disk full")
    seen = overview_of(settings, records, presence, 10.0)
    assert {job.key: job.rows_collected for job in seen.jobs} == {"kraken/BTC/USD": 8, "kraken/ETH/USD": 0}
    assert (seen.daemon.state, seen.daemon.persistence) == ("running", "disk full")


def test_a_record_is_shown_under_the_job_that_it_is_reserved_for(tmp_path: Path) -> None:
    """Whatever the order of the jobs, and with its timeframe once that is configured no more."""
    settings = config(tmp_path)
    minutes = HistoJob(exchange="kraken", pairs=("BTC/USD",), timeframe="1m")
    both = settings.model_copy(update={"histo_jobs": (minutes, *settings.histo_jobs)})
    records = {"kraken/BTC/USD": JobRecord(JobMetrics(9.0, 9.0), timeframe="1h")}
    seen = [(job.key, job.timeframe, job.configured) for job in overview_of(both, records, None, 10.0).jobs]
    assert seen[0] == ("kraken/BTC/USD@1m", "1m", True)
    assert seen[-1] == ("kraken/BTC/USD", "1h", True)
    alone = settings.model_copy(update={"histo_jobs": (minutes,)})
    (stranger,) = (job for job in overview_of(alone, records, None, 10.0).jobs if not job.configured)
    assert (stranger.key, stranger.timeframe) == ("kraken/BTC/USD", "1h")


def test_keys_are_told_where_no_record_can_be_read(tmp_path: Path) -> None:
    """By the order of the jobs; a directory that is not there is not made."""
    settings = config(tmp_path / "data")
    expected = ["kraken/BTC/USD", "kraken/ETH/USD"]
    assert [key for key, _, _ in read_keys(settings)] == expected
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "data" / ".dccd").mkdir(parents=True)
    (tmp_path / "data" / ".dccd" / "metrics.json").write_text("{damage")
    assert [key for key, _, _ in read_keys(settings)] == expected


def test_records_that_are_damaged_are_an_error(tmp_path: Path) -> None:
    """None at all would look like jobs that never ran."""
    (tmp_path / ".dccd").mkdir()
    (tmp_path / ".dccd" / "metrics.json").write_text("{damage")
    with pytest.raises(StorageError, match=r"metrics\.json"):
        read_overview(config(tmp_path), 0.0)
