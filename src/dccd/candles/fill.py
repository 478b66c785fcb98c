"""Ask an exchange again for the candles that a store lacks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dccd.candles.collect import usable
from dccd.candles.source import CandleSource
from dccd.candles.store import CandleStore
from dccd.lake import Gap, Series

__all__ = ["Filled", "fill_gaps"]

_REACH: Final = 500


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of the gaps of a series.

    Parameters
    ----------
    new : int
        Candles that the exchange had.
    left : tuple of Gap
        What it does not have.

    Examples
    --------
    >>> from dccd.candles import Filled
    >>> Filled(new=3, left=()).new
    3
    """

    new: int
    left: tuple[Gap, ...]


def fill_gaps(source: CandleSource, store: CandleStore, series: Series, gaps: Sequence[Gap]) -> Filled:
    """Fetch what is missing between the candles of a series, and store what comes.

    Candles that are stored stay as they are. What an exchange does not have is not remembered: the same gaps are there
    the next time, and may be asked for again.

    Parameters
    ----------
    source : CandleSource
        Where candles come from.
    store : CandleStore
        Where they go.
    series : Series
        Which ones.
    gaps : sequence of Gap
        What is missing, in order, as `CandleStore.gaps` returns it.

    Returns
    -------
    Filled
        What came and what did not.

    Raises
    ------
    SourceError
        If the source does not answer; what came before stays stored.
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
    for group in _near(gaps, _REACH * step):
        for page in source.pages(series.pair, series.timeframe, group[0].start, group[-1].end + step):
            inside = [candle for candle in page if any(gap.start <= candle[0] <= gap.end for gap in group)]
            new += store.write(series, usable(inside, series.seconds))
    # Beyond each end, as a gap shows only between two candles.
    left = store.gaps(series, gaps[0].start - step, gaps[-1].end + 2 * step) if gaps else []
    return Filled(new, tuple(left))


def _near(gaps: Sequence[Gap], reach: int) -> Iterator[list[Gap]]:
    """Yield gaps that one request may cover together."""
    group: list[Gap] = []
    for gap in gaps:
        if group and gap.end - group[0].start > reach:
            yield group
            group = []
        group.append(gap)
    if group:
        yield group
