"""The commands about candles."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dccd.candles import Candle, CandleStore, Series, register_source, unregister_source
from dccd.cli.app import app
from dccd.cli.candles import Wanted, export_series, show_gaps
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.errors import DccdError, SourceUnavailableError, StorageError

MINUTE, BEGIN = 60_000, 1_700_000_040_000
BTC, ETH = Series("made-up", "BTC/USDT", "1m"), Series("made-up", "ETH/USDT", "1m")


class Archive:
    """A source that lacks one minute of each pair, and does not answer for SOL."""

    def pages(self, pair: str, timeframe: str, since: int, until: int) -> Iterator[list[Candle]]:
        """Yield one page."""
        if pair.startswith("SOL"):
            msg = "made-up: https://hooks.slack.com/services/s3cret does not answer"
            raise SourceUnavailableError(msg)
        yield [_candle(n) for n in range(12) if n != 3 and since <= BEGIN + n * MINUTE < until]

    def close(self) -> None:
        """Do nothing."""


def _candle(number: int) -> Candle:
    return BEGIN + number * MINUTE, 1.0, 2.0, 0.5, 1.5, 3.0


@pytest.fixture
def config(tmp_path: Path) -> Iterator[CollectorConfig]:
    """A store of two series, one with gaps."""
    register_source("made-up", lambda _: Archive())
    made = CollectorConfig(
        storage=StorageConfig(local_path=tmp_path), histo_jobs=(HistoJob(exchange="made-up", pairs=("BTC/USDT",)),)
    )
    store = CandleStore(tmp_path)
    store.write(BTC, [_candle(number) for number in (0, 1, 5, 6, 8)])
    store.write(ETH, [_candle(number) for number in range(4)])
    yield made
    unregister_source("made-up")


class Said:
    """What a command prints."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self.err: list[str] = []

    def gaps(self, config: CollectorConfig, wanted: Wanted | None = None, **options: bool) -> bool:
        """Run the command."""
        return show_gaps(config, wanted or Wanted(), say=self.out.append, warn=self.err.append, **options)


def test_gaps_are_listed_with_what_they_are_of(config: CollectorConfig) -> None:
    """As a table or as JSON; nothing is asked and nothing is written."""
    said, files = Said(), sorted(config.storage.local_path.rglob("*"))
    assert said.gaps(config)
    assert [line.split() for line in said.out[0].splitlines()] == [
        ["EXCHANGE", "PAIR", "TIMEFRAME", "FROM", "TO", "CANDLES"],
        ["made-up", "BTC/USDT", "1m", "2023-11-14T22:16:00Z", "2023-11-14T22:18:00Z", "3"],
        ["made-up", "BTC/USDT", "1m", "2023-11-14T22:21:00Z", "2023-11-14T22:21:00Z", "1"],
    ]
    assert said.gaps(config, as_json=True)
    assert json.loads(said.out[1])[1] == {
        "exchange": "made-up",
        "pair": "BTC/USDT",
        "timeframe": "1m",
        "from": "2023-11-14T22:21:00Z",
        "to": "2023-11-14T22:21:00Z",
        "candles": 1,
    }
    assert said.err == []
    assert sorted(config.storage.local_path.rglob("*")) == files


def test_filling_says_what_came_and_lists_what_did_not(config: CollectorConfig) -> None:
    """What an exchange does not have stays a gap."""
    said = Said()
    assert said.gaps(config, fill=True)
    assert said.err == ["made-up BTC/USDT 1m: 3 of 4 candles filled; the exchange does not have the other 1"]
    assert "2023-11-14T22:17:00Z" in said.out[0]
    assert len(said.out[0].splitlines()) == 2


def test_an_exchange_that_does_not_answer_is_told_and_the_others_are_filled(config: CollectorConfig) -> None:
    """Without a secret, and the command knows."""
    solana = Series("made-up", "SOL/USDT", "1m")
    CandleStore(config.storage.local_path).write(solana, [_candle(0), _candle(2)])
    said = Said()
    assert not said.gaps(config, fill=True)
    assert said.err[1] == "dccd: made-up SOL/USDT 1m: made-up: https://hooks.slack.com/*** does not answer"
    assert said.err[0].startswith("made-up BTC/USDT 1m: 3 of 4")
    assert "SOL/USDT" in said.out[0]


def test_series_are_chosen_by_name(config: CollectorConfig) -> None:
    """A name that none has is a mistake."""
    said = Said()
    assert said.gaps(config, Wanted(pair="ETH/USDT"))
    assert said.out == ["no gaps in 1 series"]
    with pytest.raises(DccdError, match="it has: made-up BTC/USDT 1m, made-up ETH/USDT 1m"):
        said.gaps(config, Wanted(timeframe="1h"))


def test_an_empty_store_has_no_gaps(tmp_path: Path) -> None:
    """And nothing to export."""
    config, said = CollectorConfig(storage=StorageConfig(local_path=tmp_path)), Said()
    assert said.gaps(config)
    assert said.out == [f"no candles are stored in {tmp_path}"]
    with pytest.raises(DccdError, match="no candles are stored"):
        export_series(config, ("x", "A/B", "1h"), tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_range_is_exported_from_its_start_up_to_its_end(config: CollectorConfig, tmp_path: Path) -> None:
    """Times without a zone are in UTC; what is missing inside is told."""
    wanted, path = ("made-up", "BTC/USDT", "1m"), tmp_path / "out.csv"
    line = export_series(config, wanted, path, start="2023-11-14T22:14:00", end="2023-11-14T23:20:00+01:00")
    assert line == f"{path}: 3 candles of made-up BTC/USDT 1m; 3 are missing between them, dccd gaps shows which"
    assert [row.partition(",")[0] for row in path.read_text().splitlines()] == [
        "ts",
        "2023-11-14T22:14:00Z",
        "2023-11-14T22:15:00Z",
        "2023-11-14T22:19:00Z",
    ]


@pytest.mark.parametrize(
    ("options", "problem"),
    [({"start": "soon"}, "--start: not a time: 'soon'"), ({"end": "2001-01-01"}, "in that range; nothing was written")],
)
def test_a_range_that_is_none_is_told(
    config: CollectorConfig, tmp_path: Path, options: dict[str, str], problem: str
) -> None:
    """Before a file is made."""
    with pytest.raises(DccdError, match=problem):
        export_series(config, ("made-up", "BTC/USDT", "1m"), tmp_path / "out.csv", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out.csv").exists()


def test_a_damaged_file_is_told_and_left_where_it_is(config: CollectorConfig, tmp_path: Path) -> None:
    """An export that silently lacks a month would be worse."""
    (damaged,) = tmp_path.rglob("symbol=BTC-USDT/*/2023-11.parquet")
    damaged.write_bytes(b"PAR1")
    with pytest.raises(StorageError, match=r"2023-11\.parquet is damaged: move it away"):
        export_series(config, ("made-up", "BTC/USDT", "1m"), tmp_path / "out.csv")
    assert damaged.read_bytes() == b"PAR1"
    assert not (tmp_path / "out.csv").exists()


def test_a_name_that_will_not_do_is_told_before_candles_are_read(config: CollectorConfig, tmp_path: Path) -> None:
    """A damaged file shows that none was: it would be the error."""
    (damaged,) = tmp_path.rglob("symbol=BTC-USDT/*/2023-11.parquet")
    damaged.write_bytes(b"PAR1")
    with pytest.raises(DccdError, match=r"out\.xlsx: the name must end in"):
        export_series(config, ("made-up", "BTC/USDT", "1m"), tmp_path / "out.xlsx")


def test_a_damaged_file_of_one_series_hides_no_gap_of_another(config: CollectorConfig, tmp_path: Path) -> None:
    """It is told, and the command knows; the others are listed and filled."""
    CandleStore(tmp_path).write(ETH, [_candle(6)])
    (damaged,) = tmp_path.rglob("symbol=BTC-USDT/*/2023-11.parquet")
    damaged.write_bytes(b"PAR1")
    said = Said()
    assert not said.gaps(config)
    assert [row.split()[1] for row in said.out[0].splitlines()] == ["PAIR", "ETH/USDT"]
    assert not said.gaps(config, fill=True)
    assert said.out[1] == "no gaps in 1 series"
    assert [f"dccd: {damaged} is damaged" in line for line in said.err] == [True, True, False]
    assert said.err[2] == "made-up ETH/USDT 1m: 2 of 2 candles filled"
    assert damaged.read_bytes() == b"PAR1"


def command(config: CollectorConfig, *arguments: str) -> Result:
    """Run a command on the data of a configuration."""
    env, root = {"DCCD_STORAGE__LOCAL_PATH": str(config.storage.local_path)}, logging.getLogger()
    handlers = list(root.handlers)
    try:
        return CliRunner().invoke(app, arguments, env=env)
    finally:
        root.handlers[:] = handlers  # a process of its own would end here


def test_the_commands_are_there_with_their_options(config: CollectorConfig, tmp_path: Path) -> None:
    """What they print goes to stdout, what they do meanwhile to stderr."""
    done = command(config, "gaps", "--json", "--fill", "--pair", "BTC/USDT")
    assert (done.exit_code, json.loads(done.stdout)[0]["candles"]) == (0, 1)
    assert "3 of 4 candles filled" in done.stderr
    path = tmp_path / "out.parquet"
    options = ("--exchange", "made-up", "--pair", "BTC/USDT", "--timeframe", "1m", "-o", str(path))
    done = command(config, "export", *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: 8 candles")
    done = command(config, "export", *options)
    assert isinstance(done.exception, DccdError)
    assert command(config, "export", *options, "--force", "--end", "2023-11-14T22:15:00Z").exit_code == 0
