"""Bring a stored series up to date."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from dccd.candles.source import CandleSource
from dccd.candles.store import CandleStore
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.lake import Candle, Gap, Series, utc

_logger: Final = logging.getLogger("dccd.candles")
_REFETCHED_CANDLES: Final = 3
_FIRST_CANDLES: Final = 500
_ALIGNED_SECONDS: Final = 1800
_BATCH_CANDLES: Final = 10_000
_BATCH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Collected:
    """The result of a run of `collect`.

    Parameters
    ----------
    new : int
        Candles that were not in the store.
    fetched : int
        Closed candles that the source gave, those stored before included.
    newest : int or None
        Open time of the newest candle stored, in milliseconds (UTC); None while there is none.
    gaps : tuple of Gap
        What is missing in the requested range, up to the candles that were stored before.
    skipped : int, optional
        Candles with a missing price, a number that is not finite, or an impossible open time.
    complete : bool, optional
        Whether the run reached its end; False if ``enough`` ended it before.

    Examples
    --------
    >>> from dccd.candles import Collected
    >>> Collected(new=2, fetched=5, newest=1_700_000_040_000, gaps=()).new
    2
    """

    new: int
    fetched: int
    newest: int | None
    gaps: tuple[Gap, ...]
    skipped: int = 0
    complete: bool = True


def collect(  # noqa: PLR0913 - keywords with defaults
    source: CandleSource,
    store: CandleStore,
    series: Series,
    *,
    start: datetime | None = None,
    now: float,
    progress: Callable[[int, int, int], None] | None = None,
    enough: Callable[[], bool] | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Collected:
    """Fetch the closed candles after the newest one of a series, and store them as they come.

    The last three candles stored are fetched again, as exchanges correct them. The candle still open at `now` is never
    stored, and nothing is made up: what an exchange does not have is reported as a gap. Candles are written every five
    seconds or 10,000 candles, so a run that is killed loses no more than that, and the next run fetches it again.

    Parameters
    ----------
    source : CandleSource
        What gives the candles.
    store : CandleStore
        Where to write them.
    series : Series
        The series to collect.
    start : datetime, optional
        Where a series without candles begins (UTC if it has no zone), default 500 candles ago. It does not extend
        a series that has candles.
    now : float
        The time, in Unix seconds.
    progress : callable, optional
        Called after each page with the number of candles fetched so far, the open time of the newest one and the
        time at which the run ends, both in milliseconds (UTC).
    enough : callable, optional
        Called after each page with newer candles; once it returns True the run ends, and the next run goes on from
        there.
    clock : Clock, optional
        Tells when to write.

    Returns
    -------
    Collected
        How many candles were stored and what is missing.

    Raises
    ------
    SourceError
        If the source fails; the pages before are stored.
    StorageError
        If candles cannot be stored.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.candles import CandleStore, Series, collect, open_source
    >>> from dccd.testing import LoopbackExchange
    >>> series = Series("binance", "BTC/USDT", "1h")
    >>> with LoopbackExchange() as exchange, tempfile.TemporaryDirectory() as directory:
    ...     source = open_source("binance", base_url=exchange.url)
    ...     store = CandleStore(directory)
    ...     first = collect(source, store, series, now=1_700_000_000)
    ...     second = collect(source, store, series, now=1_700_007_200)
    ...     source.close()
    >>> first.new, second.new, second.fetched, second.gaps
    (500, 2, 5, ())
    """
    step = series.seconds * 1000
    until = math.floor(now * 1000) - step + 1
    last = store.last(series)
    since = _begin(last, start, until, step)
    batch, fetched, skipped, newest, complete = _Batch(store, series, clock), 0, 0, last, True
    with batch:
        for page in source.pages(series.pair, series.timeframe, since, until):
            inside = [candle for candle in page if since <= candle[0] < until]
            candles = list(usable(inside, series.seconds))
            skipped += len(inside) - len(candles)
            if candles:
                batch.add(candles)
                times = [candle[0] for candle in candles]
                if newest is None and start is not None:
                    _report_late_start(series, since, min(times))
                newest = max(times) if newest is None else max(newest, *times)
                fetched += len(candles)
                if progress is not None:
                    progress(fetched, newest, until)
            has_more = newest is not None and newest + step < until
            if enough is not None and has_more and newest != last and enough():
                complete = False
                break
    gaps = tuple(store.gaps(series, since, newest + 1)) if fetched and newest is not None else ()
    result = Collected(batch.new, fetched, newest, gaps, skipped, complete)
    _report(series, last, result)
    return result


@dataclass(slots=True)
class _Batch:
    """Candles to be stored together, as storing each page on its own would rewrite a month for each page."""

    store: CandleStore
    series: Series
    clock: Clock
    new: int = 0
    _candles: list[Candle] = field(default_factory=list)
    _began: float = 0.0

    def __enter__(self) -> None:
        self._began = self.clock.monotonic()

    def __exit__(self, *_: object) -> None:
        self._write()  # also after an error: the pages before it are valid

    def add(self, candles: Iterable[Candle]) -> None:
        self._candles.extend(candles)
        if len(self._candles) >= _BATCH_CANDLES or self.clock.monotonic() - self._began >= _BATCH_SECONDS:
            self._write()

    def _write(self) -> None:
        candles, self._candles, self._began = self._candles, [], self.clock.monotonic()
        self.new += self.store.write(self.series, candles)


def _begin(last: int | None, start: datetime | None, until: int, step: int) -> int:
    if last is not None:
        # A candle from the future, stored when the clock was wrong, must not stop the series.
        return max(0, min(last, until - 1) - (_REFETCHED_CANDLES - 1) * step)
    if start is None:
        return max(0, until - _FIRST_CANDLES * step)
    return max(0, math.ceil((start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp() * 1000))


def usable(candles: Iterable[Candle], seconds: int) -> Iterator[Candle]:
    """Yield the candles that can be stored: all numbers are finite and the open time is possible."""
    # Longer candles begin with the day or week of the exchange; up to half an hour all exchanges agree.
    alignment = seconds * 1000 if _ALIGNED_SECONDS % seconds == 0 else 1
    for candle in candles:
        if candle[0] % alignment == 0 and all(map(math.isfinite, candle)):
            yield candle


def _report(series: Series, last: int | None, result: Collected) -> None:
    """Log what is missing, unless an earlier run has reported all of it."""
    if any(last is None or gap.end > last for gap in result.gaps):
        missing, count, first = sum(gap.missing for gap in result.gaps), len(result.gaps), result.gaps[0]
        _logger.warning("%s: candles missing: %d, gaps: %d; the first: %s", series, missing, count, first)
    if result.skipped:
        _logger.warning("%s: candles skipped: %d, with a price missing or an impossible time", series, result.skipped)


def _report_late_start(series: Series, asked: int, oldest: int) -> None:
    """Log that a new series begins after its start: it was listed later, or the exchange has dropped older candles."""
    if oldest - asked >= series.seconds * 1000:
        _logger.warning("%s begins at %s, not at %s: the exchange gave nothing older", series, utc(oldest), utc(asked))
