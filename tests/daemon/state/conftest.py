"""The directory of each test."""

from pathlib import Path

import pytest

from dccd.daemon.state.metrics_file import METRICS_FILE
from dccd.disk.state_directory import STATE_DIRECTORY


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a state directory that does not exist yet."""
    return tmp_path / "data" / STATE_DIRECTORY


@pytest.fixture
def path(directory: Path) -> Path:
    """Return the path of the metrics, in a directory that exists."""
    directory.mkdir(parents=True)
    return directory / METRICS_FILE
