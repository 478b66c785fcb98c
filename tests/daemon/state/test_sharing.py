"""One store for all monitors of a process on a directory."""

from contextlib import closing
from pathlib import Path

import pytest

from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.state import MetricsStore, sharing


def share(directory: Path, *, fsync: bool = True) -> MetricsStore:
    """Return the store of a directory."""
    return sharing.open_store(directory, fsync=fsync)


def test_a_directory_has_one_store_by_whatever_way_one_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the last user gives it back."""
    (tmp_path / "link").symlink_to(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    users = [
        share(tmp_path / "data"),
        share(Path("data")),
        share(tmp_path / "link"),
        share(tmp_path / "x" / ".." / "data"),
    ]
    assert len(set(map(id, users))) == 1
    for left, user in reversed(list(enumerate(users))):
        assert sharing.has_one_user(user) == (left == 0)
        sharing.close_store(user, fsync=True)
    another = share(tmp_path / "data")
    assert another is not users[0]
    sharing.close_store(another, fsync=True)


def test_the_strictest_user_decides_about_fsync(tmp_path: Path) -> None:
    """As long as it is there."""
    seen, store = list[bool](), share(tmp_path, fsync=False)
    seen.append(store.fsync)
    for fsync in (True, False):
        share(tmp_path, fsync=fsync)
        seen.append(store.fsync)
    for fsync in (False, True, False):
        sharing.close_store(store, fsync=fsync)
        seen.append(store.fsync)
    assert seen == [False, True, True, True, False, False]


def test_what_a_monitor_could_not_write_is_not_lost_while_another_tries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last to close says that it is."""
    config = CollectorConfig(
        storage=StorageConfig(local_path=tmp_path / "data"), alerts=AlertConfig(), log=LogConfig(file="off")
    )
    with closing(HealthMonitor.from_config(config)) as second:
        with closing(HealthMonitor.from_config(config)) as first:
            (tmp_path / "data").rename(tmp_path / "away")
            (tmp_path / "data").write_text("in the way")
            first.record_success("kraken", "BTC/USD", 5)
        assert "records are lost" not in caplog.text
        assert second.get_metrics()["kraken/BTC/USD"].rows_collected == 5
    assert caplog.text.count("records are lost") == 1
