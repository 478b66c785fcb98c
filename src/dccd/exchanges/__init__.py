"""Exchanges through ccxt: parsed JSON, every request bounded, every failure classified."""

from dccd.exchanges.client import CcxtClient, ccxt_exchanges
from dccd.exchanges.retries import Retries, TransientError

__all__ = ["CcxtClient", "Retries", "TransientError", "ccxt_exchanges"]
