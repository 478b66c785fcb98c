"""The table and the footer of the status."""

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from dccd.cli.board import as_text, board, status_table
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord
from dccd.daemon.state.silences import AlertState, Silence
from dccd.daemon.status.assess import Configured, see
from dccd.daemon.status.view import DaemonView, DestinationView, Overview
from dccd.printable import printable

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
    seen_ = see(Configured("/d", {}, ()), {"kraken/BTC/USD": job}, AlertState(), None, NOW)
    assert status_table(seen_.jobs, NOW, 80).splitlines()[1].split()[2] == told


def test_80_columns_have_every_column_that_counts_also_for_a_long_name() -> None:
    """That of a pair with its timeframe, silenced, with ages of many days."""
    job = JobRecord(JobMetrics(NOW, NOW - 9e6, errors_count=9, last_error="E: no", newest_at=NOW - 9e6))
    state = AlertState({"coinbase/MATIC/USDC@15m": Silence(NOW + 60)})
    found = see(Configured("/d", {}, ()), {"coinbase/MATIC/USDC@15m": job}, state, None, NOW)
    header = status_table(found.jobs, NOW, 80).splitlines()[0]
    assert header.split() == ["STATE", "JOB", "LAST-OK", "NEWEST", "FAILS", "NEXT", "ERROR"]


def test_wide_signs_take_their_two_columns() -> None:
    """No line is too long, and the error is cut at its end only."""
    job = JobRecord(JobMetrics(NOW, errors_count=1, last_error="E: " + "取引所は応答しません" * 5))
    found = see(Configured("/データ", {}, ()), {"取引所/ビットコイン": job}, AlertState(), None, NOW)
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
    """Control characters in an error are shown as escapes, and markup stays text."""
    bad = JobRecord(JobMetrics(NOW, errors_count=1, last_error="E: \x1b[2J\x07[bold]x[/bold]\u202e"))
    text = status_table(see(Configured("/d", {}, ()), {"a/b": bad}, AlertState(), None, NOW).jobs, NOW, None)
    assert r"E: \x1b[2J\x07[bold]x[/bold]\u202e" in text


@given(st.text(st.characters()), st.text(st.characters()), st.sampled_from([None, 40, 130]))
def test_nothing_that_was_recorded_acts_on_a_terminal(key: str, text: str, width: int | None) -> None:
    """Nor does it fail to be shown, whatever an older version kept."""
    bad = JobRecord(JobMetrics(NOW, errors_count=1, last_error=text), (Incident("i", text, NOW),))
    alerts = AlertState({key: Silence(NOW + 60, text)})
    seen = see(Configured("/d", {}, ()), {key: bad}, alerts, None, NOW)
    shown = as_text(board(seen, width), width).replace("\n", "")
    assert printable(shown) == shown


def test_an_empty_table_says_so() -> None:
    """It would say nothing otherwise."""
    assert status_table((), NOW, 80) == "no jobs are configured, and none has run"


def test_jobs_that_do_not_fit_are_counted() -> None:
    """The footer stays in sight."""
    lines = as_text(board(seen(), 80, 13), 80).splitlines()
    assert "and 2 more, none of them worse" in lines
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


@pytest.mark.parametrize(
    ("daemon", "line"),
    [
        (RUNNING, "daemon:  running, pid 4242, up 2h 5m, last tick 12s ago, dccd 0.1.0"),
        (replace(RUNNING, state="stopping"), "daemon:  stopping, pid 4242, last tick 12s ago"),
        (replace(RUNNING, state="hung", ticked_at=NOW - 300), "daemon:  HUNG, pid 4242: last tick 5m ago; restart it"),
        (replace(RUNNING, state="stopped"), "daemon:  not running; it was stopped, last tick 12s ago"),
        (
            replace(RUNNING, state="died"),
            "daemon:  NOT RUNNING: pid 4242 died without shutting down, last tick 12s ago",
        ),
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
    told = "alerts:  https://hooks.slack.com/***, as the daemon reports"
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
    found = see(Configured("/data", {"kraken/BTC/USD": "1h"}, ()), RECORDS, AlertState(), None, NOW)
    (note,) = (line for line in lines_of(found, None) if line.startswith("note:"))
    assert "binance/ETH/USDT, kraken/ETH/USD, okx/SOL/USDT; dccd forget KEY" in note
    own = see(Configured("/data", {}, ()), RECORDS, AlertState(), None, NOW)
    assert not [line for line in lines_of(own, None) if line.startswith("note:")]
