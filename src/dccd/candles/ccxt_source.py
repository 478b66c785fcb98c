"""Candles from an exchange that ccxt knows."""

import difflib
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.errors import SourceRefusedError, SourceUnavailableError
from dccd.exchanges import CcxtClient, Retries, TransientError
from dccd.lake import Candle
from dccd.units import parse_timeframe

_NO_CANDLES: Final = "unexpected answer: it contains no candles"
_NO_MARKETS: Final = "unexpected answer: it lists no markets"
_DEFAULT_PAGE: Final = 100
_SPARE_CANDLES: Final = 3
_DAY_SECONDS: Final = 86_400
_KINDS: Final = frozenset({"spot", "contract", "option"})
_RELOAD_SECONDS: Final = 3600.0
_COLUMNS: Final = 6
_ROW: Final = (list, tuple)  # making a union for each of a million rows takes longer than the check
_NUMBER: Final = (int, float)


class CcxtSource:
    """Candles from an exchange that ccxt knows.

    A request names the first open time of a page; the next page begins after the newest candle of the page before.
    After an empty page (the pair was listed later, or nobody traded it) daily candles show where to go on.

    Parameters
    ----------
    exchange : str
        Name of the exchange as ccxt spells it.
    base_url : str, optional
        Address of a server to ask in place of the exchange: it replaces scheme and host of every endpoint.
    clock : Clock, optional
        Time and waiting.
    timeout : float, optional
        Seconds the exchange may be silent before a request fails; a whole answer may take three times as long.
    attempts : int, optional
        Most tries of a request.
    budget : float, optional
        Seconds after the first try of a request at which no further one begins.
    stop : threading.Event, optional
        Once set, waiting ends and no further page is requested.
    markets : iterable of dict, optional
        Markets as ccxt describes them; by default they are loaded from the exchange.

    Raises
    ------
    SourceRefusedError
        If the exchange offers no candles.
    MissingExtraError
        If ccxt is not installed.

    Examples
    --------
    >>> from dccd.candles import CcxtSource
    >>> from dccd.testing import LoopbackExchange
    >>> with LoopbackExchange() as exchange:
    ...     source = CcxtSource("binance", base_url=exchange.url)
    ...     pages = source.pages("BTC/USDT", "1h", 1_700_002_800_000, 1_700_010_000_000)
    ...     print([time for page in pages for time, *_ in page])
    ...     source.close()
    [1700002800000, 1700006400000]
    """

    def __init__(  # noqa: PLR0913 - keywords with defaults
        self,
        exchange: str,
        *,
        base_url: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        timeout: float = 10.0,
        attempts: int = 5,
        budget: float = 60.0,
        stop: threading.Event | None = None,
        markets: Iterable[dict[str, Any]] | None = None,
    ) -> None:
        self._clock = clock
        self._stop = stop or threading.Event()
        retries = Retries(attempts, budget)
        self._client = CcxtClient(
            exchange, retries=retries, base_url=base_url, clock=clock, timeout=timeout, stop=self._stop
        )
        self._loading = threading.Lock()
        self._kinds: set[str] = set()
        self._loaded_at = 0.0
        options = self._client.exchange.options.get("fetchMarkets")
        types = options.get("types") if isinstance(options, dict) else None
        self._types: list[str] = types if isinstance(types, list) else []
        self._fixed = markets is not None
        if self._client.exchange.has.get("fetchOHLCV") is not True:
            msg = f"{exchange} offers no candles; choose another exchange, or register_source() one of your own"
            raise SourceRefusedError(msg)
        if markets is not None:
            self._client.exchange.set_markets(list(markets))

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield candles, a page at a time.

        Parameters
        ----------
        pair : str
            Trading pair as ccxt spells it (``BTC/USDT``; a perpetual swap is ``BTC/USDT:USDT``).
        timeframe : str
            Length of a candle in exchange notation.
        since : int
            Earliest open time wanted, in milliseconds (UTC).
        until : int
            Open time to stop before, in milliseconds (UTC).

        Yields
        ------
        Sequence of Candle
            Candles by ascending open time without duplicates, the open one included if it is in the range.

        Raises
        ------
        SourceRefusedError
            If the exchange does not list the pair, offers no such timeframe, or refuses to answer.
        SourceUnavailableError
            If it does not answer in spite of retries; once `stop` is set, the pages end without an error.
        """
        what = f"{self._client.name}: {pair} {timeframe}"
        own_name = self._timeframe(what, timeframe)
        self._check_pair(what, pair)
        try:
            yield from self._walk(what, pair, own_name, since, until)
        except SourceUnavailableError:
            if not self._stop.is_set():  # a stop ends the pages, and those before it are valid
                raise

    def close(self) -> None:
        """Close the connections to the exchange."""
        self._client.close()

    def _walk(self, what: str, pair: str, timeframe: str, since: int, until: int) -> Iterator[list[Candle]]:
        step, limit = parse_timeframe(timeframe) * 1000, self._page_limit(pair)
        while since < until and not self._stop.is_set():
            start = since - since % step
            count = min(limit, math.ceil((until - start) / step) + _SPARE_CANDLES)
            page = [candle for candle in self._page(what, pair, timeframe, start, count) if since <= candle[0] < until]
            if page:
                yield page
                since = page[-1][0] + step
            else:
                since = start + count * step
                if since < until and step < _DAY_SECONDS * 1000:
                    since = self._next_data(what, pair, since, until)

    def _next_data(self, what: str, pair: str, since: int, until: int) -> int:
        """Return the first open time from `since` on at which a day has candles, or `until` if there is none."""
        name = self._by_seconds().get(_DAY_SECONDS)
        if name is None:
            return since
        limit, length = self._page_limit(pair), _DAY_SECONDS * 1000
        for day in range(since - since % length, until, limit * length):
            if self._stop.is_set():
                break
            later = [time for time, *_ in self._page(what, pair, name, day, limit) if time + length > since]
            if later:
                return max(since, later[0])
        return until

    def _page(self, what: str, pair: str, timeframe: str, since: int, limit: int) -> list[Candle]:
        def request(exchange: Any) -> list[Candle]:  # noqa: ANN401
            rows = exchange.fetch_ohlcv(pair, timeframe, since, limit)
            page = sorted({row[0]: _candle(row) for row in rows if _has_time(row)}.values())
            if not page and (rows or not self._client.answered_with_rows()):
                raise TransientError(_NO_CANDLES)
            return page

        return self._client.call(what, request)

    def _page_limit(self, pair: str) -> int:
        exchange = self._client.exchange
        market = exchange.market(pair)
        features = (exchange.features or {}).get(market["type"]) or {}
        features = features.get(market.get("subType")) or features
        return int((features.get("fetchOHLCV") or {}).get("limit") or _DEFAULT_PAGE)

    def _by_seconds(self) -> dict[int, str]:
        names: dict[int, str] = {}
        for name in self._client.exchange.timeframes or {}:
            try:
                names.setdefault(parse_timeframe(name), name)
            except ValueError:
                continue  # a calendar month has no fixed length
        return names

    def _timeframe(self, what: str, timeframe: str) -> str:
        names = self._by_seconds()
        name = names.get(parse_timeframe(timeframe))
        if name is None:
            offered = ", ".join(name for _, name in sorted(names.items()))
            msg = f"{what}: it offers no candles of {timeframe}; it has {offered}"
            raise SourceRefusedError(msg)
        return name

    def _check_pair(self, what: str, pair: str) -> None:
        with self._loading:
            if not self._fixed:
                self._load_markets(what, pair)
            listed = self._client.exchange.markets
        if pair not in listed:
            close = difflib.get_close_matches(pair, listed, n=3, cutoff=0.7)
            advice = f"; did you mean {' or '.join(close)}?" if close else ""
            msg = f"{what}: {self._client.name} does not list {pair}{advice}"
            raise SourceRefusedError(msg)

    def _load_markets(self, what: str, pair: str) -> None:
        exchange, now, kind = self._client.exchange, self._clock.monotonic(), _kind_of_pair(pair)
        if kind in self._kinds and (pair in exchange.markets or now - self._loaded_at < _RELOAD_SECONDS):
            return
        kinds = self._kinds | {kind} if self._types else set(_KINDS)
        if self._types:  # Binance, for one, would load futures from two other hosts as well
            wanted = [type_ for type_ in self._types if _kind_of_type(type_) in kinds]
            exchange.options["fetchMarkets"]["types"] = wanted or self._types
        self._client.call(what, self._reload)
        self._kinds, self._loaded_at = kinds, now

    def _reload(self, exchange: Any) -> None:  # noqa: ANN401
        if not exchange.load_markets(reload=True):
            raise TransientError(_NO_MARKETS)


def _kind_of_pair(pair: str) -> str:
    if ":" not in pair:
        return "spot"
    return "option" if pair.endswith(("-C", "-P")) else "contract"


def _kind_of_type(name: str) -> str:
    return name if name in _KINDS else "contract"


def _has_time(row: Any) -> bool:  # noqa: ANN401 - whatever came from outside
    return isinstance(row, _ROW) and len(row) >= _COLUMNS and isinstance(row[0], _NUMBER)


def _candle(row: Sequence[Any]) -> Candle:
    opened, first, high, low, last, volume = row[:_COLUMNS]
    try:
        return int(opened), float(first), float(high), float(low), float(last), float(volume or 0)
    except TypeError:  # a price is missing: `collect` skips what is not finite
        return int(opened), math.nan, math.nan, math.nan, math.nan, 0.0
