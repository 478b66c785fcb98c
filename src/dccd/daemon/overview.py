"""Read what an operator sees, opening nothing for writing."""

from typing import TYPE_CHECKING

from dccd.daemon.alerts.destinations import destinations
from dccd.daemon.alerts.state import read_state
from dccd.daemon.health_view import Place, see
from dccd.daemon.presence import read_presence
from dccd.daemon.state_directory import STATE_DIRECTORY
from dccd.daemon.store import read_records
from dccd.daemon.view import Overview

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dccd.daemon.config import CollectorConfig
    from dccd.daemon.metrics import JobRecord
    from dccd.daemon.presence import Presence

__all__ = ["overview_of", "read_overview"]


def read_overview(config: "CollectorConfig", now: float) -> Overview:
    """Return what an operator sees, as the files tell it.

    Parameters
    ----------
    config : CollectorConfig
        Which jobs there are, where their records are, and where alerts go.
    now : float
        The time, Unix seconds.

    Returns
    -------
    Overview
        The health of all jobs and of the daemon.

    Raises
    ------
    StorageError
        If the records cannot be read, or are damaged.
    """
    path = config.storage.local_path
    return overview_of(config, read_records(path), read_presence(path), now)


def overview_of(
    config: "CollectorConfig", records: "Mapping[str, JobRecord]", presence: "Presence | None", now: float
) -> Overview:
    """Return what an operator sees, as a daemon itself knows it, also where it cannot write.

    Parameters
    ----------
    config : CollectorConfig
        Which jobs there are, and where alerts go.
    records : mapping of str to JobRecord
        What is known of the jobs.
    presence : Presence or None
        What the daemon says of itself.
    now : float
        The time, Unix seconds.

    Returns
    -------
    Overview
        Silences, and destinations that are gone, come from their file.
    """
    state = read_state(config.storage.local_path / STATE_DIRECTORY)
    return see(_place_of(config), records, state, presence, now)


def _place_of(config: "CollectorConfig") -> Place:
    timeframes = {key: job.timeframe for key, job, _ in config.jobs_by_key()}
    return Place(str(config.storage.local_path), timeframes, destinations(config.alerts))
