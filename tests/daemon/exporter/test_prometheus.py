"""Metrics for Prometheus."""

import sys
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.daemon.exporter.overviews import FAILING, NOW, overview

from dccd.daemon.exporter import exposition
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Kind
from dccd.errors import MissingExtraError


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """Return the samples of an exposition by name and values of labels, in the order of their names."""
    families = text_string_to_metric_families(text.decode())
    return {
        (each.name, *(each.labels[name] for name in sorted(each.labels))): each.value
        for family in families
        for each in family.samples
    }


def test_metrics_have_conventional_names_and_units() -> None:
    """What is known of a job, labelled by exchange, pair and timeframe; times are timestamps in seconds."""
    watched = replace(FAILING, expected=Expectation(3600.0, 1800.0, NOW - 9e5, max_age=12_600.0))
    found = samples(exposition(overview({"kraken/BTC/USD": watched})))
    job = ("kraken", "BTC/USD", "1h")
    assert found["dccd_job_interval_seconds", *job] == 3600
    assert found["dccd_job_max_age_seconds", *job] == 12_600
    assert found["dccd_job_last_run_timestamp_seconds", *job] == NOW - 60
    assert found["dccd_job_last_success_timestamp_seconds", *job] == NOW - 7200
    assert found["dccd_job_newest_timestamp_seconds", *job] == NOW - 7260
    assert found["dccd_job_rows_total", *job] == 500
    assert found["dccd_job_runs_total", *job] == 9
    assert found["dccd_job_failures_total", *job] == 4
    assert found["dccd_job_consecutive_failures", *job] == 3
    assert found["dccd_job_rows_missing", *job] == 2
    assert found["dccd_job_last_duration_seconds", *job] == 1.5
    assert found["dccd_job_silenced", *job] == 0
    states = ("alerted", "failing", "ok")
    assert [found["dccd_job_state", "kraken", "BTC/USD", state, "1h"] for state in states] == [1, 0, 0]
    assert found["dccd_incidents_open", "failing"] == 1
    assert found["dccd_incidents_open", "old data"] == 0
    assert found["dccd_build_info", "0.1.0"] == 1
    assert found["dccd_daemon_running",] == 1
    assert found["dccd_last_tick_timestamp_seconds",] == NOW - 9
    assert found["dccd_persistence_degraded",] == 0
    assert found["dccd_notices_owed",] == 0


def test_what_is_not_known_is_left_out() -> None:
    """A job that never ran has no last success; 0 would be 1970."""
    found = samples(exposition(overview({}, state="unseen", ticked_at=None, started_at=None)))
    job = ("kraken", "BTC/USD", "1h")
    assert ("dccd_job_max_age_seconds", *job) not in found
    assert ("dccd_job_last_success_timestamp_seconds", *job) not in found
    assert ("dccd_last_tick_timestamp_seconds",) not in found
    assert found["dccd_job_state", "kraken", "BTC/USD", "never", "1h"] == 1
    assert found["dccd_daemon_running",] == 0


def test_no_two_samples_have_the_same_labels() -> None:
    """A record that is left of another configuration may be of the same series: the configured job is shown."""
    left = JobRecord(JobMetrics(NOW, NOW, rows_collected=7))
    text = exposition(overview({"kraken/BTC/USD": FAILING, "kraken/BTC/USD@1h": left}))
    lines = [line for line in text.decode().splitlines() if line.startswith("dccd_job_rows_total")]
    assert sorted(lines) == [
        'dccd_job_rows_total{exchange="kraken",pair="BTC/USD",timeframe="1h"} 500.0',
        'dccd_job_rows_total{exchange="kraken",pair="BTC/USD",timeframe="1m"} 0.0',
    ]


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; the page and the probes do without it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"\[metrics\]"):
        exposition(overview())
    reply = Routes(overview, None)("/metrics")
    assert reply is not None
    assert (reply.status, str(reply.body).count("\n")) == (503, 1)


def test_an_incident_of_a_newer_version_is_counted_by_its_kind() -> None:
    """Beside those that this version finds, which are always there."""
    odd = JobRecord(JobMetrics(NOW), (Incident("i", "lost data", NOW),))
    found = samples(exposition(overview({"kraken/BTC/USD": odd})))
    kinds = {name[1]: value for name, value in found.items() if name[0] == "dccd_incidents_open"}
    assert kinds == {**dict.fromkeys(map(str, Kind), 0.0), "lost data": 1.0}
