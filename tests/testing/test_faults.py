"""Faults that a test sets."""

from collections.abc import Iterator

import pytest
import requests

from dccd.testing import LoopbackExchange

HOUR = 3_600_000
NOW = 1_700_000_000
HOURS = NOW * 1000 // HOUR * HOUR


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    """An exchange whose clock stands still."""
    with LoopbackExchange(now=lambda: NOW, listed_since={"SOL/USDT": HOURS - 3 * HOUR}) as exchange:
        yield exchange


def _klines(exchange: LoopbackExchange, symbol: str = "BTCUSDT", **query: object) -> requests.Response:
    parameters = {"symbol": symbol, "interval": "1h", **query}
    return requests.get(f"{exchange.url}/api/v3/klines", params=parameters, timeout=5)  # type: ignore[arg-type]


def test_faults_come_in_order_and_end(exchange: LoopbackExchange) -> None:
    """Of one pair, until they are used up or healed; of no pair, for every request."""
    exchange.fail("BTC/USDT", status=500, times=2)
    exchange.fail("BTC/USDT", status=429, headers={"Retry-After": "1"})
    assert [_klines(exchange).status_code for _ in range(4)] == [500, 500, 429, 429]
    assert _klines(exchange).headers["Retry-After"] == "1"
    assert _klines(exchange, "ETHUSDT").status_code == 200
    exchange.heal("BTC/USDT")
    assert _klines(exchange).status_code == 200
    exchange.fail(status=200, body={"code": -1, "msg": "no"}, times=1)
    assert requests.get(f"{exchange.url}/api/v3/ping", timeout=5).json() == {"code": -1, "msg": "no"}
    for pair, status in (("BTC/USDT", 500), (None, 502), ("BTC/USDT", 504), (None, 508)):
        exchange.fail(pair, status=status, times=1)
    assert [_klines(exchange).status_code for _ in range(5)] == [500, 502, 504, 508, 200]
    exchange.fail()
    exchange.heal()
    assert _klines(exchange).status_code == 200


def test_connections_hang_drip_and_reset(exchange: LoopbackExchange) -> None:
    """What networks do."""
    exchange.reset("BTC/USDT", times=1)
    exchange.hang("BTC/USDT", times=1)
    exchange.drip("BTC/USDT", seconds=0.001, times=1)
    with pytest.raises(requests.ConnectionError):
        _klines(exchange)
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{exchange.url}/api/v3/klines", params={"symbol": "BTCUSDT"}, timeout=0.05)
    assert len(_klines(exchange, limit=1).json()) == 1
