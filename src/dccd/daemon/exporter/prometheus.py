"""Metrics for Prometheus: what an operator sees, as numbers."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import dccd
from dccd.daemon.records import Kind
from dccd.daemon.status import PRESENT, STATES
from dccd.errors import MissingExtraError
from dccd.printable import printable

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from dccd.daemon.status import JobView, Overview

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NO_METRICS: Final = "metrics need prometheus_client: pip install '.[metrics]' in the checkout"
_LABELS: Final = ("exchange", "pair", "timeframe")

_Value = Callable[["JobView"], float | None]

_GAUGES: Final[tuple[tuple[str, str, _Value], ...]] = (
    ("last_run_timestamp_seconds", "When the job last ended, well or not.", lambda job: job.last_run_at),
    ("last_success_timestamp_seconds", "When the job last ended well.", lambda job: job.last_success_at),
    ("newest_timestamp_seconds", "Up to when the job has data.", lambda job: job.newest_at),
    ("next_run_timestamp_seconds", "When the daemon runs the job next.", lambda job: job.next_run_at),
    ("interval_seconds", "Time between two runs of the job.", lambda job: job.every),
    ("max_age_seconds", "Age at which the newest data of the job are old.", lambda job: job.max_age),
    ("last_duration_seconds", "How long the last run took.", lambda job: job.last_duration),
    ("consecutive_failures", "Failures in a row; a success makes it 0.", lambda job: job.errors_count),
    ("rows_missing", "Rows that the last good run should have found and did not.", lambda job: job.rows_missing),
    (
        "silenced",
        "Whether nothing is sent about the job (1) or all is (0).",
        lambda job: job.silenced_until is not None,
    ),
)
_COUNTERS: Final[tuple[tuple[str, str, _Value], ...]] = (
    ("rows", "Rows collected by all runs.", lambda job: job.rows_collected),
    ("runs", "Runs recorded.", lambda job: job.runs),
    ("failures", "Failed runs recorded.", lambda job: job.failures),
)


def exposition(overview: "Overview") -> bytes:
    """Return metrics in the text format of Prometheus, without a sample where a value is not known.

    Raises `MissingExtraError` without prometheus_client.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError(NO_METRICS) from error
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(overview))
    return generate_latest(registry)


class _Snapshot:
    """The metrics of one moment, as a registry collects them."""

    def __init__(self, overview: "Overview") -> None:
        self._overview = overview

    def collect(self) -> "Iterator[Metric]":
        yield from _of_daemon(self._overview)
        yield from _of_alerts(self._overview)
        yield from _of_jobs(_one_of_a_series(self._overview.jobs))


def _of_daemon(overview: "Overview") -> "Iterator[Metric]":
    from prometheus_client.core import InfoMetricFamily  # noqa: PLC0415

    daemon = overview.daemon
    version = daemon.version or dccd.__version__
    yield InfoMetricFamily("dccd_build", "Version of dccd.", value={"version": printable(version)})
    yield _gauge("dccd_daemon_running", "Whether a daemon is there (1) or not (0).", daemon.state in PRESENT)
    yield _gauge("dccd_start_timestamp_seconds", "When the daemon started.", daemon.started_at)
    yield _gauge("dccd_last_tick_timestamp_seconds", "When the daemon last looked at the clock.", daemon.ticked_at)
    degraded = daemon.persistence is not None
    yield _gauge("dccd_persistence_degraded", "Whether records are kept in memory only (1) or on disk (0).", degraded)


def _of_alerts(overview: "Overview") -> "Iterator[Metric]":
    yield _gauge("dccd_notices_owed", "Notices that some destination has not got.", overview.notices_owed)
    yield _gauge("dccd_destinations", "Destinations of alerts that are configured.", len(overview.destinations))
    gone = sum(each.gone for each in overview.destinations)
    yield _gauge("dccd_destinations_gone", "Destinations that said they no longer exist.", gone)
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    incidents = GaugeMetricFamily("dccd_incidents_open", "Incidents that are open.", labels=["kind"])
    kinds = [printable(each.kind) for job in overview.jobs for each in job.incidents]
    for kind in dict.fromkeys([*Kind, *kinds]):
        incidents.add_metric([kind], kinds.count(kind))
    yield incidents


def _of_jobs(jobs: "list[JobView]") -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415

    state = GaugeMetricFamily("dccd_job_state", "1 for the state that the job is in.", labels=[*_LABELS, "state"])
    for job in jobs:
        for each in STATES:
            state.add_metric([*_labels(job), each], job.state == each)
    yield state
    families: list[tuple[Any, tuple[tuple[str, str, _Value], ...]]] = [
        (GaugeMetricFamily, _GAUGES),
        (CounterMetricFamily, _COUNTERS),
    ]
    for make, metrics in families:
        for name, told, value_of in metrics:
            family = make(f"dccd_job_{name}", told, labels=_LABELS)
            for job in jobs:
                if (value := value_of(job)) is not None:
                    family.add_metric(_labels(job), float(value))
            yield family


def _gauge(name: str, told: str, value: float | None) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    family = GaugeMetricFamily(name, told)
    if value is not None:
        family.add_metric([], float(value))
    return family


def _labels(job: "JobView") -> list[str]:
    return [printable(label) for label in (job.exchange, job.pair, job.timeframe)]


def _one_of_a_series(jobs: "tuple[JobView, ...]") -> "list[JobView]":
    """Return one job for each set of labels, the configured one: equal samples make a scrape fail."""
    return list({tuple(_labels(job)): job for job in sorted(jobs, key=lambda job: job.configured)}.values())
