"""What the commands print."""

from dccd.cli.render import results_table, table
from dccd.daemon.alerts.destinations import alerts_line, destinations_of
from dccd.daemon.config import AlertConfig
from dccd.daemon.scheduler import JobResult


def test_columns_are_aligned_and_lines_fit() -> None:
    """What does not fit is cut, and shows that it is."""
    text = table(("A", "LONG"), [("wide cell", "x" * 50), ("b", "y")], 30)
    header, first, second = text.splitlines()
    assert header == "A          LONG"
    assert (len(first), first[-1]) == (30, "…")
    assert second == "b          y"


def test_alerts_are_named_by_service() -> None:
    """Or said to be off."""
    assert alerts_line(AlertConfig(webhook_url="https://discord.com/api/webhooks/1/s3cret")) == "alerts: discord"
    assert "OFF" in alerts_line(AlertConfig())


def test_a_result_knows_how_it_ended() -> None:
    """Results of a run are a table, failures marked, and what went wrong stands below in full."""
    good = JobResult("a", "x", "A/B", "1h", ok=True, rows=720, newest=1_700_000_000_000)
    bad = JobResult("b", "x", "C/D", "1h", ok=False, error="E: https://hooks.slack.com/services/s3cret" + " x" * 200)
    assert results_table([good, bad]).splitlines() == [
        "RESULT  JOB  TIME  NEW  NEWEST (UTC)      MISSING",
        "ok      a    1h    720  2023-11-14 22:13  0",
        "FAILED  b    1h    0    -                 0",
        "",
        "b: E: https://hooks.slack.com/***" + " x" * 200,
    ]


def test_a_destination_that_is_gone_is_not_passed_over_in_silence() -> None:
    """Who looks at the status sees that alerts have nowhere to go."""
    alerts = AlertConfig(webhook_url="https://hooks.slack.com/services/T0/B0/s3cret")
    (destination,) = destinations_of(alerts)
    assert alerts_line(alerts) == "alerts: slack"
    assert alerts_line(alerts, {destination.id}) == "alerts: slack (GONE, set a new address)"
