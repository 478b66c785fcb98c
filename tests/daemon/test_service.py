"""The daemon from its first line to its last."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dccd.daemon.config import AlertConfig, CollectorConfig, LogConfig, StorageConfig
from dccd.daemon.process import Orders
from dccd.daemon.service import serve
from dccd.daemon.state.presence import Claim, read_presence
from dccd.disk import open_state_directory
from dccd.errors import AlreadyRunningError, ConfigError


@pytest.fixture
def orders() -> Orders:
    """Return orders that nobody has given yet."""
    return Orders()


def config(path: Path, **alerts: object) -> CollectorConfig:
    """Return a configuration without jobs."""
    return CollectorConfig(
        storage=StorageConfig(local_path=path, fsync=False),
        alerts=AlertConfig.model_validate(alerts),
        log=LogConfig(file="off"),
    )


def refuse() -> CollectorConfig:
    """Fail: nothing orders a reload."""
    pytest.fail("there was no order to reload")


def once(orders: Orders, load: Callable[[], CollectorConfig]) -> Callable[[], CollectorConfig]:
    """Return a way to load a configuration that has the daemon stop after the reload."""

    def loaded() -> CollectorConfig:
        orders.stop()
        return load()

    orders.reload()
    return loaded


def messages(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """Return what the daemon logged at a level or above."""
    found = [record for record in caplog.records if record.name == "dccd.daemon.service"]
    return [record.getMessage() for record in found if record.levelno >= level]


def test_a_daemon_reports_its_end(tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture) -> None:
    """In the log and to whoever reads its presence; all its runs ended in time."""
    caplog.set_level(logging.INFO, "dccd")
    orders.stop()
    assert serve(config(tmp_path, shutdown_timeout=7), orders, refuse)
    presence = read_presence(tmp_path)
    assert presence is not None
    assert (presence.state, presence.jobs, presence.next_runs, presence.alive) == ("stopped", 0, {}, False)
    first, *rest = messages(caplog)
    assert first.startswith(f"started, jobs: 0, data: {tmp_path}, alerts: OFF")
    assert rest == ["stopping", "stopped"]
    assert orders.shutdown_timeout == 7


def test_a_second_daemon_on_a_directory_is_refused(tmp_path: Path, orders: Orders) -> None:
    """Unless it waits: then it may be stopped before its turn has come, and that is a good end."""
    orders.stop()
    open_state_directory(tmp_path)
    with Claim(tmp_path):
        with pytest.raises(AlreadyRunningError):
            serve(config(tmp_path), orders, refuse)
        assert serve(config(tmp_path), orders, refuse, wait=True)


def test_a_changed_configuration_is_taken_up(tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture) -> None:
    """And handed to whoever has to know, such as the log."""
    caplog.set_level(logging.INFO, "dccd")
    changed, taken = config(tmp_path, shutdown_timeout=3), list[CollectorConfig]()
    assert serve(config(tmp_path), orders, once(orders, lambda: changed), configure=taken.append)
    assert taken == [changed]
    assert orders.shutdown_timeout == 3
    assert [message.split(",")[0] for message in messages(caplog)] == ["started", "reloaded", "stopping", "stopped"]
    presence = read_presence(tmp_path)
    assert presence is not None
    assert presence.reloaded_at is not None


def test_a_configuration_that_did_not_change_replaces_nothing(
    tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    """Runs under way go on."""
    caplog.set_level(logging.INFO, "dccd")
    assert serve(config(tmp_path), orders, once(orders, lambda: config(tmp_path)))
    assert messages(caplog)[1:] == ["reloaded: nothing has changed", "stopping", "stopped"]


def test_a_configuration_that_is_wrong_is_refused_line_by_line(
    tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon goes on with the one it has."""

    def wrong() -> CollectorConfig:
        msg = "first problem\nsecond problem"
        raise ConfigError(msg)

    assert serve(config(tmp_path), orders, once(orders, wrong))
    assert messages(caplog, logging.ERROR) == [
        f"the changed configuration is refused, the old one stays: {line}"
        for line in ("first problem", "second problem")
    ]


@pytest.mark.parametrize("error", [RecursionError("too deep"), MemoryError(), ZeroDivisionError("a fault of ours")])
def test_a_configuration_that_cannot_be_read_at_all_is_refused(
    tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """In one line, whatever went wrong; the daemon goes on with the one it has."""

    def broken() -> CollectorConfig:
        raise error

    assert serve(config(tmp_path), orders, once(orders, broken))
    (line,) = messages(caplog, logging.ERROR)
    assert line.startswith(f"the changed configuration is refused, the old one stays: {type(error).__name__}")


def test_a_missing_extra_is_told_at_the_start_and_no_more(
    tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the first alert it would be too late."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    orders.stop()
    assert serve(config(tmp_path, apprise_urls=["tgram://s3cret/1"]), orders, refuse)
    (line,) = messages(caplog, logging.WARNING)
    assert line.startswith("alerts.apprise_urls: the extra apprise is not installed")


def test_the_data_cannot_move_while_the_daemon_runs(
    tmp_path: Path, orders: Orders, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of them would be in each place."""
    assert serve(config(tmp_path / "a"), orders, once(orders, lambda: config(tmp_path / "b")))
    (error,) = messages(caplog, logging.ERROR)
    assert "storage.local_path cannot change" in error
    assert not (tmp_path / "b").exists()
