"""What tests of the commands share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.command import Command
from tests.cli.home import Home

from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
from dccd.testing import LoopbackExchange


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty home, without a width."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.fixture
def data(empty_home: Path) -> Path:
    """Return the directory that a configuration in the home names, with a job that fails and one that is well."""
    (empty_home / "dccd.toml").write_text('[storage]\nlocal_path = "data"\n', encoding="utf-8")
    with HealthMonitor(empty_home / "data", AlertConfig()) as monitor:
        for _ in range(3):
            monitor.record_failure("kraken", "BTC/USD", error=f"TimeoutError: {'no answer ' * 20}")
        monitor.record_success("kraken", "ETH/USD", 5)
    return empty_home / "data"


@pytest.fixture
def dccd(empty_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return what runs the command in the home."""
    return Command(monkeypatch, capsys)


@pytest.fixture
def exchange() -> Iterator[LoopbackExchange]:
    """Return an exchange that serves."""
    with LoopbackExchange() as serving:
        yield serving


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return an empty home."""
    return Home(tmp_path)
