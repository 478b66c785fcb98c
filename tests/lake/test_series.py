"""Series, gaps and their notation."""

import pytest

from dccd.candles import Gap, Series


def test_a_series_knows_the_length_of_its_candles() -> None:
    """A timeframe is seconds."""
    assert Series("kraken", "BTC/USD", "4h").seconds == 14_400


def test_a_timeframe_of_no_fixed_length_is_refused() -> None:
    """A calendar month is none, and neither is a typing error."""
    for timeframe in ("1M", "", "hour"):
        with pytest.raises(ValueError, match="timeframe"):
            Series("kraken", "BTC/USD", timeframe)


def test_series_and_gaps_read_well() -> None:
    """They end up in log lines."""
    assert str(Series("kraken", "BTC/USD", "1h")) == "kraken BTC/USD 1h"
    assert str(Gap(0, 60_000, 2)) == "2 missing from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z"
