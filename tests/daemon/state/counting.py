"""Stores that count rows, and what another process reads of them."""

from dataclasses import replace
from pathlib import Path

from dccd.daemon.records.model import JobRecord
from dccd.daemon.state.store import MetricsStore, read_records

FOUR = {"last_run_at": None, "last_success_at": None, "rows_collected": 0, "errors_count": 0}


def add(record: JobRecord, rows: int = 1) -> JobRecord:
    """Count rows."""
    return replace(record, metrics=replace(record.metrics, rows_collected=record.metrics.rows_collected + rows))


def drop(record: JobRecord) -> None:
    """Drop the job."""
    del record


def rows(store: MetricsStore, key: str = "a") -> int:
    """Return what is counted for a job."""
    return store.snapshot()[key].metrics.rows_collected


def fault_of(store: MetricsStore) -> str | None:
    """Return why records are in memory only, as it is now."""
    return store.fault


def on_disk(directory: Path) -> dict[str, int]:
    """Return the rows of each job, as another process reads them."""
    return {key: record.metrics.rows_collected for key, record in read_records(directory.parent).items()}
