"""The command ``status``."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import Command

from dccd._compat import override
from dccd.cli.board import as_text, board
from dccd.cli.status import show_status, watch_status
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord
from dccd.daemon.state.silences import AlertState, Silence
from dccd.daemon.status.assess import Configured, see
from dccd.daemon.status.view import DaemonView, DestinationView, IncidentView, JobView, Overview
from dccd.errors import DccdError
from dccd.testing import ManualClock

NOW = 1_700_000_000.0
RUNNING = DaemonView("running", 4242, "0.1.0", NOW - 7_500, NOW - 12, "http://127.0.0.1:9464/")
SLACK = Destination("https://hooks.slack.com/services/T0/B0/s3cret")
LONG = "SourceUnavailableError: binance: ETH/USDT 1m: ExchangeNotAvailable: binance 503 Service Unavailable"
RECORDS = {
    "binance/ETH/USDT": JobRecord(
        JobMetrics(NOW - 40, NOW - 7_500, 500, 212, LONG, newest_at=NOW - 7_600),
        (Incident("i", "failing", NOW - 90, 3),),
    ),
    "kraken/BTC/USD": JobRecord(JobMetrics(NOW - 40, NOW - 400, 8760, 1, "TimeoutError: no answer in 10 s")),
    "kraken/ETH/USD": JobRecord(JobMetrics(NOW - 9e4, NOW - 9e4, 8), expected=Expectation(3600, 1800, NOW - 9e5)),
    "okx/SOL/USDT": JobRecord(JobMetrics(NOW - 20, NOW - 20, 900, last_error="OldError: over", rows_missing=31)),
}


def seen(**changes: Any) -> Overview:
    """Return what there is to see of jobs in each state."""
    timeframes = {**dict.fromkeys([*RECORDS, "bitstamp/XRP/USD"], "1h"), "binance/ETH/USDT": "1m"}
    state = AlertState({"kraken/BTC/USD": Silence(NOW + 7_100, "upgrade")})
    return replace(
        see(Configured("/data", timeframes, (SLACK,)), RECORDS, state, None, NOW), **{"daemon": RUNNING, **changes}
    )


def lines_of(overview: Overview, width: int | None = 80) -> list[str]:
    """Return what is shown, line by line."""
    return as_text(board(overview, width), width).splitlines()


def test_status_prints_json_for_programs(dccd: Command, data: Path) -> None:
    """One object, with times in Unix seconds."""
    code, out, err = dccd("status", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert (found["local_path"], found["daemon"]["state"]) == (str(data), "unseen")
    assert [(job["key"], job["state"], job["errors_count"]) for job in found["jobs"]] == [
        ("kraken/BTC/USD", "alerted", 3),
        ("kraken/ETH/USD", "ok", 0),
    ]
    assert found["jobs"][1]["last_success_at"] > 1_700_000_000


def test_trouble_of_a_newer_version_is_shown_in_its_words(dccd: Command, data: Path) -> None:
    """To people and to programs, beside the counts of its job."""
    there = data / ".dccd" / "metrics.json"
    odd = {"id": "i", "kind": "lost data", "since": 5.0, "of a newer version": {"a": [1]}}
    owed = {"incident": "i", "number": 1, "event": "escalated", "at": 5.0, "kind": "lost data", "since": 5.0}
    record = {"rows_collected": 123_456, "runs": 3, "incidents": [odd], "owed": [owed], "colour": "red"}
    there.write_text(json.dumps({"mine/reports": record}))
    assert "lost data for" in dccd("status")[1]
    (job,) = (job for job in json.loads(dccd("status", "--json")[1])["jobs"] if job["key"] == "mine/reports")
    assert (job["state"], job["rows_collected"], job["notices_owed"]) == ("alerted", 123_456, 1)
    assert [incident["kind"] for incident in job["incidents"]] == ["lost data"]


def test_the_guide_names_each_field_of_the_json() -> None:
    """Those of the whole, of the daemon, of a job, of an incident and of a destination."""
    guide = (Path(__file__).parents[2] / "docs" / "source" / "watch.rst").read_text(encoding="utf-8")
    kinds = (Overview, DaemonView, JobView, IncidentView, DestinationView)
    assert not [name for kind in kinds for name in kind.__dataclass_fields__ if f"``{name}``" not in guide]


def test_status_writes_nothing(dccd: Command, data: Path) -> None:
    """Neither does a look for programs, nor a probe."""
    before = {path: path.stat().st_mtime_ns for path in [data, *data.rglob("*")]}
    for command in (("status",), ("status", "--json"), ("healthcheck",), ("metrics",)):
        dccd(*command)
    assert {path: path.stat().st_mtime_ns for path in [data, *data.rglob("*")]} == before


@pytest.mark.usefixtures("data")
def test_status_into_a_pipe_is_as_wide_as_it_takes(dccd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless COLUMNS says how wide."""
    assert ("no answer " * 20).strip() in dccd("status")[1]
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, dccd("status")[1].splitlines()[:5])) <= 80


class Watched:
    """A configuration whose records change, and a clock that ends the watching after some looks."""

    def __init__(self, path: Path, looks: int) -> None:
        self.config = CollectorConfig(
            storage=StorageConfig(local_path=path), histo_jobs=(HistoJob(exchange="kraken", pairs=("BTC/USD",)),)
        )
        self.path = path / ".dccd" / "metrics.json"
        self.path.parent.mkdir(exist_ok=True)
        self.stop = threading.Event()
        self.looks = looks
        watched = self

        class Clock(ManualClock):
            @override
            def wait(self, event: threading.Event, seconds: float) -> bool:
                super().wait(event, seconds)
                watched.after_look(len(self.waits))
                return event.is_set()

        self.clock = Clock(NOW)

    def after_look(self, number: int) -> None:
        """Change what is to be seen: one record after the other, then damage, then one again."""
        runs = {"last_run_at": NOW, "last_success_at": NOW, "rows_collected": number, "errors_count": 0}
        self.path.write_text("damage" if number == 1 else json.dumps({"kraken/BTC/USD": runs}))
        if number == self.looks:
            self.stop.set()


def test_watching_shows_what_changes_and_survives_damage(tmp_path: Path) -> None:
    """One picture after the other into a pipe; records that cannot be read are told, and looked at again."""
    watched, stream = Watched(tmp_path, 3), io.StringIO()
    watch_status(watched.config, stream, "10s", clock=watched.clock, stop=watched.stop)
    text = stream.getvalue()
    assert text.index("NEVER") < text.index("metrics.json is damaged") < text.index("\nOK ")
    assert text.count("STATE") == 2
    assert watched.clock.waits == (10.0, 10.0, 10.0)


def test_watching_as_json_is_one_object_a_line(tmp_path: Path) -> None:
    """An error is an object too."""
    watched, stream = Watched(tmp_path, 3), io.StringIO()
    watch_status(watched.config, stream, "1s", as_json=True, clock=watched.clock, stop=watched.stop)
    first, second, third = map(json.loads, stream.getvalue().splitlines())
    assert first["jobs"][0]["state"] == "never"
    assert "damaged" in second["error"]
    assert third["jobs"][0]["rows_collected"] == 2


def test_an_interval_is_checked_before_anything_is_shown(tmp_path: Path) -> None:
    """A library call raises the same."""
    stream = io.StringIO()
    with pytest.raises(DccdError, match="--interval"):
        watch_status(Watched(tmp_path, 1).config, stream, "1d")
    assert stream.getvalue() == ""


def test_status_of_a_directory_that_is_not_there_makes_none(tmp_path: Path) -> None:
    """Nothing has run, and that is said."""
    stream = io.StringIO()
    show_status(CollectorConfig(storage=StorageConfig(local_path=tmp_path / "nowhere")), stream)
    assert "no jobs are configured, and none has run" in stream.getvalue()
    assert not (tmp_path / "nowhere").exists()


@pytest.fixture
def terminal(data: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Return the near end of a terminal in which the status is watched."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    near, far = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "HOME": str(data.parent)}
    env.pop("NO_COLOR", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "dccd", "status", "--watch", "--interval", "0.2s"],
        cwd=data.parent,
        env=env,
        stdin=far,
        stdout=far,
        stderr=far,
        start_new_session=True,
    )
    os.close(far)
    yield near, process
    process.kill()
    process.wait()
    os.close(near)


def test_ctrl_c_ends_watching_in_good_order(terminal: tuple[int, "subprocess.Popen[bytes]"]) -> None:
    """The terminal gets its screen and its cursor back, and the exit code is 0."""
    near, process = terminal
    drawn = b""
    while b"kraken/ETH/USD" not in drawn:
        drawn += os.read(near, 65_536)
    process.send_signal(signal.SIGINT)
    try:
        while part := os.read(near, 65_536):
            drawn += part
    except OSError:  # how Linux says that the far end is closed
        pass
    assert process.wait(20) == 0
    assert b"\x1b[?1049h" in drawn
    assert drawn.rindex(b"\x1b[?1049l") > drawn.rindex(b"kraken/ETH/USD")
    assert b"\x1b[?25h" in drawn
    assert b"Traceback" not in drawn
