"""Exchanges through ccxt: the JSON of their answers, requests that end in time, and failures told apart."""

from dccd.exchanges.client import CcxtClient, Retries, ccxt_exchanges
from dccd.exchanges.errors import TransientError

__all__ = ["CcxtClient", "Retries", "TransientError", "ccxt_exchanges"]
