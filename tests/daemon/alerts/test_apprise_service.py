"""Messages by Apprise."""

import logging
import sys
import time
from typing import Any

import pytest
from tests.daemon.alerts.places import Place, fail
from tests.daemon.alerts.sent import MESSAGE, send

from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.alerts.delivery import Delivery
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.sending import NotSentError
from dccd.testing import Answer, WebhookReceiver


def test_without_apprise_its_destinations_say_which_extra_is_missing(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The notice stays owed, and the address unsaid; whoever installs it is told at the next try."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    monitor = place.open(None, apprise_urls=["json://127.0.0.1:9/s3cret-token"])
    fail(monitor)
    assert not monitor.flush()
    (notice,) = place.record().owed
    assert notice.told == ()
    assert notice.next_try_at is not None
    (warning,) = [record.getMessage() for record in caplog.records if "not delivered" in record.getMessage()]
    assert "extra apprise is not installed" in warning
    assert "s3cret" not in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise
def test_apprise_brings_a_message_to_what_it_knows(receiver: WebhookReceiver) -> None:
    """Title and text; an address that it does not know is refused for good."""
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    address = receiver.url.replace("http://", "json://")
    send(address, "apprise")
    sent: Any = receiver.messages[0].json
    assert sent["title"].startswith("[FIRING] ")
    assert "3 failures" in sent["message"]
    with pytest.raises(NotSentError, match="does not know") as raised:
        send("nonsense://s3cret-token", "apprise")
    assert not raised.value.retryable


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise
def test_what_apprise_logs_shows_no_token(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither its own lines nor those of what it posts with; those of other threads are left alone."""
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    caplog.set_level(logging.DEBUG)
    send(receiver.url.replace("http://", "json://"), "apprise")
    assert len(receiver.messages) == 1
    assert "s3cret" not in caplog.text
    logging.getLogger("apprise").debug("of somebody else")
    assert "of somebody else" in caplog.text


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise
def test_apprise_is_left_in_time_by_a_server_that_drips(receiver: WebhookReceiver) -> None:
    """The message may have arrived, so that no second try follows at once."""
    pytest.importorskip("apprise", reason="the extra apprise is not installed")
    receiver.answer(Answer(body="x" * 1000, drip=0.05))
    destination = Destination(receiver.url.replace("http://", "json://"), "apprise")
    delivery = Delivery([destination.id], "host-1", None, SYSTEM_CLOCK, None)
    began = time.monotonic()
    forward = delivery.deadline.brought_forward(began + 2)
    with forward, pytest.raises(NotSentError, match="in time") as raised:
        delivery.send(destination, MESSAGE)
    assert not raised.value.retryable
    assert time.monotonic() - began < 10
