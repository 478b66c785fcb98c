"""The commands, each as a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.cli.home import Home, job

import dccd
from dccd.candles import CandleStore, Series
from dccd.daemon.health import read_metrics
from dccd.testing import LoopbackExchange, WebhookReceiver

NO_JOBS = "no jobs are configured"


def contents(path: Path) -> dict[str, tuple[int, int]]:
    """Return each file and directory with its size and time of change."""
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in [path, *path.rglob("*")]}


def test_the_version_says_where_it_is_installed(home: Home) -> None:
    """To tell one installation from another."""
    done = home.dccd("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"dccd {dccd.__version__} ({Path(dccd.__file__).parent})\n"


def test_help_names_the_commands(home: Home) -> None:
    """In sentences that fit a terminal; and a word that is none is wrong usage."""
    done = home.dccd("--help", env={"COLUMNS": "80"})
    assert done.returncode == 0
    assert "..." not in done.stdout.partition("Commands:")[2]
    for command in ("run", "start", "status", "validate", "demo"):
        assert command in done.stdout
    wrong = home.dccd("stopp")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_validate_shows_what_would_run(home: Home, exchange: LoopbackExchange) -> None:
    """It asks no network and writes nothing; the alerts go where the variable says, which is a secret."""
    home.write(job(exchange, "BTC/USDT", "ETH/USDT"))
    done = home.dccd("validate")
    assert (done.returncode, done.stderr) == (0, "")
    assert "binance/BTC/USDT" in done.stdout
    assert f"data: {home.data}" in done.stdout
    assert "alerts: OFF, set DCCD_ALERTS__WEBHOOK_URL" in done.stdout
    done = home.dccd("validate", env={"DCCD_ALERTS__WEBHOOK_URL": "https://hooks.slack.com/services/T/B/s3cret"})
    assert "alerts: slack" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert exchange.requests == ()
    assert not home.data.exists()


def test_an_exchange_that_does_not_exist_is_told_with_a_suggestion(home: Home) -> None:
    """By validate, before anything runs."""
    home.write('[[histo_jobs]]\nexchange = "krakn"\npairs = ["BTC/USD"]\n')
    done = home.dccd("validate")
    assert done.returncode == 78
    assert "did you mean 'kraken'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_stores_candles_and_metrics(home: Home, exchange: LoopbackExchange) -> None:
    """And exits 0 if all went well; status shows it before and after, and writes nothing."""
    home.write(job(exchange, "BTC/USDT"))
    before = home.dccd("status")
    assert (before.returncode, before.stderr) == (0, "")
    assert "NEVER" in before.stdout
    assert not home.data.exists()
    done = home.dccd("run")
    assert done.returncode == 0
    assert "500" in done.stdout
    assert CandleStore(home.data).read(Series("binance", "BTC/USDT", "1h")).num_rows == 500
    assert read_metrics(home.data)["binance/BTC/USDT"].rows_collected == 500
    there = contents(home.path)
    after = home.dccd("status")
    assert after.returncode == 0
    (line,) = (line for line in after.stdout.splitlines() if "binance/BTC/USDT" in line)
    assert line.startswith("OK")
    assert "500" in line
    assert contents(home.path) == there


def test_a_run_in_which_a_job_fails_exits_1(home: Home, exchange: LoopbackExchange) -> None:
    """The others have done their work; status shows the worst first, with its error."""
    exchange.fail("ETH/USDT", status=400, body={"code": -1121, "msg": "Invalid symbol."})
    home.write("[alerts]\nmax_consecutive_errors = 1\n" + job(exchange, "BTC/USDT", "ETH/USDT"))
    done = home.dccd("run")
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert "Invalid symbol" in done.stdout
    assert "Traceback" not in done.stderr
    metrics = read_metrics(home.data)
    assert metrics["binance/BTC/USDT"].errors_count == 0
    assert metrics["binance/ETH/USDT"].errors_count == 1
    header, worst, best, *_ = home.dccd("status").stdout.splitlines()
    assert header.startswith("STATE")
    assert worst.startswith("ALERTED")
    assert "Invalid symbol" in worst
    assert best.startswith("OK")


def test_a_run_sends_its_alert_before_it_ends(home: Home, exchange: LoopbackExchange) -> None:
    """The address is a variable and appears nowhere."""
    exchange.fail("BTC/USDT", status=400, body={"code": -1121, "msg": "Invalid symbol."})
    home.write("[alerts]\nmax_consecutive_errors = 1\n" + job(exchange, "BTC/USDT"))
    with WebhookReceiver() as receiver:
        done = home.dccd("run", env={"DCCD_ALERTS__WEBHOOK_URL": receiver.url})
        (message,) = receiver.messages
    assert "[FIRING] binance/BTC/USDT" in message.json["text"]
    assert "s3cret" not in done.stdout + done.stderr
    assert not any(b"s3cret" in file.read_bytes() for file in home.data.rglob("*") if file.is_file())


def test_a_run_shows_bars_on_a_terminal_and_log_lines_elsewhere(home: Home, exchange: LoopbackExchange) -> None:
    """So that a first backfill in a container or a pipe is not silent for an hour."""
    home.write(job(exchange, "BTC/USDT"))
    (line,) = home.dccd("run").stderr.splitlines()
    assert " INFO dccd.daemon.collector: binance/BTC/USDT: 500 new candles in " in line
    pty = pytest.importorskip("pty")
    there, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "dccd", "run"],
        cwd=home.path,
        env={**home.env, "DCCD_STORAGE__LOCAL_PATH": "fresh"},
        stdout=subprocess.PIPE,
        stderr=terminal,
        timeout=60,
        check=True,
    )
    os.close(terminal)
    shown = b""
    with suppress(OSError):
        while part := os.read(there, 65_536):
            shown += part
    os.close(there)
    assert b"500" in done.stdout
    assert b"INFO" not in shown


def test_a_directory_that_cannot_be_used_is_told_in_a_line(home: Home, exchange: LoopbackExchange) -> None:
    """Exit 1, no traceback."""
    home.write(job(exchange, "BTC/USDT"))
    home.data.write_text("in the way")
    done = home.dccd("run")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("dccd: ")
    assert str(home.data) in line


def test_metrics_that_are_damaged_are_told_by_status_and_left(home: Home) -> None:
    """Only a monitor sets them aside."""
    home.write("")
    (home.data / ".dccd").mkdir(parents=True)
    (home.data / ".dccd" / "metrics.json").write_bytes(b"damage")
    done = home.dccd("status")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert (home.data / ".dccd" / "metrics.json").read_bytes() == b"damage"


@contextmanager
def closing_by(end: Callable[[], None]) -> Iterator[None]:
    """Call it at the end, whatever happened: waiting for a child that nobody ends hangs the tests."""
    try:
        yield
    finally:
        end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_start_collects_until_a_signal_comes(home: Home, number: int) -> None:
    """Candles of a second for a few ticks; metrics and the log are on the disk, and the end is orderly."""
    with LoopbackExchange() as exchange:
        home.write(job(exchange, "BTC/USDT", timeframe="1s"))
        with (
            subprocess.Popen(
                [sys.executable, "-m", "dccd", "start"],
                cwd=home.path,
                env=home.env | {"DCCD_LOG__LEVEL": "DEBUG"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process,
            closing_by(process.kill),
        ):
            assert process.stdout is not None
            assert process.stderr is not None
            lines, ticks = [], 0
            for line in process.stdout:
                lines.append(line)
                if "new candles" in line:
                    ticks += 1
                    if ticks == 3:
                        process.send_signal(number)
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
    (started,) = (line for line in lines if "started, jobs: 1" in line)
    assert f"data: {home.data}" in started
    assert "alerts: OFF, set DCCD_ALERTS__WEBHOOK_URL" in started
    assert "stopped" in lines[-1]
    metrics = read_metrics(home.data)["binance/BTC/USDT"]
    assert metrics.runs >= 3
    assert metrics.errors_count == 0
    assert metrics.rows_collected >= 500
    assert "started, jobs: 1" in (home.data / ".dccd" / "dccd.log").read_text()


def test_output_into_a_closed_pipe_is_no_traceback(home: Home) -> None:
    """As of ``dccd status | head -0``."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "dccd", "status"],
        cwd=home.path,
        env=home.env,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert "Traceback" not in done.stderr
