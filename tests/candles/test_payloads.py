"""Answers recorded from real exchanges, all the way to the disk."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dccd.candles import Candle, CandleStore, CcxtSource, Series, register_source, unregister_source
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.scheduler import run_once
from dccd.testing import LoopbackExchange, ManualClock
from dccd.testing.market import binance_symbol, kraken_pair

REPOSITORY = Path(__file__).parents[2]
SHARED = Path(os.environ.get("DCCD_TEST_SHARED") or REPOSITORY.parent / "shared")

# Of each exchange: a pair, how it lists it, and where it has its candles.
EXCHANGES: dict[str, tuple[str, dict[str, Any], str]] = {
    "binance": ("BTC/USDT", {"/api/v3/exchangeInfo": {"symbols": [binance_symbol("BTC/USDT")]}}, "/api/v3/klines"),
    "bitfinex": ("BTC/USDT", {"/v2/conf/": [[["BTCUST", []]], [], [], []]}, "/v2/candles/"),
    "bybit": (
        "BTC/USDT:USDT",
        {
            "/v5/market/instruments-info": {
                "retCode": 0,
                "result": {
                    "category": "linear",
                    "list": [
                        {
                            "symbol": "BTCUSDT",
                            "contractType": "LinearPerpetual",
                            "status": "Trading",
                            "baseCoin": "BTC",
                            "quoteCoin": "USDT",
                            "settleCoin": "USDT",
                        }
                    ],
                },
            }
        },
        "/v5/market/kline",
    ),
    "coinbaseexchange": ("BTC/USDT", {"/products": [{"id": "BTC-USDT", "status": "online"}]}, "/products/BTC-USDT/"),
    "kraken": (
        "BTC/USDT",
        {"/0/public/AssetPairs": {"error": [], "result": {"XBTUSDT": kraken_pair("BTC/USDT")[1]}}},
        "/0/public/OHLC",
    ),
    "okx": (
        "BTC/USDT",
        {
            "/api/v5/public/instruments": {
                "code": "0",
                "data": [{"instType": "SPOT", "instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT"}],
            }
        },
        "/api/v5/market/",
    ),
}


@pytest.fixture(params=EXCHANGES)
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of an exchange that is asked through ccxt as ever, but on a clock that does not wait."""
    exchange: str = request.param
    register_source(exchange, lambda base_url: CcxtSource(exchange, base_url=base_url, clock=ManualClock()))
    yield exchange
    unregister_source(exchange)


def test_a_recorded_answer_is_stored_as_it_parses(name: str, tmp_path: Path) -> None:
    """Whatever order, units and types the exchange uses, and after its own list of markets."""
    path = SHARED / "payloads" / f"{name}.json"
    if not path.exists():
        pytest.skip("the recorded payloads are not here; DCCD_TEST_SHARED says where their directory is")
    pair, markets, candles = EXCHANGES[name]
    items = json.loads(path.read_text())["methods"]["fetchOHLCV"]
    item = next(item for item in items if item["input"][0] == pair)
    timeframe, expected = item["input"][1], [tuple(row) for row in item["parsedResponse"]]
    with LoopbackExchange() as exchange:
        for prefix, body in [*markets.items(), (candles, item["httpResponse"])]:
            exchange.answer(prefix, body)
        job = HistoJob(
            exchange=name,
            pairs=(pair,),
            timeframe=timeframe,
            start=datetime.fromtimestamp(expected[0][0] / 1000, UTC),
            base_url=exchange.url,
        )
        config = CollectorConfig(storage=StorageConfig(local_path=tmp_path), histo_jobs=(job,))
        (result,) = run_once(config)
        asked = [request.path for request in exchange.requests]
    rows = stored(tmp_path, Series(name, pair, timeframe))
    assert (result.error, result.rows) == (None, len(rows))
    assert rows[: len(expected)] == expected  # Kraken gave more than the client that recorded it passed on
    assert {path for path in asked if not path.startswith((candles, *markets))} == set()


def stored(path: Path, series: Series) -> list[Candle]:
    """Return the candles in the files of a series."""
    table = CandleStore(path).read(series)
    columns = [table["ts"].cast(pa.int64()), *(table[name] for name in ("open", "high", "low", "close", "volume"))]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))
