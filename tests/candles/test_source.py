"""The register of sources."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from dccd.candles import (
    Candle,
    CcxtSource,
    check_exchange,
    known_exchange,
    open_source,
    register_source,
    unregister_source,
)
from dccd.errors import SourceRefusedError, UnknownSourceError


class Empty:
    """A source without candles."""

    def __init__(self, base_url: str | None) -> None:
        self.base_url = base_url

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[Sequence[Candle]]:
        """Yield nothing."""
        return iter(())

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def registered() -> Iterator[str]:
    """Name of a source of our own, registered over an exchange of ccxt."""
    register_source("kraken", Empty)
    yield "kraken"
    unregister_source("kraken")


def test_a_registered_source_comes_first_and_gets_the_address(registered: str) -> None:
    """Also where ccxt knows the name."""
    source = open_source(registered, base_url="http://127.0.0.1:1")
    assert isinstance(source, Empty)
    assert source.base_url == "http://127.0.0.1:1"


def test_an_exchange_of_ccxt_is_opened_without_a_request() -> None:
    """Opening asks no network."""
    source = open_source("kraken")
    assert isinstance(source, CcxtSource)
    source.close()


@pytest.mark.parametrize(
    ("name", "advice"), [("Binance", "did you mean 'binance'"), ("krakenn", "'kraken'"), ("?", "register_source")]
)
def test_a_misspelt_name_is_told_with_a_close_one(name: str, advice: str) -> None:
    """So that a configuration is soon put right."""
    assert not known_exchange(name)
    with pytest.raises(UnknownSourceError, match=advice):
        check_exchange(name)
    with pytest.raises(UnknownSourceError, match=advice):
        open_source(name)


def test_an_exchange_without_candles_is_refused() -> None:
    """It will not have any tomorrow either."""
    import ccxt

    without = next(name for name in ccxt.exchanges if getattr(ccxt, name)().has["fetchOHLCV"] is not True)
    with pytest.raises(SourceRefusedError, match="offers no candles"):
        open_source(without)


def test_importing_the_package_loads_no_heavy_dependency() -> None:
    """The extra is needed when collecting begins, not before."""
    code = "import sys, dccd.candles, dccd.testing; print({'ccxt', 'pyarrow', 'requests', 'filelock'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_missing_extra_is_told_in_one_line() -> None:
    """With the command that installs it."""
    code = """
import sys
sys.modules["ccxt"] = sys.modules["pyarrow"] = None
from dccd.candles import CandleStore, open_source
from dccd.errors import MissingExtraError
for use in (lambda: open_source("kraken"), lambda: CandleStore("x")):
    try:
        use()
    except MissingExtraError as error:
        print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "candles from exchanges need ccxt",
        "storing candles needs pyarrow",
    ]
