"""A message, and a delivery that sends it."""

from dccd.daemon.alerts.delivery import Delivery
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Message
from dccd.daemon.records.model import Notice
from dccd.daemon.records.notices import Item
from dccd.testing import ManualClock

KEY = "kraken/BTC/USD"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOTICE = Notice("failing-1", 1, "firing", 1_700_000_000.0, "failing", 1_699_999_000.0, failures=3, error="E: broken")
MESSAGE = Message("msg_1", (Item(KEY, (NOTICE,)),))


def send(
    url: str, service: str = "generic", *, secret: str | None = None, clock: ManualClock | None = None, times: int = 1
) -> ManualClock:
    """Send a message, and return the clock that the delivery waited by."""
    clock = clock or ManualClock()
    destination = Destination(url, service)
    delivery = Delivery([destination.id], "host-1", secret, clock, None)
    try:
        for _ in range(times):
            delivery.send(destination, MESSAGE)
    finally:
        delivery.close()
    return clock
