"""The directory beside the data, and the number of its format."""

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dccd._compat import override
from dccd.candles import CandleStore
from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor, read_metrics
from dccd.daemon.state import change_alert_state
from dccd.daemon.status import read_overview
from dccd.disk.state_directory import check_format, make_directory, open_state_directory
from dccd.disk.system import System
from dccd.errors import StorageError


class Full(System):
    """A disk on which nothing can be written."""

    @override
    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def status(local_path: Path) -> object:
    """Read what ``dccd status`` shows."""
    return read_overview(CollectorConfig(storage=StorageConfig(local_path=local_path)), 0.0)


OPENERS: list[Callable[[Path], object]] = [
    partial(HealthMonitor, alerts=AlertConfig()),
    read_metrics,
    status,
    partial(change_alert_state, change=lambda state: state, now=0.0),
    CandleStore,
]


def mark_of(local_path: Path) -> Path:
    """Return the file with the number."""
    return local_path / ".dccd" / "format"


def mark(local_path: Path, content: str) -> None:
    """Write the number of a format."""
    mark_of(local_path).parent.mkdir(exist_ok=True)
    mark_of(local_path).write_text(content)


def contents(directory: Path) -> dict[Path, bytes | None]:
    """Return each file below a directory with its bytes, and each directory with None."""
    return {path: path.read_bytes() if path.is_file() else None for path in directory.rglob("*")}


def test_a_directory_without_a_number_is_marked_when_it_is_opened(tmp_path: Path) -> None:
    """The first release wrote none."""
    (tmp_path / ".dccd").mkdir()
    assert not check_format(tmp_path)
    assert contents(tmp_path / ".dccd") == {}
    assert open_state_directory(tmp_path) == tmp_path / ".dccd"
    assert mark_of(tmp_path).read_text() == "1\n"
    assert check_format(tmp_path)


def test_a_number_is_written_once(tmp_path: Path) -> None:
    """A directory that is opened again stays as it is."""
    open_state_directory(tmp_path)
    before = mark_of(tmp_path).stat()
    open_state_directory(tmp_path)
    assert mark_of(tmp_path).stat() == before


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    ("content", "advice"), [("2\n", "use the newer dccd that wrote it"), ("99 0.9.0", "use dccd 0.9.0 or newer")]
)
def test_a_newer_format_is_refused_and_nothing_changes(
    tmp_path: Path, opener: Callable[[Path], object], content: str, advice: str
) -> None:
    """By everything that writes or reads, with the version to use where the file names it."""
    mark(tmp_path, content)
    (tmp_path / "metrics.json").write_text("{")  # which would be renamed as damaged
    before = contents(tmp_path)
    with pytest.raises(StorageError, match=f"has format {content.split(maxsplit=1)[0]}, .* formats up to 1: {advice}$"):
        opener(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("content", ["", "one", "-1", "1.5", "\xff", "<html>"])
def test_a_file_without_a_number_is_refused_by_name(tmp_path: Path, content: str) -> None:
    """Nobody knows what wrote it."""
    mark(tmp_path, content)
    with pytest.raises(StorageError) as caught:
        open_state_directory(tmp_path)
    assert str(caught.value).startswith(f"{mark_of(tmp_path)} holds no number: ")
    assert mark_of(tmp_path).read_text() == content


def test_a_full_disk_stops_nobody(tmp_path: Path) -> None:
    """The directory is marked the next time."""
    assert open_state_directory(tmp_path, system=Full()) == tmp_path / ".dccd"
    assert contents(tmp_path / ".dccd") == {}
    open_state_directory(tmp_path)
    assert check_format(tmp_path)


def test_a_directory_is_made_with_its_parents_and_without_links(tmp_path: Path) -> None:
    """The path returned is that of the real directory."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    assert make_directory(tmp_path / "link" / "a" / "b") == tmp_path.resolve() / "real" / "a" / "b"
    assert (tmp_path / "real" / "a" / "b").is_dir()


@pytest.mark.parametrize(
    ("name", "says"), [("file/data", "a part of the path is a file: move it away"), ("a\0b", "has no null bytes")]
)
def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path: Path, name: str, says: str) -> None:
    """With what to do about it."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=says):
        open_state_directory(tmp_path / name)


@pytest.mark.skipif(os.name != "posix", reason="this system has no modes")
@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777], ids=oct)
def test_only_its_owner_may_enter_what_is_made(tmp_path: Path, mask: int) -> None:
    """Whatever the umask; one that exists keeps its mode."""
    before = os.umask(mask)
    try:
        directory = make_directory(tmp_path / ".dccd", private=True)
    finally:
        os.umask(before)
    assert directory.stat().st_mode & 0o777 == 0o700
    directory.chmod(0o750)
    open_state_directory(tmp_path)
    assert directory.stat().st_mode & 0o777 == 0o750


def test_a_directory_that_must_exist_is_not_made(tmp_path: Path) -> None:
    """Its disk is not mounted yet; nothing is made in its place, neither by a monitor nor for candles."""
    storage = StorageConfig(local_path=tmp_path / "data", must_exist=True)
    for opener in (
        partial(open_state_directory, storage.local_path, must_exist=True),
        partial(HealthMonitor.from_config, CollectorConfig(storage=storage)),
        partial(CandleStore, storage.local_path, must_exist=True),
    ):
        with pytest.raises(StorageError, match="does not exist: mount its disk"):
            opener()
    assert contents(tmp_path) == {}
    open_state_directory(storage.local_path)
    assert open_state_directory(storage.local_path, must_exist=True) == storage.local_path / ".dccd"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can change owners")
@pytest.mark.parametrize("name", [".dccd", ".dccd/dccd.log", ".dccd/metrics.json", ".dccd/metrics.json.lock"])
def test_a_monitor_refuses_a_link_that_another_user_planted(tmp_path: Path, name: str) -> None:
    """In one line; what it points to stays as it is."""
    data, target = tmp_path / "data", tmp_path / "target"
    data.mkdir()
    target.mkdir() if name == ".dccd" else target.write_text("{}")
    link = data / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    os.chown(link, 12345, 12345, follow_symlinks=False)
    with pytest.raises(StorageError, match="another user made it a symbolic link: remove it") as caught:
        HealthMonitor(data, AlertConfig())
    assert "\n" not in str(caught.value)
    assert contents(target) == {}
    assert target.is_dir() or target.read_text() == "{}"
