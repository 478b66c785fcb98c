"""An exchange on loopback."""

from collections.abc import Iterator

import ccxt
import pytest
import requests

from dccd.testing import LoopbackExchange, candle

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


def _times(answer: requests.Response) -> list[int]:
    return [row[0] for row in answer.json()]


@pytest.mark.parametrize(("name", "pair"), [("binance", "BTC/USDT"), ("kraken", "BTC/USD"), ("kraken", "ETH/USD")])
def test_clients_of_ccxt_understand_it_unchanged(exchange: LoopbackExchange, name: str, pair: str) -> None:
    """Markets, currencies and candles; only the addresses differ."""
    client = getattr(ccxt, name)({"enableRateLimit": False, "options": {"fetchMarkets": {"types": ["spot"]}}})
    client.urls["api"] = dict.fromkeys(client.urls["api"], exchange.url + ("/api/v3" if name == "binance" else ""))
    assert set(client.load_markets()) == set(exchange.pairs)
    rows = client.fetch_ohlcv(pair, "1h", HOURS - 2 * HOUR)
    client.close()
    assert [tuple(row) for row in rows[:2]] == [candle(pair, 3600, HOURS - 2 * HOUR), candle(pair, 3600, HOURS - HOUR)]
    assert rows[2][0] == HOURS
    assert tuple(rows[2]) != candle(pair, 3600, HOURS)


def test_binance_pages_by_start_end_and_limit(exchange: LoopbackExchange) -> None:
    """The first candles of a range; without a start the latest."""
    assert _times(_klines(exchange, startTime=1, limit=2)) == [1_483_228_800_000, 1_483_232_400_000]
    assert _times(_klines(exchange, startTime=HOURS - HOUR)) == [HOURS - HOUR, HOURS]
    assert _times(_klines(exchange, startTime=HOURS - 5 * HOUR, endTime=HOURS - 4 * HOUR)) == [
        HOURS - 5 * HOUR,
        HOURS - 4 * HOUR,
    ]
    assert _times(_klines(exchange, limit=2)) == [HOURS - HOUR, HOURS]
    assert len(_klines(exchange, limit=9999).json()) == 1000
    assert _times(_klines(exchange, "SOLUSDT", startTime=1)) == list(range(HOURS - 3 * HOUR, HOURS + 1, HOUR))


def test_kraken_has_the_latest_720_only(exchange: LoopbackExchange) -> None:
    """Those after the time given, the open one included."""
    address = f"{exchange.url}/0/public/OHLC"
    for since, count in ((0, 720), (HOURS // 1000 - 7200, 2)):
        query = {"pair": "XBTUSD", "interval": "60", "since": str(since)}
        rows = requests.get(address, params=query, timeout=5).json()["result"]["XXBTZUSD"]
        assert (len(rows), rows[-1][0]) == (count, HOURS // 1000)


def test_unknown_pairs_and_paths_are_errors_in_the_words_of_the_exchange(exchange: LoopbackExchange) -> None:
    """Kraken says so with status 200."""
    assert _klines(exchange, "NONE").json()["code"] == -1121
    assert _klines(exchange, interval="7h").json()["code"] == -1120
    answer = requests.get(f"{exchange.url}/0/public/OHLC", params={"pair": "NONE"}, timeout=5)
    assert (answer.status_code, answer.json()) == (200, {"error": ["EQuery:Unknown asset pair"]})
    assert requests.get(f"{exchange.url}/other", timeout=5).status_code == 404


def test_removed_candles_are_gone(exchange: LoopbackExchange) -> None:
    """Of that pair, in that range."""
    exchange.remove("BTC/USDT", HOURS - 3 * HOUR, HOURS - HOUR)
    assert _times(_klines(exchange, startTime=HOURS - 4 * HOUR)) == [HOURS - 4 * HOUR, HOURS - HOUR, HOURS]
    assert len(_klines(exchange, "ETHUSDT", startTime=HOURS - 4 * HOUR).json()) == 5


def test_canned_answers_go_by_the_longest_prefix(exchange: LoopbackExchange) -> None:
    """So that recorded answers can be served."""
    exchange.answer("/", b"raw")
    exchange.answer("/api/v3/klines", [[1]], status=203)
    assert requests.get(f"{exchange.url}/x", timeout=5).content == b"raw"
    assert (_klines(exchange).json(), _klines(exchange).status_code) == ([[1]], 203)


def test_what_was_asked_is_written_down(exchange: LoopbackExchange) -> None:
    """With the pair it was about."""
    _klines(exchange, limit=3)
    (request,) = exchange.requests
    assert (request.method, request.path, request.pair, request.time) == ("GET", "/api/v3/klines", "BTC/USDT", NOW)
    assert request.query == {"symbol": "BTCUSDT", "interval": "1h", "limit": "3"}
