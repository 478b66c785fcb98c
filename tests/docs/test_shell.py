"""What the pages type at a prompt: each command of dccd is executed, and prints what the page shows."""

import doctest
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from dccd.candles import CandleStore, Series
from dccd.daemon import AlertConfig, CollectorConfig, HealthMonitor, HistoJob, StorageConfig, run_once
from dccd.testing import LoopbackExchange, WebhookReceiver, candle

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "source").glob("*.rst"))]
# What the README and the guides name, and what stands for it here.
ADDRESS = "https://alerts.example.org/dccd"
SLACK = "https://hooks.slack.com/services/T0/B0/x"
DIRECTORY = "/var/lib/dccd"


@dataclass(frozen=True)
class Step:
    """A line typed at a prompt, and what it prints."""

    page: str
    command: str
    expected: str = ""


def steps(path: Path) -> Iterator[Step]:
    """Yield what a page types, of that what is executed here."""
    text = path.read_text(encoding="utf-8")
    pattern = r"^```console\n(.*?)^```" if path.suffix == ".md" else r"^\.\. code-block:: console\n\n((?:   .*\n|\n)+)"
    for block in re.findall(pattern, text, re.DOTALL | re.MULTILINE if path.suffix == ".md" else re.MULTILINE):
        lines = re.sub(r"^   ", "", block, flags=re.MULTILINE).replace("\\\n", " ").rstrip().splitlines()
        step: Step | None = None
        for line in [*lines, "$ "]:
            if not line.startswith("$ "):
                step = step and replace(step, expected=f"{step.expected}{line}\n")
                continue
            if step is not None and re.match(r"export |(?:\w+='?[^']*'? +)*dccd\b", step.command):
                yield step
            step = Step(path.name, line.removeprefix("$ "))


TYPED = {path.name: list(steps(path)) for path in PAGES}


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give what stands for the places and servers that the pages name: data of some jobs, a webhook, an exchange."""
    data = tmp_path / "data"
    with LoopbackExchange() as exchange, WebhookReceiver() as webhook:
        with HealthMonitor(data, AlertConfig()) as monitor:
            monitor.record_success("kraken", "BTC/USD", rows=720)
            missing = HistoJob(exchange="binance", pairs=("NO/SUCH",), base_url=exchange.url)
            for _ in range(2):
                run_once(CollectorConfig(storage=StorageConfig(local_path=data), histo_jobs=(missing,)), monitor)
            monitor.record_success("binance", "BTC/USDT", rows=500)
        host = webhook.url.partition("/hook")[0].rpartition(":")[0]
        yield {
            ADDRESS: webhook.url,
            SLACK: webhook.url,
            "slack (https://hooks.slack.com/***)": f"generic ({host}/***)",
            "generic (https://alerts.example.org/***)": f"generic ({host}/***)",
            "alerts: slack": "alerts: generic",
            DIRECTORY: str(data),
            '{"exchange": "kraken",': f'{{"base_url": "{exchange.url}", "exchange": "kraken",',
        }


@pytest.fixture
def candles(machine: dict[str, str], tmp_path: Path) -> Iterator[None]:
    """Store candles of which three are missing, and configure the exchange that has them."""
    series, hour, now = Series("kraken", "BTC/USD", "1h"), 3600, datetime.fromisoformat("2026-11-24T00:00Z").timestamp()
    first, gap = (datetime.fromisoformat(f"2026-11-{at}:00Z").timestamp() for at in ("01T00", "03T14"))
    opened = [at for at in range(round(first), round(now), hour) if not gap <= at < gap + 3 * hour]
    CandleStore(machine[DIRECTORY]).write(series, [candle(series.pair, hour, at * 1000) for at in opened])
    with LoopbackExchange(now=lambda: now) as exchange:
        job = f'[[tool.dccd.histo_jobs]]\nexchange = "kraken"\npairs = ["BTC/USD"]\nbase_url = "{exchange.url}"\n'
        (tmp_path / "pyproject.toml").write_text(job, encoding="utf-8")
        yield


@pytest.mark.usefixtures("candles")
def test_each_command_about_candles_prints_what_the_page_shows(tmp_path: Path, machine: dict[str, str]) -> None:
    """In the order of the page: what is missing, what comes when it is asked for, a file."""
    check("sources.rst", tmp_path, machine)


def test_a_configuration_of_2x_becomes_what_the_page_shows(tmp_path: Path, machine: dict[str, str]) -> None:
    """What the command says, and the file that it writes."""
    text = (ROOT / "docs" / "source" / "migrate.rst").read_text(encoding="utf-8")
    shown = re.findall(r"code-block:: (?:yaml|toml)\n\n((?:   .*\n|\n)+)", text)
    before, after = (f"{re.sub(r'^   ', '', block, flags=re.MULTILINE).rstrip()}\n" for block in shown)
    (tmp_path / "config.yml").write_text(before, encoding="utf-8")
    check("migrate.rst", tmp_path, machine | {"/srv/dccd": str(tmp_path)})
    assert (tmp_path / "dccd.toml").read_text(encoding="utf-8") == after.replace("/srv/dccd", str(tmp_path))


SET_UP_BY_THEIR_OWN_TEST = {"sources.rst", "migrate.rst"}


@pytest.mark.parametrize(
    "name", [name for name, typed in TYPED.items() if typed and name not in SET_UP_BY_THEIR_OWN_TEST]
)
def test_each_command_shown_prints_what_the_page_shows(name: str, tmp_path: Path, machine: dict[str, str]) -> None:
    """In the order of the page, with what it exported before; `...` stands for what differs from run to run."""
    check(name, tmp_path, machine)


def check(name: str, tmp_path: Path, machine: dict[str, str]) -> None:
    """Execute what a page types, and compare what is said with what it shows."""
    environment = dict(os.environ) | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "COLUMNS": "80",
        "DCCD_STORAGE__LOCAL_PATH": machine[DIRECTORY],
    }
    for step in TYPED[name]:
        command, expected = step.command, step.expected
        for there, here in machine.items():
            command, expected = command.replace(there, here), expected.replace(there, here)
        if command.startswith("export "):
            variable, _, value = command.removeprefix("export ").partition("=")
            environment[variable] = value.strip("'")
            continue
        said = execute(command, environment, tmp_path)
        if expected:
            options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            matches = doctest.OutputChecker().check_output(plain(expected), plain(said), options)
            assert matches, f"{step.page}: $ {step.command}\nsays\n{said}\nnot\n{expected}"


def plain(text: str) -> str:
    """Return a text with its durations made equal: a page says `3s ago`, a slow machine takes longer."""
    return re.sub(r"\b\d+[smhd](?: \d+[smhd])?\b", "0s", text)


def execute(command: str, environment: dict[str, str], directory: Path) -> str:
    """Return what a command prints; one that goes on for ever is ended by SIGTERM once it has started."""
    with subprocess.Popen(
        ["/bin/sh", "-c", f"exec env {command}" if "=" in command.split(maxsplit=1)[0] else f"exec {command}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=directory,
    ) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        lines = []
        for line in process.stdout:
            lines.append(line)
            if " started" in line and "dccd start" in command:
                process.send_signal(signal.SIGTERM)
        watchdog.cancel()
        process.wait()
    said = "".join(lines)
    assert process.returncode in {0, 1}, f"$ {command}\nexit code {process.returncode}\n{said}"
    assert "Traceback" not in said
    return said


def test_something_is_typed_on_the_pages() -> None:
    """So that a change of markup does not leave this file without a subject."""
    assert sum(len(typed) for typed in TYPED.values()) > 20
    assert any(step.expected for typed in TYPED.values() for step in typed)
