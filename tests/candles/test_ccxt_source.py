"""ccxt's own classes against an exchange on loopback that fails as told."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate

import pytest

from dccd._compat import override
from dccd.candles import Candle, CcxtSource
from dccd.errors import RateLimitedError, SourceRefusedError, SourceUnavailableError
from dccd.redact import hide_secrets
from dccd.testing import Answer, LoopbackExchange, ManualClock, candle

HOUR = 3_600_000
NOW = 1_700_000_000
HOURS = NOW * 1000 // HOUR * HOUR
BINANCE, KRAKEN = ("binance", "BTC/USDT"), ("kraken", "BTC/USD")

Open = Callable[..., CcxtSource]


@pytest.fixture
def clock() -> ManualClock:
    """Time that passes when something waits."""
    return ManualClock(NOW)


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    """An exchange whose clock stands still."""
    with LoopbackExchange(now=lambda: NOW, listed_since={"SOL/USDT": HOURS - 5 * HOUR}) as exchange:
        yield exchange


@pytest.fixture
def source_of(exchange: LoopbackExchange, clock: ManualClock) -> Iterator[Open]:
    """Open a source that asks the exchange on loopback."""
    opened: list[CcxtSource] = []

    def open_(name: str, **options: object) -> CcxtSource:
        opened.append(CcxtSource(name, base_url=exchange.url, clock=clock, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_
    for source in opened:
        source.close()


def _all(source: CcxtSource, pair: str, since: int, until: int, timeframe: str = "1h") -> list[Candle]:
    return [row for page in source.pages(pair, timeframe, since, until) for row in page]


def _asked(exchange: LoopbackExchange) -> int:
    """Count requests for candles."""
    return sum(request.path.endswith(("klines", "OHLC")) for request in exchange.requests)


@pytest.mark.parametrize(("name", "pair"), [BINANCE, KRAKEN])
def test_candles_come_as_the_exchange_has_them(source_of: Open, name: str, pair: str) -> None:
    """Open time, prices and volume, in a range that excludes its end."""
    start = HOURS - 10 * HOUR
    expected = [candle(pair, 3600, start + hour * HOUR) for hour in range(4)]
    assert _all(source_of(name), pair, start, start + 4 * HOUR) == expected


def test_a_range_may_begin_between_two_candles(source_of: Open) -> None:
    """The candle that was open then is not in it."""
    rows = _all(source_of("binance"), "BTC/USDT", HOURS - 3 * HOUR + 1, HOURS)
    assert [row[0] for row in rows] == [HOURS - 2 * HOUR, HOURS - HOUR]


def test_pages_go_on_where_the_last_one_ended(source_of: Open, exchange: LoopbackExchange) -> None:
    """2,500 candles are three pages of Binance, without duplicates or holes."""
    start = HOURS - 2500 * HOUR
    pages = list(source_of("binance").pages("BTC/USDT", "1h", start, HOURS))
    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert [row[0] for page in pages for row in page] == list(range(start, HOURS, HOUR))
    assert _asked(exchange) == 3


def test_a_resumed_series_costs_one_request(source_of: Open, exchange: LoopbackExchange) -> None:
    """And a page of few candles, where the exchange could give more."""
    for name, pair in (BINANCE, KRAKEN):
        before = _asked(exchange)
        assert len(_all(source_of(name), pair, HOURS - 3 * HOUR, HOURS)) == 3
        assert _asked(exchange) == before + 1
    assert [int(request.query["limit"]) for request in exchange.requests if "limit" in request.query] == [6]


def test_kraken_gives_the_latest_720_and_no_endless_loop(source_of: Open, exchange: LoopbackExchange) -> None:
    """It has nothing older, whatever is asked for."""
    rows = _all(source_of("kraken"), "BTC/USD", HOURS - 5000 * HOUR, HOURS)
    assert [row[0] for row in rows] == list(range(HOURS - 719 * HOUR, HOURS, HOUR))
    assert _asked(exchange) <= 2


def test_a_pair_listed_later_begins_at_its_listing(source_of: Open) -> None:
    """Years before it cost no page each."""
    rows = _all(source_of("binance"), "SOL/USDT", HOURS - 40_000 * HOUR, HOURS)
    assert [row[0] for row in rows] == list(range(HOURS - 5 * HOUR, HOURS, HOUR))


def test_an_empty_window_does_not_end_a_series() -> None:
    """Coinbase answers for the window asked, so a year without trades is many empty answers: daily candles lead on."""
    rows = {time: [time // 1000, 1, 2, 1.5, 1.5, 3] for time in (HOURS - 9000 * HOUR, HOURS - 30 * HOUR)}
    market = _market("BTC-USD", "BTC/USD")

    class Windows(LoopbackExchange):
        @override
        def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
            """Answer with what the window asked for holds."""
            super().respond(method, target, headers, body)
            query = self.requests[-1].query
            step = int(query["granularity"]) * 1000
            low, high = (_ms(query[name]) for name in ("start", "end"))
            found = [[time // step * step // 1000, *row[1:]] for time, row in rows.items() if low - step < time <= high]
            return Answer(body=found)

    with Windows(now=lambda: NOW) as exchange:
        source = CcxtSource("coinbaseexchange", base_url=exchange.url, clock=ManualClock(NOW), markets=[market])
        found = _all(source, "BTC/USD", HOURS - 9000 * HOUR, HOURS)
        source.close()
        assert [row[0] for row in found] == list(rows)
        assert len(exchange.requests) < 10


def _ms(text: str) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _market(id_: str, pair: str) -> dict[str, object]:
    base, quote = pair.split("/")
    return {"id": id_, "symbol": pair, "base": base, "quote": quote, "type": "spot", "spot": True, "active": True}


def test_too_many_requests_are_waited_out_as_asked(
    source_of: Open, exchange: LoopbackExchange, clock: ManualClock
) -> None:
    """Retry-After in seconds, then as a date."""
    source = source_of("binance")
    _all(source, "BTC/USDT", HOURS - HOUR, HOURS)
    exchange.fail("BTC/USDT", status=429, headers={"Retry-After": "7"}, times=1)
    assert len(_all(source, "BTC/USDT", HOURS - HOUR, HOURS)) == 1
    assert 7.0 in clock.waits
    exchange.fail("BTC/USDT", status=418, headers={"Retry-After": formatdate(clock.time() + 40, usegmt=True)}, times=1)
    assert len(_all(source, "BTC/USDT", HOURS - HOUR, HOURS)) == 1
    assert any(39 <= wait <= 40 for wait in clock.waits)


def test_a_ban_longer_than_the_budget_is_given_up_at_once(source_of: Open, exchange: LoopbackExchange) -> None:
    """Asking during a ban makes it longer."""
    exchange.fail("BTC/USDT", status=418, headers={"Retry-After": "600"})
    with pytest.raises(SourceUnavailableError, match=r"gave up after 1 try in 0s.*418.*asks to wait 10m"):
        _all(source_of("binance"), "BTC/USDT", HOURS - HOUR, HOURS)
    assert _asked(exchange) == 1


@pytest.mark.parametrize(("name", "pair"), [BINANCE, KRAKEN])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
def test_an_outage_of_a_moment_is_survived(
    source_of: Open, exchange: LoopbackExchange, name: str, pair: str, status: int
) -> None:
    """Twice an error, then candles."""
    exchange.fail(pair, status=status, times=2)
    assert len(_all(source_of(name), pair, HOURS - HOUR, HOURS)) == 1
    assert _asked(exchange) == 3


def test_an_outage_that_lasts_is_given_up_in_one_line(source_of: Open, exchange: LoopbackExchange) -> None:
    """With what failed, how often, and the status; secrets and long pages are cut."""
    with hide_secrets("s3cret-token"):
        exchange.fail("BTC/USD", status=503, body="s3cret-token\n" + "<p>x</p>\n" * 500)
        with pytest.raises(SourceUnavailableError) as caught:
            _all(source_of("kraken"), "BTC/USD", HOURS - HOUR, HOURS)
    text = str(caught.value)
    assert text.startswith("kraken: BTC/USD 1h: gave up after 5 tries in ")
    assert "503" in text
    assert "s3cret" not in text
    assert "\n" not in text
    assert len(text) < 400
    assert _asked(exchange) == 5


@pytest.mark.parametrize(("status", "body"), [(451, "x"), (403, "blocked: access from your country"), (401, "{}")])
def test_a_block_is_not_asked_again(source_of: Open, exchange: LoopbackExchange, status: int, body: str) -> None:
    """A geo-block will not go away in a minute."""
    exchange.fail("BTC/USDT", status=status, body=body)
    with pytest.raises(SourceRefusedError, match="binance: BTC/USDT 1h: "):
        _all(source_of("binance"), "BTC/USDT", HOURS - HOUR, HOURS)
    assert _asked(exchange) == 1


@pytest.mark.parametrize("name", ["binance", "kraken"])
def test_an_unknown_pair_is_refused_without_asking_for_it(
    source_of: Open, exchange: LoopbackExchange, name: str
) -> None:
    """The error suggests a pair that is listed."""
    with pytest.raises(SourceRefusedError, match=f"{name} does not list BTC/USX; did you mean .*BTC/USD"):
        _all(source_of(name), "BTC/USX", HOURS - HOUR, HOURS)
    assert _asked(exchange) == 0


def test_a_timeframe_the_exchange_lacks_is_refused_with_those_it_has(source_of: Open) -> None:
    """Sorted by length."""
    with pytest.raises(SourceRefusedError, match="no candles of 2h; it has 1m, 5m, 15m, 30m, 1h, 4h, 1d, 1w, 2w"):
        _all(source_of("kraken"), "BTC/USD", HOURS - HOUR, HOURS, "2h")


@pytest.mark.parametrize(
    ("name", "pair", "body"),
    [
        (*BINANCE, b""),
        (*BINANCE, b"<html>maintenance</html>"),
        (*BINANCE, b"[[1700000000000"),
        (*BINANCE, b"null"),
        (*BINANCE, {}),
        (*BINANCE, {"hello": "world"}),
        (*BINANCE, ["error", 10020, "limit: invalid"]),
        (*KRAKEN, b""),
        (*KRAKEN, b"<html>maintenance</html>"),
        (*KRAKEN, {"hello": "world"}),
        (*KRAKEN, {"error": [], "result": {}}),
        (*KRAKEN, {"error": [], "result": {"last": 0}}),
        (*KRAKEN, {"error": ["EService:Unavailable"]}),
        (*KRAKEN, {"error": ["EGeneral:Internal error"]}),
    ],
)
def test_nonsense_with_status_200_is_a_failure(
    source_of: Open, exchange: LoopbackExchange, name: str, pair: str, body: object
) -> None:
    """It is asked again, and never taken for an empty answer."""
    exchange.fail(pair, status=200, body=body)
    with pytest.raises(SourceUnavailableError, match="gave up after 5 tries"):
        _all(source_of(name), pair, HOURS - HOUR, HOURS)


@pytest.mark.parametrize(
    ("name", "pair", "body"),
    [(*BINANCE, []), (*KRAKEN, {"error": [], "result": {"XXBTZUSD": [], "last": 0}})],
)
def test_an_answer_that_lists_no_candle_is_an_answer(
    source_of: Open, exchange: LoopbackExchange, name: str, pair: str, body: object
) -> None:
    """Nobody traded: it is not asked again."""
    exchange.fail(pair, status=200, body=body)
    assert _all(source_of(name), pair, HOURS - HOUR, HOURS) == []
    assert _asked(exchange) == 1


@pytest.mark.parametrize(
    ("name", "pair", "body"),
    [
        (*BINANCE, {"code": -1121, "msg": "Invalid symbol."}),
        (*BINANCE, {"code": -9999, "msg": "never heard of"}),
        (*KRAKEN, {"error": ["EQuery:Unknown asset pair"]}),
    ],
)
def test_an_error_with_status_200_is_refused_at_once(
    source_of: Open, exchange: LoopbackExchange, name: str, pair: str, body: object
) -> None:
    """What the exchange says no to, it says no to again."""
    exchange.fail(pair, status=200, body=body)
    with pytest.raises(SourceRefusedError, match=f"{name}: {pair} 1h: "):
        _all(source_of(name), pair, HOURS - HOUR, HOURS)
    assert _asked(exchange) == 1


def test_markets_that_are_nonsense_are_an_outage_not_an_unknown_pair(
    source_of: Open, exchange: LoopbackExchange
) -> None:
    """Else a pair would be given up because of a bad minute."""
    exchange.fail(status=200, body={"hello": "world"}, times=2)
    assert len(_all(source_of("binance"), "BTC/USDT", HOURS - HOUR, HOURS)) == 1


def test_a_connection_that_is_reset_is_made_again(source_of: Open, exchange: LoopbackExchange) -> None:
    """As is one that was kept open too long."""
    exchange.reset("BTC/USDT", times=2)
    assert len(_all(source_of("binance"), "BTC/USDT", HOURS - HOUR, HOURS)) == 1


def test_a_server_that_hangs_is_left_after_the_timeout(source_of: Open, exchange: LoopbackExchange) -> None:
    """Before its first byte, each try; and a server that drips as well, after three timeouts."""
    source = source_of("binance", timeout=0.1, attempts=2)
    _all(source, "BTC/USDT", HOURS - HOUR, HOURS)
    for fault in (exchange.hang, exchange.drip):
        fault("BTC/USDT", seconds=0.05 if fault == exchange.drip else 60)
        began = time.monotonic()
        with pytest.raises(SourceUnavailableError, match=r"after 2 tries.*RequestTimeout"):
            _all(source, "BTC/USDT", HOURS - HOUR, HOURS)
        assert time.monotonic() - began < 5
        exchange.heal()
        _all(source, "BTC/USDT", HOURS - HOUR, HOURS)


def test_what_was_not_answered_is_tried_once_until_it_is(source_of: Open, exchange: LoopbackExchange) -> None:
    """So that an outage of one pair, or of all, keeps nobody waiting for long; then patience is back."""
    source = source_of("binance", attempts=3)
    _all(source, "BTC/USDT", HOURS - HOUR, HOURS)
    tries = []
    runs = ((None, "BTC"), (None, "BTC"), (0, "ETH"), (1, "BTC"), (1, "ETH"), (0, "ETH"), (1, "ETH"))
    for times, pair in ((times, f"{base}/USDT") for times, base in runs):
        exchange.heal()
        exchange.fail(pair, times=times)
        before = _asked(exchange)
        try:
            _all(source, pair, HOURS - HOUR, HOURS)
        except SourceUnavailableError:
            tries.append(before - _asked(exchange))
        else:
            tries.append(_asked(exchange) - before)
    assert tries == [-3, -1, 1, -1, -1, 1, 2]


@pytest.mark.parametrize(
    ("job", "status", "body"),
    [
        (BINANCE, 429, "slow down"),
        (BINANCE, 418, "banned"),
        (BINANCE, 200, {"code": -1003, "msg": "x"}),
        (KRAKEN, 200, {"error": ["EAPI:Rate limit exceeded"]}),
    ],
)
def test_being_asked_too_often_is_told_apart(
    source_of: Open, exchange: LoopbackExchange, job: tuple[str, str], status: int, body: object
) -> None:
    """With the wait the exchange asks for, so that a scheduler can leave it alone."""
    name, pair = job
    exchange.fail(pair, status=status, body=body, headers={"Retry-After": "900"})
    with pytest.raises(RateLimitedError, match="asks to wait 15m") as caught:
        _all(source_of(name), pair, HOURS - HOUR, HOURS)
    assert caught.value.wait == 900


def test_a_stop_ends_paging_and_retrying(source_of: Open, exchange: LoopbackExchange) -> None:
    """What came before it stays valid; a failing exchange is not asked again."""
    stop = threading.Event()
    source = source_of("binance", stop=stop)
    pages = source.pages("BTC/USDT", "1h", HOURS - 5000 * HOUR, HOURS)
    assert len(next(pages)) == 1000
    stop.set()
    assert list(pages) == []
    exchange.fail()
    with pytest.raises(SourceUnavailableError, match="kraken: stopped before the request"):
        _all(source_of("kraken", stop=stop), "BTC/USD", HOURS - HOUR, HOURS)


def test_a_stop_while_a_page_is_asked_for_ends_the_pages(clock: ManualClock) -> None:
    """Those before it are a result, and no failure hides how many candles they had."""
    stop = threading.Event()

    class Stopping(LoopbackExchange):
        @override
        def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
            if _asked(self) == 1:
                stop.set()
            return super().respond(method, target, headers, body)

    with Stopping(now=lambda: NOW) as exchange:
        source = CcxtSource("binance", base_url=exchange.url, clock=clock, stop=stop)
        pages = list(source.pages("BTC/USDT", "1h", HOURS - 5000 * HOUR, HOURS))
        source.close()
        assert [len(page) for page in pages] == [1000]
        assert _asked(exchange) == 2


def test_requests_keep_the_distance_the_exchange_wants(source_of: Open, clock: ManualClock) -> None:
    """Kraken asks for a second between two, and for a little more after candles."""
    source = source_of("kraken")
    for _ in range(3):
        _all(source, "BTC/USD", HOURS - HOUR, HOURS)
    assert clock.waits == pytest.approx((1.0, 1.2, 1.2))


def test_one_source_serves_many_threads(source_of: Open) -> None:
    """Its calls come one after another."""
    source, found = source_of("binance"), dict[int, list[Candle]]()

    def fetch(hours: int) -> None:
        found[hours] = _all(source, "BTC/USDT", HOURS - hours * HOUR, HOURS)

    threads = [threading.Thread(target=fetch, args=(hours,)) for hours in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {hours: len(rows) for hours, rows in found.items()} == {hours: hours for hours in range(1, 9)}


def test_a_pair_listed_after_the_markets_were_loaded_is_found_within_an_hour(
    source_of: Open, exchange: LoopbackExchange, clock: ManualClock
) -> None:
    """A collector runs for months."""
    source = source_of("kraken")
    exchange.pairs = ("BTC/USD",)
    for _ in range(2):
        with pytest.raises(SourceRefusedError, match="does not list ETH/USD"):
            _all(source, "ETH/USD", HOURS - HOUR, HOURS)
    assert len(exchange.requests) == 1
    exchange.pairs = ("BTC/USD", "ETH/USD")
    clock.advance(3600)
    assert len(_all(source, "ETH/USD", HOURS - HOUR, HOURS)) == 1


@pytest.mark.parametrize(
    "name", ["binance", "kraken", "okx", "coinbaseexchange", "bybit", "bitfinex", "kucoin", "gate"]
)
def test_every_request_goes_to_the_address_given(source_of: Open, exchange: LoopbackExchange, name: str) -> None:
    """Markets of spot and of futures, and candles; where one would leave loopback it would fail to connect."""
    exchange.answer("/", {"code": 404, "msg": "not here"}, status=500)
    for pair in ("BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"):
        before = len(exchange.requests)
        with pytest.raises(SourceUnavailableError, match="gave up after 1 try"):
            _all(source_of(name, attempts=1), pair, HOURS - HOUR, HOURS)
        assert len(exchange.requests) > before
