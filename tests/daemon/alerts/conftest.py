"""What tests of alerts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.daemon.alerts.places import Place

from dccd.testing import WebhookReceiver


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return an empty place."""
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def other() -> Iterator[WebhookReceiver]:
    """Return another receiver that serves."""
    with WebhookReceiver() as serving:
        yield serving
