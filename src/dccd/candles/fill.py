"""Request again the candles that are missing in a store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dccd.candles.collect import usable
from dccd.candles.source import CandleSource
from dccd.candles.store import CandleStore
from dccd.lake import Gap, Series

_MAX_CANDLES: Final = 500


@dataclass(frozen=True, slots=True)
class Filled:
    """The result of `fill_gaps`.

    Parameters
    ----------
    new : int
        Candles that were stored.
    left : tuple of Gap
        The gaps that the source has no candles for.

    Examples
    --------
    >>> from dccd.candles import Filled
    >>> Filled(new=3, left=()).new
    3
    """

    new: int
    left: tuple[Gap, ...]


def fill_gaps(source: CandleSource, store: CandleStore, series: Series, gaps: Sequence[Gap]) -> Filled:
    """Fetch the candles missing between those of a series, and store them.

    Stored candles stay as they are. What an exchange does not have is not remembered: the gaps remain, and can be
    requested again.

    Parameters
    ----------
    source : CandleSource
        What gives the candles.
    store : CandleStore
        Where to write them.
    series : Series
        The series with the gaps.
    gaps : sequence of Gap
        The gaps to fill, in order, as `CandleStore.gaps` returns them.

    Returns
    -------
    Filled
        How many candles were stored and which gaps are left.

    Raises
    ------
    SourceError
        If the source fails; the pages before are stored.
    StorageError
        If candles cannot be stored.

    Examples
    --------
    >>> import tempfile
    >>> from dccd.candles import CandleStore, Series, fill_gaps, open_source
    >>> from dccd.testing import LoopbackExchange, candle
    >>> series, first, hour = Series("binance", "BTC/USDT", "1h"), 1_700_002_800_000, 3_600_000
    >>> with LoopbackExchange() as exchange, tempfile.TemporaryDirectory() as directory:
    ...     exchange.remove("BTC/USDT", first + 2 * hour, first + 3 * hour)
    ...     source, store = open_source("binance", base_url=exchange.url), CandleStore(directory)
    ...     _ = store.write(series, [candle("BTC/USDT", 3600, first + n * hour) for n in (0, 4)])
    ...     filled = fill_gaps(source, store, series, store.gaps(series))
    ...     source.close()
    >>> print(filled.new, *filled.left)
    2 1 missing from 2023-11-15T01:00:00Z to 2023-11-15T01:00:00Z
    """
    step, new = series.seconds * 1000, 0
    for group in _near(gaps, _MAX_CANDLES * step):
        for page in source.pages(series.pair, series.timeframe, group[0].start, group[-1].end + step):
            inside = [candle for candle in page if any(gap.start <= candle[0] <= gap.end for gap in group)]
            new += store.write(series, usable(inside, series.seconds))
    # One candle more at each end, as a gap is found only between two candles.
    left = store.gaps(series, gaps[0].start - step, gaps[-1].end + 2 * step) if gaps else []
    return Filled(new, tuple(left))


def _near(gaps: Sequence[Gap], reach: int) -> Iterator[list[Gap]]:
    """Yield groups of gaps that reach over so many milliseconds at most, for one request each."""
    group: list[Gap] = []
    for gap in gaps:
        if group and gap.end - group[0].start > reach:
            yield group
            group = []
        group.append(gap)
    if group:
        yield group
