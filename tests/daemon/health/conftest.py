"""The clock of each test."""

import pytest
from tests.daemon.health.watching import NOW

from dccd.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(NOW)
