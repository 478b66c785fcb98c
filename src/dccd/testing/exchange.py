"""An exchange on loopback that answers as Binance and Kraken do."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from dccd._compat import override
from dccd.lake import Candle
from dccd.testing.faults import FaultyServer
from dccd.testing.market import (
    BINANCE_INTERVALS,
    binance_symbol,
    candle,
    kline,
    kraken_pair,
    ohlc_row,
    open_candle,
    open_time,
)
from dccd.testing.server import Answer

_PAIRS: Final = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BTC/USD", "ETH/USD", "BTC/EUR")
_LISTED: Final = 1_483_228_800_000  # 2017-01-01
_BINANCE_PAGE: Final = 1000
_KRAKEN_PAGE: Final = 720


@dataclass(frozen=True, slots=True)
class Request:
    """A request that a `LoopbackExchange` received.

    Parameters
    ----------
    method : str
        ``GET`` for each request of ccxt.
    path : str
        Path without the query.
    query : mapping
        The parameters.
    pair : str or None
        The pair whose candles are requested; None for other requests and for unknown pairs.
    time : float
        When it came, in Unix seconds of the exchange's clock.

    Examples
    --------
    >>> from dccd.testing import Request
    >>> Request("GET", "/api/v3/ping", {}, None, 0.0).path
    '/api/v3/ping'
    """

    method: str
    path: str
    query: Mapping[str, str]
    pair: str | None
    time: float


class LoopbackExchange(FaultyServer):
    """An exchange on 127.0.0.1 with made-up candles and the faults that you set.

    It answers the requests of ccxt's ``binance`` (spot) and ``kraken``: give its ``url`` as ``base_url``. Candles are a
    function of pair and time (`candle`), the newest one is still open, and Kraken has only the most recent 720.

    Faults take effect in the order they were set, each for ``times`` requests. A fault of a pair affects requests for
    its candles; a fault without a pair affects every request.

    Parameters
    ----------
    pairs : iterable of str, optional
        The pairs it lists; default six well-known ones.
    now : callable, optional
        Returns its time in Unix seconds; default the time of the machine.
    listed_since : mapping, optional
        Open time of the first candle of a pair, in milliseconds (UTC); default 2017.

    Examples
    --------
    >>> import requests
    >>> from dccd.testing import LoopbackExchange
    >>> with LoopbackExchange(now=lambda: 1_700_000_000) as exchange:
    ...     exchange.fail("BTC/USDT", status=429, times=1, headers={"Retry-After": "3"})
    ...     address = f"{exchange.url}/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=2"
    ...     print([requests.get(address).status_code for _ in range(2)])
    ...     print([row[0] for row in requests.get(address).json()], len(exchange.requests))
    [429, 200]
    [1699995600000, 1699999200000] 3
    """

    def __init__(
        self,
        pairs: Iterable[str] = _PAIRS,
        *,
        now: Callable[[], float] = time.time,
        listed_since: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.pairs: tuple[str, ...] = tuple(pairs)
        self._now = now
        self._listed_since = dict(listed_since or {})
        self._by_symbol = {pair.replace("/", ""): pair for pair in self.pairs}
        self._by_kraken_id: dict[str, str] = {}
        for pair in self.pairs:
            id_, details = kraken_pair(pair)
            self._by_kraken_id |= {id_: pair, details["altname"]: pair}
        self._requests: list[Request] = []
        self._removed: list[tuple[str, int, int]] = []
        self._canned: dict[str, Answer] = {}

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests so far, in order."""
        with self._lock:
            return tuple(self._requests)

    def remove(self, pair: str, start: int, end: int) -> None:
        """Remove the candles of a pair in a range.

        Parameters
        ----------
        pair : str
            The pair.
        start : int
            First open time to remove, in milliseconds (UTC).
        end : int
            Open time to stop before, in milliseconds (UTC).
        """
        with self._lock:
            self._removed.append((pair, start, end))

    def answer(
        self,
        path_prefix: str,
        body: Any,  # noqa: ANN401 - any JSON
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer each request for a path with the same body.

        Parameters
        ----------
        path_prefix : str
            Start of the path; the longest that matches is used.
        body : object
            Bytes or text are sent unchanged, anything else as JSON.
        status : int, optional
            HTTP status.
        headers : mapping, optional
            Further headers.
        """
        with self._lock:
            self._canned[path_prefix] = Answer(status, body, headers or {})

    def candles(self, pair: str, seconds: int, start: int, end: int) -> Iterator[Candle]:
        """Yield its candles in a range, the open one included.

        Parameters
        ----------
        pair : str
            The pair.
        seconds : int
            Length of a candle.
        start : int
            Earliest open time, in milliseconds (UTC).
        end : int
            Open time to stop before, in milliseconds (UTC).

        Yields
        ------
        Candle
            By ascending open time.
        """
        now, length = int(self._now() * 1000), seconds * 1000
        with self._lock:
            removed = [(low, high) for name, low, high in self._removed if name == pair]
        first = open_time(seconds, max(start, self._listed_since.get(pair, _LISTED)) + length - 1)
        for opened in range(first, min(end, now + 1), length):
            if any(low <= opened < high for low, high in removed):
                continue
            closed = opened + length <= now
            yield candle(pair, seconds, opened) if closed else open_candle(pair, seconds, opened, now)

    @override
    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Record a request and return its answer."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        ids = self._by_symbol if parts.path.startswith("/api/v3/") else self._by_kraken_id
        pair = ids.get(query.get("symbol") or query.get("pair") or "")
        with self._lock:
            self._requests.append(Request(method, parts.path, query, pair, self._now()))
            fault = self._next_fault(pair)
            canned = [prefix for prefix in self._canned if parts.path.startswith(prefix)]
            answer = self._canned[max(canned, key=len)] if canned else None
        if answer is None:
            answer = self._route(parts.path, query, pair)
        return fault(answer) if fault else answer

    def _route(self, path: str, query: Mapping[str, str], pair: str | None) -> Answer:
        routes: dict[str, Callable[[], Answer]] = {
            "/api/v3/ping": lambda: Answer(body={}),
            "/api/v3/time": lambda: Answer(body={"serverTime": int(self._now() * 1000)}),
            "/api/v3/exchangeInfo": lambda: Answer(body={"symbols": [binance_symbol(pair) for pair in self.pairs]}),
            "/api/v3/klines": lambda: self._klines(query, pair),
            "/0/public/Time": lambda: _kraken({"unixtime": int(self._now())}),
            "/0/public/Assets": lambda: _kraken(self._kraken_assets()),
            "/0/public/AssetPairs": lambda: _kraken(dict(kraken_pair(pair) for pair in self.pairs)),
            "/0/public/OHLC": lambda: self._ohlc(query, pair),
        }
        route = routes.get(path)
        return route() if route else Answer(404, {"code": 404, "msg": f"{path} is not served here"})

    def _klines(self, query: Mapping[str, str], pair: str | None) -> Answer:
        seconds = BINANCE_INTERVALS.get(query.get("interval", ""))
        if pair is None:
            return Answer(400, {"code": -1121, "msg": "Invalid symbol."})
        if seconds is None:
            return Answer(400, {"code": -1120, "msg": "Invalid interval."})
        limit = min(int(query.get("limit", 500)), _BINANCE_PAGE)
        now = int(self._now() * 1000)
        start = int(query.get("startTime", now - limit * seconds * 1000 + 1))
        end = int(query.get("endTime", now)) + 1
        rows = itertools.islice(self.candles(pair, seconds, start, end), limit)
        return Answer(body=[kline(row, seconds) for row in rows])

    def _ohlc(self, query: Mapping[str, str], pair: str | None) -> Answer:
        if pair is None:
            return Answer(body={"error": ["EQuery:Unknown asset pair"]})
        seconds, now = int(query.get("interval", 1)) * 60, int(self._now() * 1000)
        since = max(int(query.get("since", 0)) * 1000, now - _KRAKEN_PAGE * seconds * 1000)
        rows = list(self.candles(pair, seconds, since + 1, now + 1))
        last = rows[-2][0] // 1000 if len(rows) > 1 else 0
        return _kraken({kraken_pair(pair)[0]: [ohlc_row(row) for row in rows], "last": last})

    def _kraken_assets(self) -> dict[str, Any]:
        codes: dict[str, str] = {}
        for _id, details in map(kraken_pair, self.pairs):
            short_base, short_quote = details["wsname"].split("/")
            codes |= {details["base"]: short_base, details["quote"]: short_quote}
        return {
            code: {"aclass": "currency", "altname": short, "decimals": 10, "display_decimals": 5, "status": "enabled"}
            for code, short in codes.items()
        }


def _kraken(result: object) -> Answer:
    return Answer(body={"error": [], "result": result})
