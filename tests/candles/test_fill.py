"""Asking again for what is missing."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest

from dccd.candles import Candle, CandleStore, Gap, Series, fill_gaps
from dccd.errors import SourceUnavailableError

MINUTE = 60_000
SERIES = Series("made-up", "BTC/USDT", "1m")


class Archive:
    """A source that has some minutes, and may break at one."""

    def __init__(self, minutes: Sequence[int], breaks_at: int | None = None) -> None:
        self.minutes = minutes
        self.breaks_at = breaks_at
        self.asked: list[tuple[int, int]] = []

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield what it has, one candle a page, with prices of its own."""
        self.asked.append((since // MINUTE, until // MINUTE))
        for minute in self.minutes:
            if minute == self.breaks_at:
                msg = "made-up: outage"
                raise SourceUnavailableError(msg)
            if since <= minute * MINUTE < until:
                yield [_candle(minute, 2.0)]

    def close(self) -> None:
        """Do nothing."""


def _candle(minute: int, price: float = 1.0) -> Candle:
    return minute * MINUTE, price, price, price, price, 1.0


@pytest.fixture
def store(tmp_path: pytest.TempPathFactory) -> CandleStore:
    """A store with gaps: minutes 2 to 4, 6, and 1000 to 1999."""
    made = CandleStore(str(tmp_path))
    made.write(SERIES, [_candle(minute) for minute in (0, 1, 5, *range(7, 1000), 2000)])
    return made


def test_what_the_exchange_has_is_stored_and_the_rest_is_told(store: CandleStore) -> None:
    """Candles that are there stay as they are; gaps that are near each other are one request."""
    archive = Archive([0, 1, 2, 4, 5, 6, 7, *range(1000, 2001)])
    filled = fill_gaps(archive, store, SERIES, store.gaps(SERIES))
    assert (filled.new, filled.left) == (1003, (Gap(3 * MINUTE, 3 * MINUTE, 1),))
    assert archive.asked == [(2, 7), (1000, 2000)]
    table = store.read(SERIES)
    prices = dict(zip(table["ts"].cast(pa.int64()).to_pylist(), table["open"].to_pylist(), strict=True))
    assert [prices.get(minute * MINUTE) for minute in range(8)] == [1.0, 1.0, 2.0, None, 2.0, 1.0, 2.0, 1.0]
    again = fill_gaps(archive, store, SERIES, store.gaps(SERIES))
    assert (again.new, again.left) == (0, filled.left)


def test_what_came_before_an_outage_stays(store: CandleStore) -> None:
    """And the next try goes on."""
    with pytest.raises(SourceUnavailableError):
        fill_gaps(Archive([2, 3, 4, 6], breaks_at=4), store, SERIES, store.gaps(SERIES)[:2])
    assert store.gaps(SERIES)[0] == Gap(4 * MINUTE, 4 * MINUTE, 1)


def test_without_gaps_nothing_is_asked(store: CandleStore) -> None:
    """It is no error."""
    archive = Archive([])
    assert fill_gaps(archive, store, SERIES, []).left == ()
    assert archive.asked == []
