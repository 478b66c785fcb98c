"""The exporter of a daemon, and the file of its metrics."""

import logging
import os
import stat
import sys
from pathlib import Path

import pytest
from tests.daemon.exporter.overviews import overview, serving

from dccd.daemon.config import CollectorConfig, ServerConfig, StorageConfig
from dccd.daemon.exporter import exposition, open_exporter, write_textfile
from dccd.errors import StorageError


def config(tmp_path: Path, listen: str | None) -> CollectorConfig:
    """Return a configuration that serves at an address."""
    return CollectorConfig(storage=StorageConfig(local_path=tmp_path), server=ServerConfig(listen=listen))


def test_it_is_off_by_default(tmp_path: Path) -> None:
    """Nothing listens where nobody asked for it."""
    assert open_exporter(config(tmp_path, None), overview) is None


def test_an_address_that_is_taken_is_an_error_in_the_log_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Collection goes on: a page is worth less than the data."""
    with serving() as other:
        listen = other.address.removeprefix("http://").rstrip("/")
        assert open_exporter(config(tmp_path, listen), overview) is None
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert listen in record.getMessage()
    assert "set another address" in record.getMessage()
    assert record.exc_info is None


def test_metrics_that_lack_their_extra_are_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And not only to Prometheus, whose operator may be another."""
    caplog.set_level(logging.INFO, "dccd")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    server = open_exporter(config(tmp_path, "127.0.0.1:0"), overview)
    assert server is not None
    server.close()
    assert f"the status page: {server.address}; metrics need prometheus_client" in caplog.text
    assert "metrics and" not in caplog.text


def test_an_address_that_others_reach_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the start, as nothing asks for a password."""
    server = open_exporter(config(tmp_path, "0.0.0.0:0"), overview)
    assert server is not None
    server.close()
    assert "no password" in caplog.text


def test_a_textfile_is_replaced_in_one_step_and_others_may_read_it(tmp_path: Path) -> None:
    """Whatever the umask, as node_exporter runs as another user; a directory that is not there is told."""
    path = tmp_path / "dccd.prom"
    write_textfile(path, b"old 1\n")
    before = os.umask(0o077)
    try:
        write_textfile(path, exposition(overview()))
    finally:
        os.umask(before)
    assert b"dccd_build_info" in path.read_bytes()
    assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StorageError, match="no such directory"):
        write_textfile(tmp_path / "nowhere" / "dccd.prom", b"")
