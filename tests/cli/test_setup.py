"""The first steps of a command: its configuration and its log."""

import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
from tests.cli.home import Home, job

from dccd.cli.setup import configure_logging
from dccd.daemon.config import CollectorConfig, LogConfig
from dccd.daemon.health import read_metrics
from dccd.testing import LoopbackExchange

NO_JOBS = "no jobs are configured"


@pytest.mark.parametrize("command", ["validate", "run", "start"])
def test_without_jobs_there_is_nothing_to_do(home: Home, command: str) -> None:
    """The line says how to configure one; nothing is written."""
    done = home.dccd(command)
    assert (done.returncode, done.stdout) == (78, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"dccd: {NO_JOBS}")
    assert "DCCD_HISTO_JOBS" in line
    assert list(home.path.iterdir()) == []


def test_a_configuration_with_mistakes_is_told_line_by_line(home: Home) -> None:
    """Every command says the same; a secret is not shown."""
    home.write('[alerts]\nwebhook_url = "gopher://s3cret"\nmax_consecutive_errors = 0\n')
    for command in ("validate", "status"):
        done = home.dccd(command)
        assert done.returncode == 78
        assert len(done.stderr.splitlines()) == 2
        assert all(": alerts." in line for line in done.stderr.splitlines())
        assert "dccd.toml" in done.stderr
        assert "s3cret" not in done.stderr


def test_a_file_that_is_named_must_exist(home: Home) -> None:
    """It is no time for defaults."""
    done = home.dccd("status", "--config", "nowhere.toml")
    assert done.returncode == 78
    assert "nowhere.toml" in done.stderr


def test_jobs_may_come_from_the_environment_alone(home: Home, exchange: LoopbackExchange) -> None:
    """As in a container."""
    jobs = [{"exchange": "binance", "pairs": ["BTC/USDT"], "base_url": exchange.url}]
    done = home.dccd(
        "run", env={"DCCD_HISTO_JOBS": json.dumps(jobs), "DCCD_STORAGE__LOCAL_PATH": str(home.path / "elsewhere")}
    )
    assert done.returncode == 0
    assert read_metrics(home.path / "elsewhere")["binance/BTC/USDT"].runs == 1


@pytest.fixture
def no_handlers() -> Iterator[None]:
    """Give the root logger no handlers for as long as a test takes."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    yield
    root.handlers = before


@pytest.mark.usefixtures("no_handlers")
def test_a_second_set_up_of_the_console_replaces_the_first() -> None:
    """So that a reload doubles no line, and one that turns it off ends it."""
    first, second = io.StringIO(), io.StringIO()
    configure_logging(CollectorConfig(), first, logging.DEBUG)
    configure_logging(CollectorConfig(log=LogConfig(level="WARNING", console="json")), second, logging.DEBUG)
    logging.getLogger("dccd.test").warning("once")
    logging.getLogger("dccd.test").info("too low")
    assert first.getvalue() == ""
    (line,) = second.getvalue().splitlines()
    assert "once" in json.loads(line).values()
    configure_logging(CollectorConfig(log=LogConfig(console="off")), second, logging.DEBUG)
    logging.getLogger("dccd.test").warning("again")
    assert second.getvalue().splitlines() == [line]


@pytest.mark.parametrize("command", ["validate", "start"])
@pytest.mark.parametrize("text", [f"[{'.'.join('a' * 2000)}]\n", "[alerts]\nx.y.z = [[[[]]]]\n"], ids=["deep", "odd"])
def test_a_file_that_nobody_could_mean_is_one_line(home: Home, command: str, text: str) -> None:
    """And no traceback."""
    home.write(text)
    done = home.dccd(command)
    assert (done.returncode, done.stdout) == (78, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_pipe_is_refused_at_once(home: Home) -> None:
    """Whoever opens it would wait for somebody to write."""
    os.mkfifo(home.path / "pipe")
    done = home.dccd("validate", "--config", "pipe")
    assert (done.returncode, len(done.stderr.splitlines())) == (78, 1)
    assert "it is a named pipe, not a file" in done.stderr


@pytest.mark.parametrize(
    ("module", "code", "line"),
    [
        ("apprise", 0, "dccd: warning: alerts.apprise_urls: the extra apprise is not installed"),
        ("ccxt", 1, "dccd: candles from exchanges need ccxt"),
        ("pyarrow", 1, "dccd: storing candles needs pyarrow"),
    ],
)
def test_a_missing_extra_is_told_before_it_is_needed(
    home: Home, exchange: LoopbackExchange, module: str, code: int, line: str
) -> None:
    """Only one that the jobs themselves need is an error."""
    home.write(f'[alerts]\napprise_urls = ["tgram://s3cret/1"]\n{job(exchange, "BTC/USDT")}')
    (home.path / f"{module}.py").write_text("raise ImportError\n")
    done = home.dccd("validate", env={"PYTHONPATH": os.pathsep.join([str(home.path), home.env.get("PYTHONPATH", "")])})
    assert done.returncode == code
    (told,) = done.stderr.splitlines()
    assert told.startswith(line)
