"""Incidents that a look at the clock opens: runs that never came, runs that do not end, data that stopped."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dccd.daemon.config import AlertConfig, CollectorConfig, StorageConfig
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Outcome
from dccd.daemon.records.policy import advance, check_deadlines, expect, retire
from dccd.daemon.state.store import MetricsStore
from dccd.disk.state_directory import STATE_DIRECTORY
from dccd.testing import Answer, ManualClock, WebhookReceiver

NOW = 1_700_000_000.0
EVERY = 3600.0
GRACE = 600.0
KEY = "kraken/BTC/USD"
ALERTS = AlertConfig(webhook_url="https://example.com/hook/made-up")
GOOD = Outcome(ok=True, rows=10)
BAD = Outcome(ok=False, error="TimeoutError: no answer")


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(NOW)


def expected(*, since: float = NOW, max_age: float | None = None) -> JobRecord:
    """Return the record of a job that should run each hour and has not yet."""
    return JobRecord(expected=Expectation(EVERY, GRACE, since, max_age))


def ran(record: JobRecord, now: float, newest_at: float | None = None) -> JobRecord:
    """Return the record after a successful run."""
    return advance(record, Outcome(ok=True, rows=1, newest_at=newest_at), ALERTS, now)


def kinds(record: JobRecord) -> list[str]:
    """Return the kinds of the open incidents."""
    return [incident.kind for incident in record.incidents]


def events(record: JobRecord) -> list[tuple[str, str]]:
    """Return kind and event of the notices owed, in order."""
    return [(notice.kind, notice.event) for notice in record.owed]


def delivered(record: JobRecord) -> JobRecord:
    """Return the record after all destinations were told."""
    return replace(record, owed=())


def open_monitor(path: Path, alerts: AlertConfig, clock: ManualClock) -> HealthMonitor:
    """Return a monitor whose background thread never runs, so that the test decides when it works."""
    config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=alerts)
    monitor = HealthMonitor.from_config(config, clock=clock)
    monitor._engine._worker.stop(1)
    return monitor


def alerting(url: str, **settings: object) -> AlertConfig:
    """Return settings that send at once."""
    return AlertConfig.model_validate({"webhook_url": url, "group_window": 0, "source": "host-1", **settings})


def titles(receiver: WebhookReceiver) -> list[str]:
    """Return the first lines of the messages that came."""
    return [message.json["text"].splitlines()[0] for message in receiver.messages if message.json]


def test_a_run_that_never_came_opens_one_incident_after_its_grace() -> None:
    """Not a moment before, and however often one looks."""
    record = expected()
    limit = NOW + EVERY + GRACE
    assert check_deadlines(record, None, ALERTS, limit) is record
    late = check_deadlines(record, None, ALERTS, limit + 0.001)
    assert kinds(late) == ["stale"]
    assert late.incidents[0].since == NOW
    assert events(late) == [("stale", "firing")]
    for later in (1, 60, 3600):
        assert check_deadlines(late, None, ALERTS, limit + later) == late


def test_what_counts_is_the_last_run_where_there_was_one() -> None:
    """Well or not: a job that fails on time is not late."""
    for outcome in (GOOD, BAD):
        record = advance(expected(), outcome, ALERTS, NOW + EVERY)
        assert check_deadlines(record, None, ALERTS, NOW + 2 * EVERY + GRACE) == record
        late = check_deadlines(record, None, ALERTS, NOW + 2 * EVERY + GRACE + 1)
        assert kinds(late) == ["stale"]
        assert late.incidents[0].since == NOW + EVERY


def test_nothing_is_late_where_nobody_expects_anything() -> None:
    """However long ago the last run was."""
    record = ran(JobRecord(), NOW, newest_at=NOW)
    assert check_deadlines(record, None, ALERTS, NOW + 1e9) is record
    assert check_deadlines(record, NOW, ALERTS, NOW + 1e9) is record


def test_a_late_run_is_repeated_by_the_interval() -> None:
    """Once the notice before is delivered; an interval of 0 means never."""
    alerts = ALERTS.model_copy(update={"repeat_interval": 1000.0})
    opened = NOW + EVERY + GRACE + 1
    record = check_deadlines(expected(), None, alerts, opened)
    assert check_deadlines(record, None, alerts, opened + 5000) == record
    record = delivered(record)
    assert check_deadlines(record, None, alerts, opened + 999) == record
    again = check_deadlines(record, None, alerts, opened + 1000)
    assert events(again) == [("stale", "repeat")]
    assert [notice.number for notice in again.owed] == [2]
    assert check_deadlines(delivered(again), None, alerts, opened + 1999).owed == ()
    assert len(check_deadlines(delivered(again), None, alerts, opened + 2000).owed) == 1
    never = ALERTS.model_copy(update={"repeat_interval": 0.0})
    assert check_deadlines(record, None, never, opened + 1e8) == record


@pytest.mark.parametrize("outcome", [GOOD, BAD])
def test_an_outcome_of_either_kind_ends_a_late_run(outcome: Outcome) -> None:
    """A run came, that is all there is to it; the end is told with how long it lasted."""
    opened = NOW + EVERY + GRACE + 1
    record = delivered(check_deadlines(expected(), None, ALERTS, opened))
    record = advance(record, outcome, ALERTS, opened + 60)
    assert kinds(record) == []
    (notice,) = record.owed
    assert (notice.kind, notice.event, notice.number, notice.since) == ("stale", "resolved", 2, NOW)
    assert notice.at == opened + 60
    assert not notice.removed


def test_a_late_run_that_was_never_announced_ends_with_both_notices_owed() -> None:
    """In order, so that a destination hears of both."""
    record = check_deadlines(expected(), None, ALERTS, NOW + EVERY + GRACE + 1)
    record = advance(record, GOOD, ALERTS, NOW + 2 * EVERY)
    assert events(record) == [("stale", "firing"), ("stale", "resolved")]


def test_a_run_under_way_is_not_late_but_may_overrun() -> None:
    """By its own beginning; no second incident says that no run came."""
    started = NOW + EVERY
    record = ran(expected(), NOW)
    assert check_deadlines(record, started, ALERTS, started + EVERY + GRACE) == record
    over = check_deadlines(record, started, ALERTS, started + EVERY + GRACE + 1)
    assert kinds(over) == ["overrun"]
    assert over.incidents[0].since == started
    assert check_deadlines(over, started, ALERTS, started + 3 * EVERY) == over
    ended = advance(delivered(over), GOOD, ALERTS, started + 4 * EVERY)
    assert kinds(ended) == []
    assert events(ended) == [("overrun", "resolved")]


def test_an_overrun_that_ends_in_failures_is_over_all_the_same() -> None:
    """Failures are told by their own incident."""
    record = check_deadlines(ran(expected(), NOW), NOW + 1, ALERTS, NOW + 3 * EVERY)
    assert kinds(record) == ["overrun"]
    assert kinds(advance(record, BAD, ALERTS, NOW + 4 * EVERY)) == []


def test_data_that_stop_are_told_though_runs_succeed() -> None:
    """Until new data come; a run that brings none changes nothing."""
    record = ran(expected(max_age=7200), NOW, newest_at=NOW - 100)
    assert check_deadlines(record, None, ALERTS, NOW + 60) == record
    at = NOW
    while at < NOW + 7200:
        at += EVERY
        record = ran(record, at, newest_at=NOW - 100)
    old = check_deadlines(record, None, ALERTS, at + 1)
    assert kinds(old) == ["old data"]
    assert old.incidents[0].since == NOW - 100
    still = ran(delivered(old), at + EVERY, newest_at=NOW - 100)
    assert kinds(still) == ["old data"]
    assert still.owed == ()
    fresh = ran(still, at + EVERY, newest_at=at)
    assert kinds(fresh) == []
    (notice,) = fresh.owed
    assert (notice.kind, notice.event, notice.newest_at) == ("old data", "resolved", at)


def test_data_of_unknown_age_are_never_old() -> None:
    """Nor those of a job of which nobody said how old they may be."""
    assert kinds(check_deadlines(ran(expected(max_age=60), NOW), None, ALERTS, NOW + 3000)) == []
    assert kinds(check_deadlines(ran(expected(), NOW, newest_at=NOW - 1e6), None, ALERTS, NOW + 3000)) == []


def test_a_scheduled_job_that_never_brought_data_is_told_until_some_come() -> None:
    """As of a pair that is not traded, or of a start that lies in the future: its runs succeed."""
    record = JobRecord(expected=Expectation(EVERY, GRACE, NOW, max_age=7200, scheduled=True))
    assert check_deadlines(record, None, ALERTS, NOW + 10) == record
    for hour in range(4):
        record = advance(record, Outcome(ok=True), ALERTS, NOW + hour * EVERY)
        assert kinds(check_deadlines(record, None, ALERTS, NOW + hour * EVERY)) == (["old data"] if hour == 3 else [])
    told = check_deadlines(record, None, ALERTS, NOW + 3 * EVERY)
    assert told.incidents[0].since == NOW
    assert kinds(advance(told, Outcome(ok=True), ALERTS, NOW + 4 * EVERY)) == ["old data"]
    # It begins to be filled, and does not say up to when it has data before that is over.
    assert kinds(ran(told, NOW + 4 * EVERY)) == []
    assert kinds(check_deadlines(ran(told, NOW + 4 * EVERY), None, ALERTS, NOW + 5 * EVERY)) == []


def test_a_job_may_have_trouble_of_several_kinds_at_once() -> None:
    """One incident of each; a failure that comes at last ends the late one only."""
    record = expected()
    for number in range(3):
        record = advance(record, BAD, ALERTS, NOW + number)
    record = check_deadlines(record, None, ALERTS, NOW + 10_000)
    assert sorted(kinds(record)) == ["failing", "stale"]
    assert len({incident.id for incident in record.incidents}) == 2
    assert kinds(advance(record, BAD, ALERTS, NOW + 10_001)) == ["failing"]
    assert kinds(ran(record, NOW + 10_001)) == []


def test_old_data_are_no_second_incident_of_runs_that_fail_or_do_not_come() -> None:
    """One cause wakes nobody twice; once runs succeed and bring nothing new, it is told."""
    began = ran(expected(max_age=7200), NOW, newest_at=NOW - 1)
    failing = advance(began, BAD, ALERTS, NOW + 8000)
    assert kinds(check_deadlines(failing, None, ALERTS, NOW + 8001)) == []
    late = check_deadlines(began, None, ALERTS, NOW + 10_000)
    assert kinds(late) == ["stale"]
    over = check_deadlines(began, NOW + 1000, ALERTS, NOW + 10_000)
    assert kinds(over) == ["overrun"]
    for record in (failing, late, over):
        well = ran(record, NOW + 10_001, newest_at=NOW - 1)
        assert kinds(check_deadlines(well, None, ALERTS, NOW + 10_002)) == ["old data"]


def test_old_data_that_were_told_stay_so_though_runs_begin_to_fail() -> None:
    """Until there are new ones."""
    record = check_deadlines(ran(expected(max_age=7200), NOW + 8000, newest_at=NOW), None, ALERTS, NOW + 8001)
    assert kinds(record) == ["old data"]
    for number in range(3):
        record = advance(record, BAD, ALERTS, NOW + 8002 + number)
    assert kinds(check_deadlines(record, None, ALERTS, NOW + 8010)) == ["old data", "failing"]
    assert kinds(ran(record, NOW + 8011, newest_at=NOW + 8010)) == []


def test_a_clock_that_goes_backwards_opens_and_repeats_nothing() -> None:
    """However far; what is open stays open."""
    record = ran(expected(max_age=7200), NOW, newest_at=NOW - 100)
    for back in (1, 3600, 1e6, 1.6e9):
        assert check_deadlines(record, None, ALERTS, NOW - back) == record
        assert check_deadlines(record, NOW, ALERTS, NOW - back) == record
    late = delivered(check_deadlines(record, None, ALERTS, NOW + EVERY + GRACE + 1))
    assert check_deadlines(late, None, ALERTS, NOW - 1e6) == late


def test_without_a_destination_an_incident_opens_and_nothing_is_owed() -> None:
    """Whoever appears with one tells of it at the next look."""
    late = check_deadlines(expected(), None, AlertConfig(), NOW + EVERY + GRACE + 1)
    assert (kinds(late), late.owed) == (["stale"], ())
    assert check_deadlines(late, None, AlertConfig(), NOW + 1e6) == late
    assert events(check_deadlines(late, None, ALERTS, NOW + 1e6)) == [("stale", "firing")]


def test_a_new_expectation_keeps_its_beginning() -> None:
    """A restart gives no job more time; a changed period counts from where the first one did."""
    record = expected()
    assert expect(record, Expectation(EVERY, GRACE, NOW + 5000)) is record
    changed = expect(record, Expectation(60, 60, NOW + 5000)).expected
    assert changed is not None
    assert (changed.every, changed.grace, changed.since) == (60, 60, NOW)
    newer = replace(record, expected=Expectation(EVERY, GRACE, NOW, extra={"colour": "red"}))
    kept = expect(newer, Expectation(60, 60, NOW + 5000)).expected
    assert kept is not None
    assert kept.extra == {"colour": "red"}


def test_a_job_that_leaves_the_configuration_has_its_incidents_closed_as_removed() -> None:
    """Nothing is expected of it any more; its metrics stay."""
    record = check_deadlines(ran(expected(max_age=3000), NOW, newest_at=NOW), None, ALERTS, NOW + 3500)
    for number in range(3):
        record = advance(record, BAD, ALERTS, NOW + 3501 + number)
    record = delivered(check_deadlines(record, None, ALERTS, NOW + 10_000))
    gone = retire(record, ALERTS, NOW + 10_001)
    assert (gone.incidents, gone.expected, gone.metrics) == ((), None, record.metrics)
    assert sorted(events(gone)) == [("failing", "resolved"), ("old data", "resolved"), ("stale", "resolved")]
    assert all(notice.removed for notice in gone.owed)
    assert check_deadlines(gone, None, ALERTS, NOW + 1e8) is gone


def test_a_threshold_lowered_under_a_streak_opens_at_the_next_failure() -> None:
    """With the beginning of the streak."""
    patient = ALERTS.model_copy(update={"max_consecutive_errors": 10})
    record = JobRecord()
    for number in range(5):
        record = advance(record, BAD, patient, NOW + number)
    assert check_deadlines(record, None, ALERTS, NOW + 100).incidents == ()
    record = advance(record, BAD, ALERTS, NOW + 100)
    (incident,) = record.incidents
    assert (incident.kind, incident.since, incident.failures) == ("failing", NOW, 6)


def test_what_a_newer_version_keeps_of_an_incident_is_carried_along() -> None:
    """Through a reminder too."""
    incident = Incident("stale-1", "stale", NOW, notices=1, noticed_at=NOW, extra={"seen_by": "anna"})
    record = replace(expected(), metrics=JobMetrics(last_run_at=NOW), incidents=(incident,))
    again = check_deadlines(record, None, ALERTS, NOW + 1e6)
    assert events(again) == [("stale", "repeat")]
    assert again.incidents[0].extra == {"seen_by": "anna"}


def test_a_look_finds_a_run_that_never_came_and_tells_it(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, at WARNING and to the webhook; the run that comes ends it."""
    caplog.set_level(logging.INFO, "dccd")
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == []
        clock.advance(4201)
        assert monitor.check() == [KEY]
        assert monitor.check() == [KEY]
        assert monitor.flush()
        assert titles(receiver) == [f"[FIRING] {KEY} has not run on host-1"]
        monitor.record_success("kraken", "BTC/USD")
        assert monitor.check() == []
        assert monitor.flush()
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} runs again on host-1"]
    assert caplog.text.count(f"{KEY}: stale since") == 1


def test_a_job_with_a_timeframe_is_expected_under_its_own_key(tmp_path: Path, clock: ManualClock) -> None:
    """The run of another timeframe does not count for it."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1m", grace="1m", timeframe="1m")
        clock.advance(200)
        monitor.record_success("kraken", "BTC/USD", timeframe="1h")
        assert monitor.check() == [f"{KEY}@1m"]
        monitor.record_success("kraken", "BTC/USD", timeframe="1m")
        assert monitor.check() == []


@pytest.mark.parametrize("grace", [None, "30m"])
def test_without_a_grace_half_the_period_is_one(tmp_path: Path, clock: ManualClock, grace: str | None) -> None:
    """At least a minute."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace=grace)
        monitor.expect("kraken", "ETH/USD", every="10s")
        clock.advance(70)
        assert monitor.check() == []
        clock.advance(1)
        assert monitor.check() == ["kraken/ETH/USD"]
        clock.advance(5400 - 71)
        assert monitor.check() == ["kraken/ETH/USD"]
        clock.advance(1)
        assert sorted(monitor.check()) == [KEY, "kraken/ETH/USD"]


@pytest.mark.parametrize("every", ["soon", "-1h", -1.0, float("nan")])
def test_a_period_that_is_none_is_refused(tmp_path: Path, clock: ManualClock, every: float | str) -> None:
    """At once, and nothing is expected then."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        with pytest.raises(ValueError, match="duration"):
            monitor.expect("kraken", "BTC/USD", every=every)
        assert monitor.get_metrics() == {}


def test_a_restart_gives_no_job_more_time(tmp_path: Path, clock: ManualClock) -> None:
    """What counts is the last run on the disk, not when the process began."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        monitor.record_success("kraken", "BTC/USD")
    clock.advance(4201)
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == [KEY]


def test_a_run_from_before_anyone_expected_it_counts(tmp_path: Path, clock: ManualClock) -> None:
    """A process that begins to expect is no reason to wait anew."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.record_success("kraken", "BTC/USD")
    clock.advance(4201)
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == [KEY]


def test_a_job_that_never_ran_has_the_time_since_it_was_first_expected(tmp_path: Path, clock: ManualClock) -> None:
    """A process restarted each half hour does not put it off for ever."""
    for _ in range(3):
        with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
            monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
            assert monitor.check() == []
        clock.advance(1800)
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        assert monitor.check() == [KEY]


def test_a_restart_repeats_no_late_run(tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock) -> None:
    """The incident is on the disk."""
    for _ in range(3):
        with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
            monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
            clock.advance(4201)
            monitor.check()
    assert titles(receiver) == [f"[FIRING] {KEY} has not run on host-1"]


def test_two_monitors_that_look_find_one_incident(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock
) -> None:
    """And tell it once."""
    with (
        open_monitor(tmp_path, alerting(receiver.url), clock) as one,
        open_monitor(tmp_path, alerting(receiver.url), clock) as other,
    ):
        one.expect("kraken", "BTC/USD", every="1h", grace="10m")
        clock.advance(4201)
        assert one.check() == other.check() == [KEY]
        assert one.flush()
        assert other.flush()
    assert len(receiver.messages) == 1


def test_a_run_that_does_not_end_is_found_while_it_is_under_way(tmp_path: Path, clock: ManualClock) -> None:
    """Its end closes the incident, also when it fails."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        with monitor.track("kraken", "BTC/USD"):
            clock.advance(4200)
            assert monitor.check() == []
            clock.advance(1)
            assert monitor.check() == [KEY]
            (incident,) = monitor._engine.store.snapshot()[KEY].incidents
            assert (incident.kind, incident.since) == ("overrun", NOW)
        assert monitor.check() == []


def test_of_two_runs_under_way_the_older_one_counts(tmp_path: Path, clock: ManualClock) -> None:
    """The newer one ends first and leaves the other in sight."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        with monitor.watching(KEY):
            clock.advance(4000)
            with monitor.watching(KEY):
                clock.advance(300)
                assert monitor.check() == [KEY]
            assert [incident.since for incident in monitor._engine.store.snapshot()[KEY].incidents] == [NOW]


def test_a_scheduler_expects_its_own_jobs_only(tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock) -> None:
    """A job that leaves its configuration is retired; what a library user expects is not."""
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect("mine", "A/B", every="1h", grace="10m")
        monitor.expect_only({KEY: (3600, 10_800), "kraken/ETH/USD": (3600, 10_800)})
        clock.advance(10_000)
        assert sorted(monitor.check()) == [KEY, "kraken/ETH/USD", "mine/A/B"]
        assert monitor.flush()
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect_only({"kraken/ETH/USD": (3600, 10_800)})
        assert sorted(monitor.check()) == ["kraken/ETH/USD", "mine/A/B"]
        assert monitor._engine.store.snapshot()[KEY].expected is None
        assert monitor.flush()
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} is configured no more on host-1"]


def test_the_scheduler_says_how_old_data_may_be(tmp_path: Path, clock: ManualClock) -> None:
    """By seconds beside the period."""
    with open_monitor(tmp_path, AlertConfig(), clock) as monitor:
        monitor.expect_only({KEY: (3600, 7200)})
        for _ in range(3):
            monitor.record_success("kraken", "BTC/USD", newest_at=NOW)
            assert monitor.check() == []
            clock.advance(3600)
        assert monitor.check() == [KEY]
        monitor.record_success("kraken", "BTC/USD", newest_at=clock.time())
        assert monitor.check() == []


def test_a_clock_set_back_finds_nothing_and_loses_nothing(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock
) -> None:
    """By a year, say."""
    with open_monitor(tmp_path, alerting(receiver.url), clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m", max_age="2h")
        monitor.record_success("kraken", "BTC/USD", newest_at=NOW)
        clock.jump(-365 * 86_400)
        assert monitor.check() == []
        with monitor.watching(KEY):
            clock.jump(-86_400)
            assert monitor.check() == []
        assert monitor.flush()
    assert receiver.messages == ()


def test_a_look_sends_what_a_process_that_is_gone_left_owed(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """A monitor that owes nothing itself would otherwise not see it before its own end."""
    alerts = alerting(receiver.url)
    with HealthMonitor(tmp_path, alerts) as monitor:
        failed = partial(advance, outcome=Outcome(ok=False, max_consecutive_errors=1), alerts=alerts, now=NOW)
        MetricsStore(tmp_path / STATE_DIRECTORY).update({KEY: failed})
        assert monitor.check() == [KEY]
        assert receiver.wait_for(1)
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]


def test_a_heartbeat_follows_each_look(tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock) -> None:
    """Also while a job is in trouble: one bad pair does not page twice. Without a look there is none."""
    alerts = AlertConfig(heartbeat_url=receiver.url)
    with open_monitor(tmp_path, alerts, clock) as monitor:
        monitor.expect("kraken", "BTC/USD", every="1h", grace="10m")
        monitor._engine._work()
        assert list(receiver.messages) == []
        monitor.check()
        monitor._engine._work()
        monitor._engine._work()
        assert len(receiver.messages) == 1
        clock.advance(10_000)
        assert monitor.check() == [KEY]
        monitor._engine._work()
    assert [message.body for message in receiver.messages] == [b"", b""]


def test_a_heartbeat_is_sent_in_the_background(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """A look waits for no network."""
    receiver.answer(Answer(delay=3600))
    with HealthMonitor(tmp_path, AlertConfig(heartbeat_url=receiver.url, shutdown_timeout=0)) as monitor:
        assert monitor.check() == []
        assert receiver.wait_for(1)
        receiver.close()


def test_a_heartbeat_that_is_not_taken_is_told_once(
    tmp_path: Path, receiver: WebhookReceiver, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And its return once; the address is not."""
    caplog.set_level(logging.DEBUG)
    url = receiver.url
    with open_monitor(tmp_path, AlertConfig(heartbeat_url=url), clock) as monitor:
        receiver.answer(500, 404, Answer(reset=True), 200, 200)
        for _ in range(5):
            monitor.check()
            monitor._engine._work()
        receiver.close()
        for _ in range(2):
            monitor.check()
            monitor._engine._work()
    told = [record for record in caplog.records if record.name == "dccd.daemon.watchdog"]
    assert [record.levelname for record in told] == ["WARNING", "INFO", "WARNING"]
    assert "HTTP 500" in told[0].getMessage()
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(monitor) + repr(AlertConfig(heartbeat_url=url))
    assert "s3cret" not in (tmp_path / ".dccd" / "dccd.log").read_text()
