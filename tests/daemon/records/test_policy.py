"""What outcomes do to a record, and which notices they owe."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.config import AlertConfig
from dccd.daemon.records.model import JobMetrics, JobRecord, Outcome
from dccd.daemon.records.policy import advance, announce

NOW = 1_700_000_000.0
HOUR = 3600.0
ADDRESS = "https://example.com/hook/made-up"
ALERTS = AlertConfig(webhook_url=ADDRESS)
GOOD = Outcome(ok=True, rows=10)
BAD = Outcome(ok=False, error="TimeoutError: no answer")


def run(
    outcomes: str,
    record: JobRecord | None = None,
    *,
    alerts: AlertConfig = ALERTS,
    start: float = NOW,
    step: float = 60,
) -> JobRecord:
    """Return the record after outcomes, ``+`` for a success and ``-`` for a failure, a step apart."""
    record = record or JobRecord()
    for number, sign in enumerate(outcomes):
        record = advance(record, GOOD if sign == "+" else BAD, alerts, start + number * step)
    return record


def events(record: JobRecord) -> list[str]:
    """Return the events of the notices owed, in order."""
    return [notice.event for notice in record.owed]


def delivered(record: JobRecord) -> JobRecord:
    """Return the record after all destinations were told."""
    return replace(record, owed=())


def test_a_success_counts_runs_and_rows_and_ends_the_streak() -> None:
    """Rows add up, failures do not go away, the last error stays to be seen."""
    metrics = run("--++", alerts=AlertConfig()).metrics
    assert metrics == JobMetrics(
        last_run_at=NOW + 180,
        last_success_at=NOW + 180,
        rows_collected=20,
        errors_count=0,
        last_error="TimeoutError: no answer",
        runs=4,
        failures=2,
    )


def test_a_streak_remembers_when_it_began() -> None:
    """Until it ends; the next one begins anew."""
    assert run("+--").metrics.failing_since == NOW + 60
    assert run("+--+").metrics.failing_since is None
    assert run("+--+-").metrics.failing_since == NOW + 240


def test_a_failure_without_a_text_and_an_untimed_run_keep_what_was_known() -> None:
    """What is not told is not forgotten."""
    record = advance(JobRecord(), Outcome(ok=False, error="A: b", duration=1.5), ALERTS, NOW)
    metrics = advance(record, Outcome(ok=False), ALERTS, NOW + 1).metrics
    assert (metrics.last_error, metrics.last_duration, metrics.errors_count) == ("A: b", 1.5, 2)


@pytest.mark.parametrize("threshold", [1, 2, 3, 7])
def test_an_incident_opens_at_the_threshold(threshold: int) -> None:
    """Not one failure earlier; its notice tells the whole streak."""
    alerts = AlertConfig(webhook_url=ADDRESS, max_consecutive_errors=threshold)
    before = run("+" + "-" * (threshold - 1), alerts=alerts)
    assert (before.incidents, before.owed) == ((), ())
    record = advance(before, BAD, alerts, NOW + threshold * 60)
    (incident,), (notice,) = record.incidents, record.owed
    assert (incident.kind, incident.failures, incident.since, incident.notices) == ("failing", threshold, NOW + 60, 1)
    assert (notice.event, notice.number, notice.incident) == ("firing", 1, incident.id)
    assert (notice.failures, notice.since, notice.at) == (threshold, NOW + 60, NOW + threshold * 60)
    assert (notice.error, notice.last_success_at) == ("TimeoutError: no answer", NOW)


def test_a_streak_is_one_incident_however_long() -> None:
    """Fifty failures owe one notice."""
    record = run("-" * 50, step=1)
    assert (len(record.incidents), events(record)) == (1, ["firing"])
    assert record.incidents[0].failures == record.metrics.errors_count == 50


def test_a_lowered_threshold_takes_hold_with_the_next_failure() -> None:
    """A streak that has passed it opens an incident, though it is not equal to it."""
    record = run("-----", alerts=AlertConfig(webhook_url=ADDRESS, max_consecutive_errors=10))
    assert not record.incidents
    record = run("-", record, start=NOW + HOUR)
    assert events(record) == ["firing"]
    assert record.owed[0].failures == 6


def test_a_job_may_have_a_threshold_of_its_own() -> None:
    """It goes before the general one, in both directions."""
    eager = advance(JobRecord(), replace(BAD, max_consecutive_errors=1), ALERTS, NOW)
    assert events(eager) == ["firing"]
    patient = JobRecord()
    for second in range(5):
        patient = advance(patient, replace(BAD, max_consecutive_errors=6), ALERTS, NOW + second)
    assert events(patient) == []


def test_a_recovery_below_the_threshold_is_silent() -> None:
    """Nobody was told of trouble, so nobody is told of its end; the streak starts over."""
    assert run("--+--+--") == replace(run("--+--+--"), incidents=(), owed=())


def test_a_success_ends_an_incident_and_says_how_it_was() -> None:
    """How long, how many failures, the last error."""
    record = run("+----+")
    assert (record.incidents, events(record)) == ((), ["firing", "resolved"])
    firing, resolved = record.owed
    assert (resolved.incident, resolved.number) == (firing.incident, 2)
    assert (resolved.since, resolved.at, resolved.failures) == (NOW + 60, NOW + 300, 4)
    assert resolved.error == "TimeoutError: no answer"


def test_recovery_takes_as_many_successes_in_a_row_as_asked() -> None:
    """A failure in between begins the count anew and opens no second incident."""
    alerts = AlertConfig(webhook_url=ADDRESS, recovery_threshold=3)
    record = run("---++-++", alerts=alerts)
    assert events(record) == ["firing"]
    assert (record.incidents[0].successes, record.incidents[0].failures) == (2, 4)
    record = run("+", record, alerts=alerts, start=NOW + HOUR)
    assert (record.incidents, events(record)) == ((), ["firing", "resolved"])
    assert record.owed[1].failures == 4


def test_the_end_is_not_told_where_it_is_not_wanted() -> None:
    """The incident ends all the same, and the next one is told."""
    alerts = AlertConfig(webhook_url=ADDRESS, send_resolved=False)
    record = run("+", delivered(run("---", alerts=alerts)), alerts=alerts, start=NOW + HOUR)
    assert (record.incidents, events(record)) == ((), [])
    assert events(run("---", record, alerts=alerts, start=NOW + 2 * HOUR)) == ["firing"]


def test_who_has_not_heard_of_the_beginning_hears_both_though_the_end_is_not_wanted() -> None:
    """A late message must not say that a job fails which works; who was told in time hears no more."""
    alerts = AlertConfig(webhook_url=ADDRESS, send_resolved=False)
    record = run("---", alerts=alerts)
    record = replace(record, owed=(replace(record.owed[0], told=("one",)),))
    record = run("+", record, alerts=alerts, start=NOW + HOUR)
    assert [(notice.event, notice.told) for notice in record.owed] == [("firing", ("one",)), ("resolved", ("one",))]


def test_each_incident_has_a_name_of_its_own() -> None:
    """Also where one begins in the second in which another ends."""
    record = run("---+---+---", step=0)
    names = [notice.id for notice in record.owed]
    assert len(set(names)) == len(names) == 5


def test_reminders_come_at_the_interval_and_not_before() -> None:
    """Counted from the last notice, told or reminded."""
    alerts = AlertConfig(webhook_url=ADDRESS, repeat_interval="1h")
    record = delivered(run("---", alerts=alerts, step=0))
    assert events(run("-", record, alerts=alerts, start=NOW + HOUR - 1)) == []
    record = run("-", record, alerts=alerts, start=NOW + HOUR)
    assert (events(record), record.owed[0].number, record.owed[0].failures) == (["repeat"], 2, 4)
    record = delivered(record)
    assert events(run("-", record, alerts=alerts, start=NOW + 2 * HOUR - 1)) == []
    assert events(run("-", record, alerts=alerts, start=NOW + 2 * HOUR)) == ["repeat"]


def test_no_reminder_piles_up_on_a_notice_still_owed() -> None:
    """A webhook that is out for a day is not flooded when it is back."""
    alerts = AlertConfig(webhook_url=ADDRESS, repeat_interval="1h")
    assert events(run("-" * 40, alerts=alerts, step=HOUR)) == ["firing"]


def test_an_interval_of_zero_means_no_reminder() -> None:
    """However long it lasts."""
    alerts = AlertConfig(webhook_url=ADDRESS, repeat_interval=0)
    record = delivered(run("---", alerts=alerts))
    assert events(run("-" * 30, record, alerts=alerts, start=NOW + 365 * 24 * HOUR)) == []


def test_a_clock_that_goes_backwards_owes_one_reminder() -> None:
    """Of a notice from the future nobody knows how old it is; counting goes on, and the recovery is told."""
    record = delivered(run("---"))
    assert events(run("-", record, start=NOW + 60)) == []
    record = run("----", record, start=NOW - 1000 * HOUR)
    assert (events(record), len(record.incidents), record.metrics.errors_count) == (["repeat"], 1, 7)
    assert events(run("----", delivered(record), start=NOW - 1000 * HOUR + 5)) == []
    assert events(run("+", delivered(record), start=NOW - 2000 * HOUR)) == ["resolved"]


def test_without_a_destination_an_incident_opens_and_nothing_is_owed() -> None:
    """Nor when it ends: nobody knew of it."""
    off = AlertConfig()
    record = run("-----", alerts=off)
    assert (len(record.incidents), record.incidents[0].notices, record.owed) == (1, 0, ())
    record = run("+", record, alerts=off)
    assert (record.incidents, record.owed) == ((), ())


def test_a_destination_that_appears_is_told_of_what_is_open() -> None:
    """Once, by `announce` or by the next failure, whichever comes first."""
    record = run("-----", alerts=AlertConfig())
    assert announce(record, AlertConfig(), NOW + HOUR) == record
    announced = announce(record, ALERTS, NOW + HOUR)
    assert [(notice.event, notice.failures, notice.since) for notice in announced.owed] == [("firing", 5, NOW)]
    assert announce(announced, ALERTS, NOW + 2 * HOUR) == announced
    assert announce(delivered(announced), ALERTS, NOW + 2 * HOUR) == delivered(announced)
    assert events(run("-", record, start=NOW + HOUR)) == ["firing"]
    assert events(run("-", announced, start=NOW + HOUR)) == ["firing"]


def test_an_end_never_announced_is_silent_though_a_destination_has_come() -> None:
    """A recovery from trouble nobody heard of is no news."""
    record = run("-----", alerts=AlertConfig())
    assert run("+", record).owed == ()


def test_an_end_is_owed_though_this_process_has_no_destination() -> None:
    """Somebody was told that it began; a process that has the address will tell the end."""
    record = delivered(run("---"))
    assert events(run("+", record, alerts=AlertConfig())) == ["resolved"]


def test_what_a_newer_version_keeps_is_carried_along() -> None:
    """Fields and incidents of kinds this code does not know survive a run."""
    record = run("---")
    other = replace(record.incidents[0], id="moon-1", kind="moon", extra={"phase": 3})
    record = replace(record, incidents=(*record.incidents, other), extra={"color": "red"})
    after = run("+", record, start=NOW + HOUR)
    assert after.incidents == (other,)
    assert after.extra == {"color": "red"}


outcomes = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(0, 1000),
        st.floats(-100, 20_000, allow_nan=False),
        st.none() | st.integers(1, 5),
        st.booleans(),
    ),
    max_size=40,
)
configs = st.builds(
    AlertConfig,
    webhook_url=st.just(ADDRESS),
    max_consecutive_errors=st.integers(1, 5),
    recovery_threshold=st.integers(1, 3),
    repeat_interval=st.sampled_from([0, 3600, 14_400]),
)


@given(alerts=configs, runs=outcomes)
def test_counters_equal_a_naive_model(
    alerts: AlertConfig, runs: Iterable[tuple[bool, int, float, int | None, bool]]
) -> None:
    """For any outcomes at any times; and the same arguments give the same record."""
    record, now = JobRecord(), NOW
    streak = rows = total = failures = 0
    for ok, count, passed, threshold, _ in runs:
        now += passed
        outcome = Outcome(ok=ok, rows=count, error=None if ok else "E", max_consecutive_errors=threshold)
        after = advance(record, outcome, alerts, now)
        assert after == advance(record, outcome, alerts, now)
        record = after
        total, streak, failures, rows = total + 1, 0 if ok else streak + 1, failures + (not ok), rows + count * ok
        metrics = record.metrics
        assert (metrics.runs, metrics.errors_count, metrics.failures) == (total, streak, failures)
        assert (metrics.rows_collected, metrics.last_run_at) == (rows, now)
        assert len(record.incidents) <= 1
        assert (metrics.failing_since is None) == (streak == 0)


@given(alerts=configs, runs=outcomes)
def test_notices_of_an_incident_begin_with_firing_and_end_with_resolved(
    alerts: AlertConfig, runs: Iterable[tuple[bool, int, float, int | None, bool]]
) -> None:
    """Whenever they are delivered; numbers have no holes, and no incident overlaps another."""
    record, now = JobRecord(), NOW
    told: list[tuple[str, int, str]] = []
    for ok, _, passed, threshold, is_delivered in runs:
        now += passed
        before = {notice.id for notice in record.owed}
        record = advance(record, Outcome(ok=ok, max_consecutive_errors=threshold), alerts, now)
        told += [(item.incident, item.number, item.event) for item in record.owed if item.id not in before]
        if is_delivered:
            record = delivered(record)
    assert all(event == "firing" for _, number, event in told if number == 1)
    for (incident, number, event), (next_incident, next_number, next_event) in pairwise(told):
        if event == "resolved":
            assert next_event == "firing"
            assert next_incident != incident
            assert next_number == 1
        else:
            assert next_event in {"repeat", "resolved"}
            assert (next_incident, next_number) == (incident, number + 1)
