"""The surroundings of each test."""

from pathlib import Path

import pytest
from tests.daemon.config.surroundings import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return surroundings with nothing in them."""
    return Place(tmp_path)
