"""Candles in Parquet files: what a series is, where its files are and what they contain."""

from dccd.lake import layout, parquet
from dccd.lake.coverage import Coverage, Month, Span
from dccd.lake.export import table_writer
from dccd.lake.series import Candle, Gap, Series, utc

__all__ = ["Candle", "Coverage", "Gap", "Month", "Series", "Span", "layout", "parquet", "table_writer", "utc"]
