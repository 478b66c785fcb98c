"""The status page, as text; `tests/browser` looks at it in a browser."""

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from tests.daemon.exporter.overviews import FAILING, NOW, overview

from dccd.daemon.exporter.page import page
from dccd.daemon.records.model import JobMetrics, JobRecord
from dccd.daemon.status.view import DestinationView, Overview


def facts(seen: Overview) -> dict[str, tuple[str, str]]:
    """Return the facts at the head of the page by name: their text and their class."""
    found = BeautifulSoup(page(seen, None), "html.parser")
    pairs = zip(found.find_all("dt"), found.find_all("dd"), strict=True)
    return {name.get_text(): (fact.get_text(), " ".join(fact.get_attribute_list("class"))) for name, fact in pairs}


def test_the_title_says_what_is_wrong() -> None:
    """It is all that a reader sees of a tab; jobs that never ran are no trouble."""
    behind = JobRecord(JobMetrics(NOW, errors_count=1))
    assert "<title>dccd: 1 alerted of 2 jobs</title>" in page(overview(), None)
    two = {"kraken/BTC/USD": FAILING, "kraken/BTC/USD@1m": behind}
    assert "<title>dccd: 1 alerted, 1 failing of 2 jobs</title>" in page(overview(two), None)
    assert "<title>dccd: 2 jobs, none in trouble</title>" in page(overview({}), None)
    assert "<title>dccd: no jobs</title>" in page(replace(overview({}), jobs=()), None)


def test_an_open_incident_is_a_row_with_its_error() -> None:
    """Escaped, as the text comes from an exchange; without one the page says so."""
    text = page(overview(), None)
    (incidents, _) = BeautifulSoup(text, "html.parser").find_all("table")
    cells = [cell.get_text() for cell in incidents.select("tbody td")]
    assert cells == ["FAILING", "kraken/BTC/USD", "3m", "3", "0", "E: <b>&"]
    assert "E: <b>" not in text
    assert "None is open." in page(overview({}), None)


@pytest.mark.parametrize(
    ("seen", "name", "fact"),
    [
        (overview(), "Daemon", ("running, pid 42, up 1m 30s, last tick 9s ago, dccd 0.1.0", "")),
        (overview(state="hung"), "Daemon", ("hung, pid 42, up 1m 30s, last tick 9s ago, dccd 0.1.0", "bad")),
        (overview(state="unseen", pid=None), "Daemon", ("not running", "")),
        (overview(state="starting", pid=None), "Daemon", ("starting", "")),
        (overview(), "Records", ("on disk", "")),
        (overview(persistence="disk full"), "Records", ("in memory only: disk full", "bad")),
        (overview(), "Alerts", ("off: no destination is set", "warn")),
        (
            replace(overview(), destinations=(DestinationView("slack", "https://hooks.slack.com/***", gone=True),)),
            "Alerts",
            ("slack (https://hooks.slack.com/***) GONE, set a new address", "bad"),
        ),
        (replace(overview(), notices_owed=2), "Notices owed", ("2; no destination is set here", "warn")),
        (
            replace(overview(), notices_owed=2, next_try_at=NOW + 60),
            "Notices owed",
            ("2, next try in 1m", "warn"),
        ),
        (replace(overview(), notices_owed=2, next_try_at=NOW), "Notices owed", ("2, next try now", "warn")),
    ],
)
def test_the_facts_are_stated_and_the_bad_ones_marked(seen: Overview, name: str, fact: tuple[str, str]) -> None:
    """Of the daemon, its alerts and its records."""
    assert facts(seen)[name] == fact


def test_jobs_beyond_the_limit_are_counted() -> None:
    """The worst are shown, so the others are no worse."""
    seen = overview()
    text = page(replace(seen, jobs=seen.jobs[:1] * 502), None)
    assert "and 2 more that are no worse" in text
    assert text.count('data-label="State"') == 500


def test_a_silenced_job_says_until_when_and_why() -> None:
    """Beside its last error."""
    seen = overview()
    job = replace(seen.jobs[0], silenced_until=NOW + 3600, silence_reason="upgrade")
    text = page(replace(seen, jobs=(job,)), None)
    assert "E: &lt;b&gt;&amp;; silenced for 1h: upgrade" in text
    assert '<span class="tag ">SILENCED</span>' in text
