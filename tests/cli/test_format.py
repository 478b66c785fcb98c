"""A data directory of a newer format: every command says so in one line and changes nothing."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.command import Command

from dccd.candles import CandleStore, Series
from dccd.lake import Candle
from dccd.testing import candle

JOB = '[[histo_jobs]]\nexchange = "binance"\npairs = ["BTC/USDT"]\nbase_url = "http://127.0.0.1:1"\n'
SERIES = ("--exchange", "binance", "--pair", "BTC/USDT", "--timeframe", "1h")


def rows() -> Iterator[Candle]:
    """Yield candles with a gap."""
    yield from (candle("BTC/USDT", 3600, hour * 3_600_000) for hour in (1, 2, 5))


@pytest.fixture
def newer(data: Path) -> Iterator[Path]:
    """Return a home whose data directory has records, candles and a format that a later dccd would write."""
    with (data.parent / "dccd.toml").open("a", encoding="utf-8") as file:
        file.write(JOB)
    CandleStore(data).write(Series("binance", "BTC/USDT", "1h"), rows())
    (data / ".dccd" / "format").write_text("99 7.8.9\n")
    root = logging.getLogger()
    before = list(root.handlers)
    yield data.parent
    root.handlers[:] = before  # run, start and gaps log to the console for as long as their process lasts


def content(path: Path) -> dict[Path, tuple[int, bytes]]:
    """Return each file and directory below a path with its time of change and its bytes."""
    return {
        each: (each.stat().st_mtime_ns, each.read_bytes() if each.is_file() else b"")
        for each in sorted(path.rglob("*"))
    }


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("status", "--json"),
        ("run",),
        ("start",),
        ("start", "--wait"),
        ("silence", "kraken/BTC/USD", "--for", "1h"),
        ("silences",),
        ("unsilence", "kraken/BTC/USD"),
        ("forget", "kraken/BTC/USD"),
        ("gaps",),
        ("gaps", "--fill"),
        ("export", *SERIES, "--output", "out.csv"),
        ("metrics",),
        ("metrics", "--textfile", "dccd.prom"),
        ("healthcheck",),
    ],
    ids=" ".join,
)
def test_a_newer_format_ends_each_command_in_one_line(dccd: Command, newer: Path, command: tuple[str, ...]) -> None:
    """The line names the version to use, and no file is made, changed or removed."""
    before = content(newer)
    code, out, err = dccd(*command)
    assert (code, out) == (1, "")
    assert err == (
        f"dccd: {newer / 'data'} has format 99, and this dccd knows formats up to 1: use dccd 7.8.9 or newer\n"
    )
    assert content(newer) == before
