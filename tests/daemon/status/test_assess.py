"""What an operator sees, worked out from what is kept."""

from dataclasses import replace
from typing import Any

import pytest

from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Notice, Presence
from dccd.daemon.state.silences import AlertState, Silence
from dccd.daemon.status.assess import HUNG_AFTER_SECONDS, Configured, fault, see, see_daemon, see_job
from dccd.daemon.status.view import DaemonView, Overview, to_json

NOW = 1_700_000_000.0
SLACK = Destination("https://hooks.slack.com/services/T0/B0/s3cret")
OTHER = Destination("https://example.com/hook/s3cret")
INCIDENT = Incident("i", "failing", NOW - 60, 3, notices=1)
HOURLY = Expectation(3600.0, 1800.0, NOW - 90_000)


def looked(records: dict[str, JobRecord], **place: Any) -> Overview:
    """Return what is seen of records without a daemon."""
    return see(
        Configured("/data", place.get("timeframes", {}), place.get("destinations", ())),
        records,
        AlertState(),
        None,
        NOW,
    )


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (JobRecord(), "never"),
        (JobRecord(expected=HOURLY), "never"),
        (JobRecord(JobMetrics(NOW, NOW)), "ok"),
        (JobRecord(JobMetrics(NOW, NOW - 9, errors_count=1)), "failing"),
        (JobRecord(JobMetrics(NOW, NOW - 9, errors_count=3), (INCIDENT,)), "alerted"),
        (JobRecord(JobMetrics(NOW, NOW), (replace(INCIDENT, kind="old data"),)), "alerted"),
        (JobRecord(JobMetrics(NOW - 5400, NOW - 5400), expected=HOURLY), "ok"),
        (JobRecord(JobMetrics(NOW - 5401, NOW - 5401), expected=HOURLY), "late"),
        (JobRecord(JobMetrics(NOW - 99_999, NOW - 99_999)), "ok"),
    ],
)
def test_the_state_of_a_job_is_a_word(record: JobRecord, state: str) -> None:
    """An incident counts most; a run that did not come counts where one was expected."""
    assert see_job("a/b", record, NOW).state == state


def test_the_worst_job_comes_first_and_each_comes_once() -> None:
    """Those that are configured and those that were recorded, by name among equals."""
    records = {
        "x/OK": JobRecord(JobMetrics(NOW, NOW)),
        "x/LATE": JobRecord(JobMetrics(NOW - 9e4, NOW - 9e4), expected=HOURLY),
        "x/FAILING": JobRecord(JobMetrics(NOW, errors_count=1)),
        "x/B": JobRecord(JobMetrics(NOW), (INCIDENT,)),
        "x/A": JobRecord(JobMetrics(NOW), (INCIDENT,)),
    }
    found = looked(records, timeframes={"x/NEW": "1h", "x/OK": "1h"})
    assert [job.key for job in found.jobs] == ["x/A", "x/B", "x/FAILING", "x/LATE", "x/NEW", "x/OK"]
    assert [job.configured for job in found.jobs] == [False, False, False, False, True, True]


def test_a_key_is_taken_apart() -> None:
    """The timeframe comes from the configuration, else from the key."""
    named = [see_job(key, None, NOW) for key in ("kraken/BTC/USD", "kraken/BTC/USD@1m", "mine/anna@example.com")]
    assert [(job.exchange, job.pair, job.timeframe) for job in named] == [
        ("kraken", "BTC/USD", ""),
        ("kraken", "BTC/USD", "1m"),
        ("mine", "anna@example.com", ""),
    ]
    assert see_job("kraken/BTC/USD", None, NOW, timeframe="1h").timeframe == "1h"


def test_what_is_expected_of_a_job_is_seen() -> None:
    """How often it runs, and from which age on its data are old; nothing where nobody said."""
    told, untold = JobRecord(expected=replace(HOURLY, max_age=9_000.0)), JobRecord()
    seen = [see_job("a/b", record, NOW) for record in (told, untold)]
    assert [(job.every, job.max_age) for job in seen] == [(3_600.0, 9_000.0), (None, None)]


def test_secrets_are_masked_wherever_they_come_from() -> None:
    """An error, the reason of a silence, a destination."""
    bad = "POST https://hooks.slack.com/services/s3cret"
    record = JobRecord(JobMetrics(NOW, errors_count=1, last_error=bad))
    state = AlertState({"x/A": Silence(NOW + 60, bad)})
    seen = see(Configured("/data", {}, (SLACK, OTHER)), {"x/A": record}, state, presence(persistence=bad), NOW)
    assert "s3cret" not in str(to_json(seen))
    assert [each.address for each in seen.destinations] == ["https://hooks.slack.com/***", "https://example.com/***"]


def test_a_silence_that_is_over_is_none() -> None:
    """The file may still have it."""
    state = AlertState({"x/A": Silence(NOW), "x/B": Silence(NOW + 1, "upgrade")})
    over, lasts = (see_job(key, None, NOW, alerts=state) for key in ("x/A", "x/B"))
    assert (over.silenced_until, over.silence_reason) == (None, "")
    assert (lasts.silenced_until, lasts.silence_reason) == (NOW + 1, "upgrade")


def test_the_next_try_is_the_soonest_that_anyone_waits_for() -> None:
    """A destination that is gone, or was told, waits for nothing."""
    notices = (
        Notice("i", 1, "firing", NOW - 60, "failing", NOW - 90, told=(OTHER.id,), next_try_at={SLACK.id: NOW + 300}),
        Notice("i", 2, "repeat", NOW - 5, "failing", NOW - 90, told=(OTHER.id,), next_try_at={SLACK.id: NOW + 600}),
    )
    records = {"x/A": JobRecord(owed=notices)}
    place = Configured("/data", {}, (SLACK, OTHER))
    waiting = see(place, records, AlertState(), None, NOW)
    assert (waiting.notices_owed, waiting.next_try_at) == (2, NOW + 300)
    gone = see(place, records, AlertState(gone={SLACK.id: "404"}), None, NOW)
    assert (gone.notices_owed, gone.next_try_at) == (2, None)
    assert [each.gone for each in gone.destinations] == [True, False]


def test_a_try_from_the_future_is_due() -> None:
    """The clock was ahead when it was set, as no pause is longer than an hour."""
    notice = Notice("i", 1, "firing", NOW, "failing", NOW, next_try_at={SLACK.id: NOW + 3601})
    place = Configured("/data", {}, (SLACK,))
    assert see(place, {"x/A": JobRecord(owed=(notice,))}, AlertState(), None, NOW).next_try_at == NOW
    waits = replace(notice, next_try_at={SLACK.id: NOW + 3600})
    assert see(place, {"x/A": JobRecord(owed=(waits,))}, AlertState(), None, NOW).next_try_at == NOW + 3600


def presence(**changes: Any) -> Presence:
    """Return what a daemon says that runs, unless told otherwise."""
    return replace(Presence(42, "0.1.0", NOW - 90, NOW - 9, "running", alive=True), **changes)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({}, "running"),
        ({"ticked_at": NOW - HUNG_AFTER_SECONDS}, "running"),
        ({"ticked_at": NOW + 60}, "running"),
        ({"ticked_at": NOW + 61}, "hung"),
        ({"ticked_at": NOW - HUNG_AFTER_SECONDS - 1}, "hung"),
        ({"state": "stopping"}, "stopping"),
        ({"state": "stopped"}, "starting"),
        ({"state": "stopped", "ticked_at": NOW - 9e5}, "starting"),
        ({"alive": False}, "died"),
        ({"alive": False, "state": "stopped"}, "stopped"),
    ],
)
def test_the_state_of_a_daemon_is_a_word(said: dict[str, Any], state: str) -> None:
    """A process that is gone without a word is told from one that ended, and one that hangs from one that works."""
    assert see_daemon(presence(**said), NOW).state == state


def test_without_a_daemon_nothing_is_made_up() -> None:
    """No process, no next run."""
    seen = looked({"x/A": JobRecord()})
    assert seen.daemon == DaemonView("unseen")
    assert seen.jobs[0].next_run_at is None


def test_what_a_dead_daemon_meant_to_do_is_not_told() -> None:
    """Its next runs will not come, and its page is not there."""
    place = Configured("/data", {"x/A": "1h"}, ())
    said = {"next_runs": {"x/A": NOW + 60}, "address": "http://127.0.0.1:9464/", "destinations": (SLACK.masked,)}
    lives, died = (see(place, {}, AlertState(), presence(**said, alive=alive), NOW) for alive in (True, False))
    assert (lives.jobs[0].next_run_at, lives.daemon.address) == (NOW + 60, "http://127.0.0.1:9464/")
    assert (died.jobs[0].next_run_at, died.daemon.address) == (None, None)
    assert (lives.daemon.destinations, died.daemon.destinations) == ((SLACK.masked,), ())


@pytest.mark.parametrize(
    ("at", "expected", "told"),
    [
        (NOW + 5, HOURLY, NOW + 5),
        (NOW - 5, HOURLY, NOW + 3595),
        (NOW, HOURLY, NOW + 3600),
        (NOW - 5, replace(HOURLY, every=2.0), NOW + 1),
        (NOW - 5, None, NOW - 5),
    ],
)
def test_the_next_run_is_not_as_old_as_the_last_tick(at: float, expected: Expectation | None, told: float) -> None:
    """Between two ticks a short job has run several times."""
    records = {"x/A": JobRecord(expected=expected)}
    seen = see(Configured("/data", {}, ()), records, AlertState(), presence(next_runs={"x/A": at}), NOW)
    assert seen.jobs[0].next_run_at == told


@pytest.mark.parametrize(
    ("daemon", "options", "wrong"),
    [
        (DaemonView("running", ticked_at=NOW), {}, None),
        (DaemonView("unseen"), {}, "not running (unseen)"),
        (DaemonView("died", 7, ticked_at=NOW), {}, "not running (died)"),
        (DaemonView("hung", 7, ticked_at=NOW - 600), {}, "hung: pid 7, last tick 10m ago"),
        (DaemonView("hung", 7, ticked_at=NOW - 600), {"max_age": 700.0}, None),
        (DaemonView("running", 7, ticked_at=NOW - 30), {"max_age": 20.0}, "hung: pid 7, last tick 30s ago"),
        (DaemonView("running", ticked_at=NOW, persistence="full"), {}, None),
        (
            DaemonView("running", ticked_at=NOW, persistence="full"),
            {"persistence": True},
            "records are kept in memory only: full",
        ),
        (DaemonView("running", ticked_at=NOW), {"jobs": True}, "in trouble: x/A"),
    ],
)
def test_a_probe_is_told_what_is_wrong(daemon: DaemonView, options: dict[str, Any], wrong: str | None) -> None:
    """In a line, and only what it asks for."""
    seen = replace(looked({"x/A": JobRecord(incidents=(INCIDENT,))}), daemon=daemon)
    assert fault(seen, **options) == wrong


def test_a_job_that_is_silenced_is_nothing_wrong() -> None:
    """Somebody knows of it."""
    state = AlertState({"x/A": Silence(NOW + 60)})
    seen = see(Configured("/data", {}, ()), {"x/A": JobRecord(incidents=(INCIDENT,))}, state, presence(), NOW)
    assert fault(seen, jobs=True) is None
