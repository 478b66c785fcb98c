"""Read what an operator sees, and write nothing."""

from typing import TYPE_CHECKING

from dccd.daemon.alerts import destinations_of
from dccd.daemon.records import Keyed, keys
from dccd.daemon.state import read_alert_state, read_presence, read_records
from dccd.daemon.status.assess import Configured, see
from dccd.daemon.status.view import Overview
from dccd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dccd.daemon.config import CollectorConfig
    from dccd.daemon.records import JobRecord, Presence


def read_overview(config: "CollectorConfig", now: float) -> Overview:
    """Return what an operator sees according to the files; raise `StorageError` if the records cannot be read."""
    path = config.storage.local_path
    return overview_of(config, read_records(path), read_presence(path), now)


def read_keys(config: "CollectorConfig") -> list[Keyed]:
    """Return each series of a configuration with the key of its record; files that cannot be read count as none."""
    try:
        records = read_records(config.storage.local_path)
    except StorageError:
        records = {}
    return keys(config.histo_jobs, records)


def overview_of(
    config: "CollectorConfig", records: "Mapping[str, JobRecord]", presence: "Presence | None", now: float
) -> Overview:
    """Return what an operator sees according to a daemon itself, which may be unable to write its records."""
    state = read_alert_state(config.storage.local_path)
    timeframes = {key: job.timeframe for key, job, _ in keys(config.histo_jobs, records)}
    configured = Configured(str(config.storage.local_path), timeframes, destinations_of(config.alerts))
    return see(configured, records, state, presence, now)
