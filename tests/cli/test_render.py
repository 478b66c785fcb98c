"""What the commands print."""

import io

from dccd._compat import override
from dccd.cli.render import alerts_line, results_table, show_progress, status_table, table
from dccd.daemon.alerts.outbox import destinations
from dccd.daemon.config import AlertConfig
from dccd.daemon.metrics import Incident, JobMetrics, JobRecord
from dccd.daemon.scheduler import JobResult

NOW = 1_700_000_000.0


def test_columns_are_aligned_and_lines_fit() -> None:
    """What does not fit is cut, and shows that it is."""
    text = table(("A", "LONG"), [("wide cell", "x" * 50), ("b", "y")], 30)
    header, first, second = text.splitlines()
    assert header == "A          LONG"
    assert (len(first), first[-1]) == (30, "…")
    assert second == "b          y"


def test_the_worst_job_comes_first() -> None:
    """Alerted, failing, never run, well."""
    incident = Incident("i", "failing", NOW)
    records = {
        "ok": JobRecord(JobMetrics(NOW, NOW - 7_500, 500, last_error="old")),
        "failing": JobRecord(JobMetrics(NOW, None, 0, 1, last_error="E: broken")),
        "alerted": JobRecord(JobMetrics(NOW, NOW, 0, 5, last_error="E: worse"), (incident,)),
    }
    lines = status_table(records, ["never", "ok"], NOW, 200).splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["ALERTED", "alerted"],
        ["FAILING", "failing"],
        ["NEVER", "never"],
        ["OK", "ok"],
    ]
    assert "E: worse" in lines[1]
    assert "2h 5m ago" in lines[4]
    assert "old" not in lines[4]


def test_no_jobs_are_said_to_be_none() -> None:
    """An empty table says nothing."""
    assert "no jobs" in status_table({}, [], NOW, 80)


def test_an_error_of_the_record_shows_no_secret() -> None:
    """Whoever wrote it."""
    bad = JobRecord(JobMetrics(NOW, None, 0, 1, last_error="POST https://hooks.slack.com/services/s3cret"))
    assert "s3cret" not in status_table({"a": bad}, [], NOW, 200)


def test_alerts_are_named_by_service() -> None:
    """Or said to be off."""
    assert alerts_line(AlertConfig(webhook_url="https://discord.com/api/webhooks/1/s3cret")) == "alerts: discord"
    assert "OFF" in alerts_line(AlertConfig())


def test_progress_is_for_terminals_only() -> None:
    """A file gets none."""

    class Terminal(io.StringIO):
        @override
        def isatty(self) -> bool:
            return True

    assert show_progress(io.StringIO()) is None
    terminal = Terminal()
    show = show_progress(terminal)
    assert show is not None
    show("binance/BTC/USDT", 500, 1_700_000_000_000, 1_700_000_060_000)
    assert "binance/BTC/USDT: 500" in terminal.getvalue()


def test_a_result_knows_how_it_ended() -> None:
    """Results of a run are a table, failures marked."""
    good = JobResult("a", "x", "A/B", "1h", ok=True, rows=720, newest=1_700_000_000_000)
    bad = JobResult("b", "x", "C/D", "1h", ok=False, error="E: https://hooks.slack.com/services/s3cret")
    text = results_table([good, bad])
    assert "720" in text
    assert "2023-11-14 22:13" in text
    assert "FAILED" in text
    assert "s3cret" not in text


def test_a_destination_that_is_gone_is_not_passed_over_in_silence() -> None:
    """Who looks at the status sees that alerts have nowhere to go."""
    alerts = AlertConfig(webhook_url="https://hooks.slack.com/services/T0/B0/s3cret")
    (destination,) = destinations(alerts)
    assert alerts_line(alerts) == "alerts: slack"
    assert alerts_line(alerts, {destination.id}) == "alerts: slack (GONE, set a new address)"
