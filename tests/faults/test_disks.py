"""Disks that are full, read-only, or not there any more."""

import itertools
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dccd.candles import CandleStore, Series
from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor, read_metrics
from dccd.daemon.records import Presence
from dccd.daemon.state import Claim, change_alert_state
from dccd.disk import STATE_DIRECTORY
from dccd.errors import StorageError

KEY = "kraken/BTC/USD"


@dataclass
class Disk:
    """A disk of 256 KiB and where it is mounted."""

    real: Path
    place: Path

    def mount(self) -> None:
        """Mount it at its place."""
        run("mount", "--bind", self.real, self.place)

    def unmount(self) -> None:
        """Take it away from its place."""
        run("umount", "-l", self.place)


def run(program: str, *arguments: object) -> None:
    """Run a program that must succeed."""
    path = shutil.which(program)
    assert path is not None
    subprocess.run([path, *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Mount a disk."""
    disk = Disk(tmp_path / "real", tmp_path / "place")
    disk.real.mkdir()
    disk.place.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a disk")
    try:
        run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk.real)
        disk.mount()
    except (AssertionError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    yield disk
    disk.unmount()
    disk.unmount() if os.path.ismount(disk.place) else None
    run("umount", "-l", disk.real)


@contextmanager
def watching(path: Path) -> Iterator[HealthMonitor]:
    """Open a monitor without a log file, which would be on the disk, too."""
    config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=AlertConfig(), log=LogConfig(file="off"))
    with HealthMonitor.from_config(config) as monitor:
        yield monitor


def rows(monitor: HealthMonitor) -> int:
    """Return what the monitor counted."""
    return monitor.get_metrics()[KEY].rows_collected


def fault_of(monitor: HealthMonitor) -> str:
    """Return why records are in memory only, as it is now."""
    return monitor.persistence_fault or "none"


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the store said."""
    return [record.levelname for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_full_disk_delays_and_loses_nothing(disk: Disk, caplog: pytest.LogCaptureFixture) -> None:
    """What is on it stays whole; what comes meanwhile is written when there is room again."""
    with watching(disk.place) as monitor:
        monitor.record_success("kraken", "BTC/USD", 1)
        filler = disk.place / "filler"
        with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
            file.writelines(itertools.repeat(b"x" * 1024))
        for _ in range(20):
            monitor.record_success("kraken", "BTC/USD", 1)
        assert "the disk is full" in fault_of(monitor)
        assert read_metrics(disk.place)[KEY].rows_collected == 1
        assert rows(monitor) == 21
        filler.unlink()
        monitor.record_success("kraken", "BTC/USD", 1)
        assert fault_of(monitor) == "none"
    assert read_metrics(disk.place)[KEY].rows_collected == 22
    assert levels(caplog) == ["ERROR", "WARNING"]


def test_a_disk_that_becomes_read_only_delays_and_loses_nothing(disk: Disk) -> None:
    """As the kernel makes it after an error."""
    with watching(disk.place) as monitor:
        monitor.record_success("kraken", "BTC/USD", 1)
        run("mount", "-o", "remount,ro,bind", disk.place)
        monitor.record_success("kraken", "BTC/USD", 1)
        assert "read-only" in fault_of(monitor)
        assert rows(monitor) == 2
        run("mount", "-o", "remount,rw,bind", disk.place)
        assert monitor.flush()
        assert fault_of(monitor) == "none"
    assert read_metrics(disk.place)[KEY].rows_collected == 2


@pytest.mark.parametrize("below", [False, True], ids=["an empty mount point", "older records below it"])
def test_a_disk_that_is_unmounted_gets_its_records_when_it_is_back(disk: Disk, below: bool) -> None:
    """Nothing is written to the disk below meanwhile, whatever is there, and nothing read from it."""
    if below:
        disk.unmount()
        with watching(disk.place) as monitor:
            monitor.record_success("kraken", "BTC/USD", 1000)
        disk.mount()
    with watching(disk.place) as monitor:
        monitor.record_success("kraken", "BTC/USD", 1)
        disk.unmount()
        before = {file: file.read_bytes() for file in disk.place.rglob("*") if file.is_file()}
        for count in (2, 3):
            monitor.record_success("kraken", "BTC/USD", 1)
            assert rows(monitor) == count
        assert "mount" in fault_of(monitor)
        assert not monitor.flush()
        assert {file: file.read_bytes() for file in disk.place.rglob("*") if file.is_file()} == before
        disk.mount()
        monitor.record_success("kraken", "BTC/USD", 1)
        assert fault_of(monitor) == "none"
    assert read_metrics(disk.real)[KEY].rows_collected == 4


def contents(directory: Path) -> dict[Path, bytes]:
    """Return the files below a directory."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_nothing_is_written_below_a_disk_that_is_unmounted(disk: Disk, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither candles nor the log, silences, or what the daemon reports; all go on when it is back."""
    series, now = Series("kraken", "BTC/USD", "1h"), 1_700_000_000.0
    candle = (0, 1.0, 2.0, 0.5, 1.5, 10.0)
    (disk.real / "filler").mkdir()
    disk.unmount()
    (disk.place / STATE_DIRECTORY).mkdir()
    disk.mount()
    (disk.place / STATE_DIRECTORY).mkdir()
    with HealthMonitor(disk.place, AlertConfig()) as monitor, Claim(disk.place) as claim:
        store = CandleStore(disk.place)
        store.write(series, [candle])
        disk.unmount()
        logging.getLogger("a").warning("away")
        with pytest.raises(StorageError, match="another disk is in its place"):
            store.write(series, [candle])
        with pytest.raises(StorageError, match="another disk is in its place"):
            CandleStore(disk.place).write(series, [candle])
        with pytest.raises(StorageError, match="another disk is in its place"):
            change_alert_state(disk.place, lambda state: state, now)
        claim.report(Presence(1, "1", now, now, "running"))
        assert claim.is_held()
        monitor.record_success("kraken", "BTC/USD", 1)
        assert contents(disk.place) == {}
        disk.mount()
        assert store.write(series, [candle]) == 0
        change_alert_state(disk.place, lambda state: state, now)
        logging.getLogger("a").warning("back")
        assert monitor.flush()
    assert "cannot be written, another disk is in its place" in capsys.readouterr().err
    assert "back" in (disk.place / STATE_DIRECTORY / "dccd.log").read_text()


def test_candles_may_be_written_where_their_directory_was_removed(tmp_path: Path) -> None:
    """On the same disk it is their place."""
    series, candle = Series("kraken", "BTC/USD", "1h"), (0, 1.0, 2.0, 0.5, 1.5, 10.0)
    store = CandleStore(tmp_path / "data")
    for _ in range(2):
        assert store.write(series, [candle]) == 1
        shutil.rmtree(tmp_path / "data")
