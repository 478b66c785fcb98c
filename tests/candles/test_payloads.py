"""Answers recorded from real exchanges, through the whole source."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dccd.candles import CcxtSource
from dccd.testing import LoopbackExchange, ManualClock
from dccd.units import parse_timeframe

REPOSITORY = Path(__file__).parents[2]
SHARED = Path(os.environ.get("DCCD_TEST_SHARED") or REPOSITORY.parent / "shared")
IDS = {
    ("binance", "BTC/USDT"): "BTCUSDT",
    ("bitfinex", "BTC/USDT"): "tBTCUST",
    ("bybit", "BTC/USDT:USDT"): "BTCUSDT",
    ("coinbaseexchange", "BTC/USDT"): "BTC-USDT",
    ("kraken", "BTC/USDT"): "XBTUSDT",
    ("okx", "BTC/USDT"): "BTC-USDT",
}


def _market(id_: str, pair: str) -> dict[str, Any]:
    base, quote = pair.partition(":")[0].split("/")
    swap = ":" in pair
    return {
        "id": id_,
        "symbol": pair,
        "base": base,
        "quote": quote,
        "settle": quote if swap else None,
        "type": "swap" if swap else "spot",
        "spot": not swap,
        "swap": swap,
        "contract": swap,
        "linear": swap or None,
        "inverse": False if swap else None,
        "subType": "linear" if swap else None,
        "active": True,
        "precision": {"amount": 1e-8, "price": 0.01},
        "info": {},
    }


@pytest.mark.parametrize(("name", "pair"), IDS)
def test_a_recorded_answer_parses_as_recorded(name: str, pair: str) -> None:
    """Whatever order, units and types the exchange uses."""
    path = SHARED / "payloads" / f"{name}.json"
    if not path.exists():
        pytest.skip("the recorded payloads are not here; DCCD_TEST_SHARED says where their directory is")
    items = json.loads(path.read_text())["methods"]["fetchOHLCV"]
    item = next(item for item in items if item["input"][0] == pair)
    timeframe, expected = item["input"][1], [tuple(row) for row in item["parsedResponse"]]
    until = expected[-1][0] + parse_timeframe(timeframe) * 1000
    with LoopbackExchange() as exchange:
        exchange.answer("/", item["httpResponse"])
        source = CcxtSource(name, base_url=exchange.url, clock=ManualClock(), markets=[_market(IDS[name, pair], pair)])
        pages = list(source.pages(pair, timeframe, expected[0][0], until))
        source.close()
    assert [row for page in pages for row in page] == expected
    assert len(exchange.requests) == 1
