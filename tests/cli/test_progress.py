"""How far a run has come."""

import io

from dccd._compat import override
from dccd.cli.progress import progress_bars
from dccd.daemon.config import CollectorConfig, HistoJob

CONFIG = CollectorConfig(histo_jobs=(HistoJob(exchange="binance", pairs=("BTC/USDT", "ETH/USDT"), timeframe="1m"),))
MINUTE, UNTIL = 60_000, 1_700_000_040_000


class Terminal(io.StringIO):
    """Text that takes itself for a terminal."""

    @override
    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def test_bars_are_for_terminals_only() -> None:
    """A file gets none."""
    with progress_bars(io.StringIO(), CONFIG) as progress:
        assert progress is None


def test_each_series_has_a_bar_until_it_is_up_to_date() -> None:
    """With the count and how far it has come."""
    terminal = Terminal()
    with progress_bars(terminal, CONFIG) as progress:
        assert progress is not None
        progress("binance/BTC/USDT", 500, UNTIL - 500 * MINUTE, UNTIL)
        progress("binance/ETH/USDT", 1000, UNTIL - MINUTE, UNTIL)
    shown = terminal.getvalue()
    assert "binance/BTC/USDT" in shown
    assert "500 candles, up to 2023-11-14 13:54" in shown
    assert "ETH" not in shown
