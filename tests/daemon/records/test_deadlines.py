"""What should have happened by now: runs that never came, runs that do not end, data that stopped."""

from dataclasses import replace

import pytest

from dccd.daemon.config import AlertConfig
from dccd.daemon.records.deadlines import expect_scheduled, expectation, find_trouble
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Outcome
from dccd.daemon.records.policy import advance, check_deadlines, expect, retire

NOW = 1_700_000_000.0
EVERY = 3600.0
GRACE = 600.0
YEAR = 365 * 86_400.0
ALERTS = AlertConfig(webhook_url="https://example.com/hook/made-up")
GOOD = Outcome(ok=True, rows=10)
BAD = Outcome(ok=False, error="TimeoutError: no answer")


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


def test_a_clock_that_goes_backwards_opens_and_repeats_nothing_at_once() -> None:
    """However far; what is open stays open, and a minute is no reason to think that the clock was wrong."""
    record = ran(expected(max_age=7200), NOW, newest_at=NOW - 100)
    assert check_deadlines(record, None, ALERTS, NOW - 60) is record
    for back in (61, 3600, 1e6, 1.6e9):
        for started_at in (None, NOW):
            seen = check_deadlines(record, started_at, ALERTS, NOW - back)
            assert (seen.incidents, seen.owed, seen.metrics) == ((), (), record.metrics)
    late = delivered(check_deadlines(record, None, ALERTS, NOW + EVERY + GRACE + 1))
    assert check_deadlines(late, None, ALERTS, NOW - 1e6).owed == ()


@pytest.mark.parametrize("started_at", [None, NOW + YEAR])
@pytest.mark.parametrize("ever_ran", [True, False])
def test_a_time_from_the_future_delays_what_is_found_by_its_own_interval(
    started_at: float | None, *, ever_ran: bool
) -> None:
    """From the first look with the clock set right, not from a year ahead; a reminder is due at that moment."""
    record = expected(since=NOW + YEAR)
    record = delivered(ran(record, NOW + YEAR)) if ever_ran else record
    first = check_deadlines(record, started_at, ALERTS, NOW)
    assert (kinds(first), check_deadlines(first, started_at, ALERTS, NOW + 10)) == ([], first)
    limit = NOW + EVERY + GRACE
    assert kinds(check_deadlines(first, started_at, ALERTS, limit)) == []
    late = check_deadlines(first, started_at, ALERTS, limit + 1)
    assert [(each.kind, each.since) for each in late.incidents] == [("overrun" if started_at else "stale", NOW)]


def test_a_clock_that_is_set_right_again_counts_as_before() -> None:
    """A machine that begins in 1970 and learns the time later makes no job late, nor gives it more time."""
    record = ran(expected(), NOW)
    in_1970 = check_deadlines(record, None, ALERTS, 60.0)
    assert check_deadlines(in_1970, None, ALERTS, NOW + 60) == record
    assert kinds(check_deadlines(in_1970, None, ALERTS, NOW + EVERY + GRACE + 1)) == ["stale"]


def test_a_run_after_the_clock_was_set_back_counts_from_its_own_time() -> None:
    """And an expectation of that time is kept, as a restart with the right clock gives no more time."""
    record = check_deadlines(ran(expected(since=NOW + YEAR), NOW + YEAR), None, ALERTS, NOW)
    again = ran(expect(record, expectation(NOW + 5, EVERY, GRACE)), NOW + 3000)
    assert kinds(check_deadlines(again, None, ALERTS, NOW + 3000 + EVERY + GRACE)) == []
    assert kinds(check_deadlines(again, None, ALERTS, NOW + 3001 + EVERY + GRACE)) == ["stale"]


def test_data_that_never_came_are_old_in_their_time_though_the_job_was_set_up_in_the_future() -> None:
    """A scheduled job that succeeds and finds nothing counts from when it was set up."""
    record = JobRecord(expected=Expectation(EVERY, GRACE, NOW + YEAR, max_age=7200, scheduled=True))
    for hour in range(4):
        record = advance(record, Outcome(ok=True), ALERTS, NOW + hour * EVERY)
        record = check_deadlines(record, None, ALERTS, NOW + hour * EVERY)
        assert kinds(record) == (["old data"] if hour == 3 else [])


def test_trouble_of_a_newer_version_hides_no_old_data() -> None:
    """Only trouble of the runs themselves does."""
    record = ran(expected(max_age=7200), NOW + 8000, newest_at=NOW)
    record = replace(record, incidents=(Incident("x", "flapping", NOW),))
    assert kinds(check_deadlines(record, None, ALERTS, NOW + 8001)) == ["flapping", "old data"]


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


def test_an_expectation_has_half_its_period_as_grace_and_at_least_a_minute() -> None:
    """Where nobody said more; all times are seconds."""
    assert expectation(NOW, "1h") == Expectation(3600.0, 1800.0, NOW)
    assert expectation(NOW, 10, max_age="2m") == Expectation(10.0, 60.0, NOW, 120.0)
    assert expectation(NOW + 0.00049, "1h", 5) == Expectation(3600.0, 5.0, NOW)


@pytest.mark.parametrize("bad", ["soon", "-1h", -1.0, float("nan")])
def test_what_is_no_duration_is_refused(bad: float | str) -> None:
    """For each of the three times."""
    for times in ((bad,), ("1h", bad), ("1h", "1h", bad)):
        with pytest.raises(ValueError, match="duration"):
            expectation(NOW, *times)


def test_a_scheduler_sets_what_it_expects_and_retires_only_its_own() -> None:
    """A job that somebody else expects stays, and so does one of which nothing is expected."""
    mine = replace(expectation(NOW, EVERY), scheduled=True)
    records = {"old": JobRecord(expected=mine), "other": expected(), "free": JobRecord()}
    changes = expect_scheduled({"new": (EVERY, 7200.0)}, records, ALERTS, NOW)
    assert set(changes) == {"new", "old"}
    assert changes["new"](JobRecord()) == JobRecord(expected=replace(mine, max_age=7200.0))
    assert changes["old"](records["old"]) == JobRecord()


def test_only_what_begins_with_a_look_is_reported_as_new() -> None:
    """A job that fails already and now is late, too, is in trouble of one more kind."""
    record = expected()
    for number in range(3):
        record = advance(record, BAD, ALERTS, NOW + number)
    found = find_trouble({"a": record}, {}, ALERTS, NOW + 10_000)
    assert [(key, incident.kind) for key, incident in found.opened] == [("a", "stale")]


def test_trouble_is_found_once_and_named_as_long_as_it_lasts() -> None:
    """A change for what begins, the key for what goes on; what runs well has neither."""
    late = NOW + EVERY + GRACE + 1
    records = {"late": expected(), "well": expected(since=late), "on": expected(since=late)}
    found = find_trouble(records, {"on": NOW}, ALERTS, late)
    assert {key: kinds(change(records[key]) or JobRecord()) for key, change in found.changes.items()} == {
        "late": ["stale"],
        "on": ["overrun"],
    }
    assert [(key, incident.kind) for key, incident in found.opened] == [("late", "stale"), ("on", "overrun")]
    assert found.troubled == ("late", "on")
    after = {key: found.changes[key](record) or record for key, record in records.items() if key in found.changes}
    again = find_trouble(after, {"on": NOW}, ALERTS, late)
    assert (again.changes, again.opened, again.troubled) == ({}, (), ("late", "on"))
