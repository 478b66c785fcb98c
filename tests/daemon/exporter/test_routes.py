"""The answer to each path."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.daemon.exporter.overviews import NOW, get, overview, serving

from dccd.candles import CandleStore, Coverage, Series
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.exporter.server import Reply
from dccd.daemon.records.model import Incident, JobMetrics, JobRecord
from dccd.daemon.status.view import Overview
from dccd.errors import StorageError
from dccd.printable import printable

DAILY = Series("kraken", "BTC/USD", "1d")


def test_each_path_answers_with_its_media_type() -> None:
    """And what is none is not found, however it is written."""
    with serving() as server:
        assert get(server, "/metrics").headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert get(server, "/").headers["Content-Type"] == "text/html; charset=utf-8"
        assert get(server, "/status.json").json()["daemon"]["pid"] == 42
        assert get(server, "/healthz").text == "ok\n"
        assert get(server, "/readyz").text == "ok\n"
        for path in ("/..%2f..%2fetc/passwd", "/metrics/", "/metrics/x", "/static/x", "/%00"):
            assert get(server, path).status_code == 404, path


@pytest.mark.parametrize(
    ("daemon", "healthy", "ready"),
    [
        ({}, 200, 200),
        ({"ticked_at": NOW - 600}, 503, 503),
        ({"persistence": "the disk is full"}, 200, 503),
    ],
)
def test_probes_tell_a_daemon_that_hangs_from_one_that_cannot_write(
    daemon: dict[str, Any], healthy: int, ready: int
) -> None:
    """A restart helps the first; it would cost the other the records that it keeps in memory."""
    with serving(lambda: overview(**daemon)) as server:
        assert get(server, "/healthz").status_code == healthy
        assert get(server, "/readyz").status_code == ready


def test_records_that_cannot_be_read_are_told_without_a_traceback() -> None:
    """With status 503, and no secret that the error may hold."""

    def damaged() -> Overview:
        msg = "metrics.json is damaged: https://hooks.slack.com/services/s3cret"
        raise StorageError(msg)

    with serving(damaged) as server:
        answer = get(server, "/status.json")
    assert answer.status_code == 503
    assert answer.text == "metrics.json is damaged: https://hooks.slack.com/***\n"


def test_the_page_shows_what_is_stored(tmp_path: Path) -> None:
    """Or says that there is nothing, or nothing to look with."""
    routes = Routes(overview, Coverage(tmp_path).spans)
    assert "No candles yet" in str((routes("/") or Reply("")).body)
    CandleStore(tmp_path, fsync=False).write(DAILY, [(0, 1.0, 1.0, 1.0, 1.0, 1.0)])
    assert "kraken BTC/USD 1d: 1970-01-01 to 1970-01-02, 1 candles" in str((routes("/") or Reply("")).body)
    assert "pyarrow is needed" in str((Routes(overview, None)("/") or Reply("")).body)


def test_json_is_what_status_prints() -> None:
    """The same names."""
    reply = Routes(overview, None)("/status.json")
    assert reply is not None
    assert list(json.loads(reply.body)) == [
        "at",
        "local_path",
        "daemon",
        "jobs",
        "destinations",
        "notices_owed",
        "next_try_at",
    ]


@given(st.text(st.characters()), st.text(st.characters()))
def test_nothing_that_an_older_version_recorded_makes_an_answer_fail(key: str, text: str) -> None:
    """Each path answers with what any reader can decode, without a character that acts."""
    kind = Incident("i", text, NOW)
    bad = JobRecord(JobMetrics(NOW, errors_count=1, last_error=text), (kind,))
    routes = Routes(lambda: overview({key: bad}, persistence=text, version=text, address=text), None)
    for path in ("/", "/metrics", "/healthz", "/readyz", "/status.json"):
        reply = routes(path)
        assert reply is not None
        body = reply.body if isinstance(reply.body, bytes) else reply.body.encode()
        shown = body.decode().replace("\n", "")
        assert printable(shown) == shown
