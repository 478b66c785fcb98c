"""Servers on loopback and a clock that obeys, to try things out and for tests, yours and ours.

`LoopbackExchange` plays Binance and Kraken, `WebhookReceiver` what alerts are sent to, and `ManualClock` the time. They
use the standard library only.
"""

from dccd.testing.clock import ManualClock
from dccd.testing.exchange import LoopbackExchange, Request
from dccd.testing.market import candle
from dccd.testing.server import Answer
from dccd.testing.webhook import Message, WebhookReceiver

__all__ = [
    "Answer",
    "LoopbackExchange",
    "ManualClock",
    "Message",
    "Request",
    "WebhookReceiver",
    "candle",
]
