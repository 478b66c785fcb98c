"""Servers on loopback and a clock for tests, yours and ours.

`LoopbackExchange` answers as Binance and Kraken do, `WebhookReceiver` receives alerts, and a test moves `ManualClock`.
They need only the standard library.
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
