"""Candles: fetch them from an exchange and store them in Parquet files.

A `CandleSource` gives pages of candles: `open_source` opens one for each exchange that ccxt knows, and
`register_source` adds your own. `collect` brings one `Series` in a `CandleStore` up to date. Exchanges need ccxt and
the store needs pyarrow, both from the extra ``collect``; importing this package loads neither.
"""

from dccd.candles.ccxt_source import CcxtSource
from dccd.candles.collect import Collected, collect
from dccd.candles.fill import Filled, fill_gaps
from dccd.candles.source import (
    CandleSource,
    SourceFactory,
    check_exchange,
    known_exchange,
    open_source,
    register_source,
    unregister_source,
)
from dccd.candles.store import CandleStore
from dccd.lake import Candle, Coverage, Gap, Month, Series, Span

__all__ = [
    "Candle",
    "CandleSource",
    "CandleStore",
    "CcxtSource",
    "Collected",
    "Coverage",
    "Filled",
    "Gap",
    "Month",
    "Series",
    "SourceFactory",
    "Span",
    "check_exchange",
    "collect",
    "fill_gaps",
    "known_exchange",
    "open_source",
    "register_source",
    "unregister_source",
]
