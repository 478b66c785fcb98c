"""The commands that show how dccd is doing: status, healthcheck, metrics."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.cli.command import Command

from dccd._compat import override
from dccd.cli.board import as_text, board, status_table
from dccd.cli.status import show_status, watch_status
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.config import CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Presence
from dccd.daemon.state.presence import Claim
from dccd.daemon.state.silences import AlertState, Silence
from dccd.daemon.status.assess import Place, see
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
        see(Place("/data", timeframes, (SLACK,)), RECORDS, state, None, NOW), **{"daemon": RUNNING, **changes}
    )


def lines_of(overview: Overview, width: int | None = 80) -> list[str]:
    """Return what is shown, line by line."""
    return as_text(board(overview, width), width).splitlines()


# The table


def test_a_terminal_of_80_columns_shows_what_counts() -> None:
    """State, job, ages, failures, next run, and two lines of what is wrong; the worst comes first."""
    lines = lines_of(seen())
    assert lines[0] == "STATE     JOB               LAST-OK  NEWEST  FAILS  NEXT  ERROR"
    assert max(map(len, lines)) <= 80
    assert re.match(r"ALERTED +binance/ETH/USDT +2h +2h +212 +- +ExchangeNotAvailable:$", lines[1])
    assert lines[2].strip() == "binance 503 Service U…"
    assert [line.split()[0].rstrip(",") for line in lines[1:] if line[:1].isupper()] == [
        "ALERTED",
        "FAILING",
        "SILENCED",
        "LATE",
        "NEVER",
        "OK",
    ]
    assert "OK        okx/SOL/USDT      20s      -       0      -     31 rows missing" in lines
    assert "over" not in "\n".join(lines)


@pytest.mark.parametrize(
    ("age", "told"),
    [(-5, "0s"), (0.4, "0s"), (119, "119s"), (120, "2m"), (7_199, "119m"), (172_799, "47h"), (9e6, "104d")],
)
def test_at_80_columns_an_age_has_one_unit(age: float, told: str) -> None:
    """So that no column comes and goes as ages change; a wider terminal has room for two."""
    job = JobRecord(JobMetrics(NOW, NOW - age))
    seen_ = see(Place("/d", {}, ()), {"kraken/BTC/USD": job}, AlertState(), None, NOW)
    assert status_table(seen_.jobs, NOW, 80).splitlines()[1].split()[2] == told


def test_80_columns_have_every_column_that_counts_also_for_a_long_name() -> None:
    """That of a pair with its timeframe, silenced, with ages of many days."""
    job = JobRecord(JobMetrics(NOW, NOW - 9e6, errors_count=9, last_error="E: no", newest_at=NOW - 9e6))
    state = AlertState({"coinbase/MATIC/USDC@15m": Silence(NOW + 60)})
    found = see(Place("/d", {}, ()), {"coinbase/MATIC/USDC@15m": job}, state, None, NOW)
    header = status_table(found.jobs, NOW, 80).splitlines()[0]
    assert header.split() == ["STATE", "JOB", "LAST-OK", "NEWEST", "FAILS", "NEXT", "ERROR"]


def test_wide_signs_take_their_two_columns() -> None:
    """No line is too long, and the error is cut at its end only."""
    job = JobRecord(JobMetrics(NOW, errors_count=1, last_error="E: " + "取引所は応答しません" * 5))
    found = see(Place("/データ", {}, ()), {"取引所/ビットコイン": job}, AlertState(), None, NOW)
    text = as_text(board(replace(found, daemon=RUNNING), 80), 80)
    assert max(map(cell_len, text.splitlines())) <= 80
    assert "取引所/ビットコイン" in text
    assert text.count("…") == 1


@pytest.mark.parametrize("width", [44, 50, 66, 80, 100, 119, 120, 250])
def test_each_width_has_room_for_the_job_and_its_state(width: int) -> None:
    """Columns give way before the job does, and no line is longer than the terminal."""
    text = status_table(seen().jobs, NOW, width)
    assert max(map(len, text.splitlines())) <= width
    assert "STATE" in text
    assert "binance/ETH/USDT" in text


def test_a_wide_terminal_shows_more() -> None:
    """Rows, the last run, what is missing."""
    header = status_table(seen().jobs, NOW, 130).splitlines()[0]
    assert " ".join(header.split()) == "STATE JOB LAST-OK LAST-RUN NEWEST ROWS MISSING FAILS NEXT ERROR"


def test_a_pipe_gets_everything_a_line_for_each_job() -> None:
    """So that grep finds it: errors in full, the type of the error too."""
    lines = lines_of(seen(), None)
    (line,) = (line for line in lines if "binance/ETH/USDT" in line)
    assert line.endswith(LONG)
    (line,) = (line for line in lines if "kraken/BTC/USD" in line)
    assert line.startswith("FAILING,SILENCED ")
    assert line.endswith("TimeoutError: no answer in 10 s; silenced for 1h 58m (upgrade)")
    assert all(line == line.rstrip() for line in lines)


def test_what_an_exchange_says_moves_no_cursor() -> None:
    """Control characters in an error are shown as question marks, and markup stays text."""
    bad = JobRecord(JobMetrics(NOW, errors_count=1, last_error="E: \x1b[2J\x07[bold]x[/bold]\u202e"))
    text = status_table(see(Place("/d", {}, ()), {"a/b": bad}, AlertState(), None, NOW).jobs, NOW, None)
    assert "E: ?[2J?[bold]x[/bold]?" in text


def test_an_empty_table_says_so() -> None:
    """It would say nothing otherwise."""
    assert status_table((), NOW, 80) == "no jobs are configured, and none has run"


def test_jobs_that_do_not_fit_are_counted() -> None:
    """The footer stays in sight."""
    lines = as_text(board(seen(), 80, 13), 80).splitlines()
    assert "and 2 more that are no worse" in lines
    assert len(lines) <= 13
    assert lines[-1].startswith("page:")
    faulty = replace(RUNNING, persistence="the disk is full: free space on it; " * 4)
    assert len(as_text(board(seen(daemon=faulty), 80, 16), 80).splitlines()) <= 16


@pytest.mark.parametrize(("variable", "colours"), [("FORCE_COLOR", True), ("NO_COLOR", False)])
def test_colours_are_for_those_who_want_them(monkeypatch: pytest.MonkeyPatch, variable: str, colours: bool) -> None:
    """And say nothing that the words do not say."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv(variable, "1")
    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=80).print(board(seen(), 80))
    text = stream.getvalue()
    assert ("\x1b[1;31mALERTED" in text) is colours
    assert [line.rstrip() for line in re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()] == lines_of(seen())


# The footer


@pytest.mark.parametrize(
    ("daemon", "line"),
    [
        (RUNNING, "daemon:  running, pid 4242, up 2h 5m, last tick 12s ago, dccd 0.1.0"),
        (replace(RUNNING, state="stopping"), "daemon:  stopping, pid 4242, last tick 12s ago"),
        (replace(RUNNING, state="hung", ticked_at=NOW - 300), "daemon:  HUNG, pid 4242: last tick 5m ago; restart it"),
        (replace(RUNNING, state="stopped"), "daemon:  not running; it was stopped, last tick 12s ago"),
        (replace(RUNNING, state="died"), "daemon:  NOT RUNNING: pid 4242 is gone without a word, last tick 12s ago"),
        (DaemonView("unseen"), "daemon:  not running; dccd start was never run here"),
    ],
)
def test_the_footer_is_honest_about_the_daemon(daemon: DaemonView, line: str) -> None:
    """Whether it works, hangs, ended or died."""
    assert line in lines_of(seen(daemon=daemon))


def test_alerts_of_a_program_with_its_own_monitor_are_not_called_off() -> None:
    """Its settings are in its code; those of who looks say nothing of it."""
    jobs = tuple(replace(job, configured=False) for job in seen().jobs)
    alone = seen(destinations=(), daemon=DaemonView("unseen"), jobs=jobs)
    told = "alerts:  not set here; a program of yours may have its own"
    assert told in lines_of(alone)
    assert told not in lines_of(seen(destinations=(), jobs=jobs))
    assert told not in lines_of(seen(destinations=(), daemon=DaemonView("unseen"), jobs=()))


def test_what_is_inactive_is_said() -> None:
    """Alerts without a destination, unless the daemon has one by settings of its own, and one that is gone."""
    assert "alerts:  OFF, set DCCD_ALERTS__WEBHOOK_URL" in lines_of(seen(destinations=()))
    daemon = replace(RUNNING, destinations=(SLACK.masked,))
    told = "alerts:  https://hooks.slack.com/***, as the daemon says"
    assert told in lines_of(seen(destinations=(), daemon=daemon))
    assert told not in lines_of(seen(daemon=daemon))
    gone = (DestinationView("slack", SLACK.masked, gone=True),)
    assert "alerts:  slack (https://hooks.slack.com/***) GONE, set a new address" in lines_of(seen(destinations=gone))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"next_try_at": NOW + 240}, "owed:    2 notices, next try in 4m"),
        ({"next_try_at": NOW - 1}, "owed:    2 notices, next try now"),
        ({"notices_owed": 1, "next_try_at": NOW + 240}, "owed:    1 notice, next try in 4m"),
        ({"next_try_at": None}, "owed:    2 notices; no destination is set here"),
        (
            {"next_try_at": NOW, "daemon": DaemonView("unseen")},
            "owed:    2 notices, sent when a daemon or monitor runs",
        ),
    ],
)
def test_what_is_owed_is_told_with_its_next_try(changes: dict[str, Any], line: str) -> None:
    """Nothing is promised that nobody will do."""
    assert line in lines_of(seen(**{"notices_owed": 2, **changes}))


def test_records_that_stay_in_memory_are_told() -> None:
    """With the reason."""
    assert "records: on disk" in lines_of(seen())
    faulty = replace(RUNNING, persistence="the disk is full: free space on it")
    assert "records: IN MEMORY ONLY: the disk is full: free space on it" in lines_of(seen(daemon=faulty))


def test_records_of_jobs_that_are_configured_no_more_are_told() -> None:
    """Where there is a configuration; who records by himself has none."""
    found = see(Place("/data", {"kraken/BTC/USD": "1h"}, ()), RECORDS, AlertState(), None, NOW)
    (note,) = (line for line in lines_of(found, None) if line.startswith("note:"))
    assert "binance/ETH/USDT, kraken/ETH/USD, okx/SOL/USDT; dccd forget KEY" in note
    own = see(Place("/data", {}, ()), RECORDS, AlertState(), None, NOW)
    assert not [line for line in lines_of(own, None) if line.startswith("note:")]


# The commands


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


def test_a_daemon_that_cannot_write_is_seen_from_outside(dccd: Command, data: Path) -> None:
    """It lives and ticks; what it says of itself is as old as the fault, and a probe fails for the right reason."""
    resource = pytest.importorskip("resource", reason="no limits to the size of files on this system")
    now = time.time()
    said = Presence(os.getpid(), "0.1.0", now - 900, now - 600, "running")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Claim(data) as claim:
        claim.say(said)
        assert dccd("healthcheck")[1] == f"hung: pid {os.getpid()}, last tick 10m ago\n"
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            claim.say(replace(said, ticked_at=now))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        code, out, _ = dccd("healthcheck")
        assert (code, out) == (
            1,
            f"records are kept in memory only: {data}/.dccd/daemon.json cannot be written: see its disk\n",
        )
        assert "IN MEMORY ONLY" in dccd("status")[1]
        claim.say(replace(said, ticked_at=now))
        assert dccd("healthcheck")[0] == 0
    assert dccd("healthcheck")[1] == "not running (died)\n"


@pytest.mark.usefixtures("data")
def test_a_probe_without_a_daemon_fails(dccd: Command) -> None:
    """In a line."""
    assert dccd("healthcheck") == (1, "not running (unseen)\n", "")


@pytest.mark.parametrize(
    "command",
    [
        ("healthcheck", "--max-age", "soon"),
        ("status", "--watch", "--interval", "soon"),
        ("status", "--watch", "--interval", "0"),
        ("status", "--watch", "--interval", "2h"),
    ],
)
def test_a_time_that_is_none_is_an_error_in_one_line(dccd: Command, command: tuple[str, ...]) -> None:
    """That names the option."""
    code, out, err = dccd(*command)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"dccd: {command[-2]}: ")


@pytest.mark.usefixtures("data")
def test_metrics_go_to_stdout_or_to_a_file(dccd: Command, tmp_path: Path) -> None:
    """The same ones."""
    code, out, err = dccd("metrics")
    assert (code, err) == (0, "")
    assert 'dccd_job_consecutive_failures{exchange="kraken",pair="BTC/USD",timeframe=""} 3.0' in out
    assert dccd("metrics", "--textfile", str(tmp_path / "dccd.prom")) == (0, "", "")
    assert (tmp_path / "dccd.prom").read_text().startswith("# HELP dccd_build_info")


@pytest.mark.usefixtures("data")
def test_metrics_without_their_extra_name_it_in_one_line(dccd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is printed that a scraper could take for metrics."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    code, out, err = dccd("metrics")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "[metrics]" in err


# Watching


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
