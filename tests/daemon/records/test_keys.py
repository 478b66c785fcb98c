"""Which record belongs to which series."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.config import HistoJob
from dccd.daemon.records.deadlines import expectation
from dccd.daemon.records.keys import claims, keys, reservations, reserve
from dccd.daemon.records.model import Expectation, JobMetrics, JobRecord

PAIR = "BTC/USD"
PLAIN = "kraken/BTC/USD"
TIMEFRAMES = ("1m", "5m", "1h", "1d")


def jobs(*timeframes: str, pairs: tuple[str, ...] = (PAIR,)) -> list[HistoJob]:
    """Return a job for each timeframe, in their order."""
    return [HistoJob(exchange="kraken", pairs=pairs, timeframe=timeframe) for timeframe in timeframes]


def places(records: Mapping[str, JobRecord], *timeframes: str) -> dict[str, str]:
    """Return the key of each timeframe without what they share."""
    return {job.timeframe: key.removeprefix(PLAIN) for key, job, _ in keys(jobs(*timeframes), records)}


def started(records: Mapping[str, JobRecord], *timeframes: str) -> dict[str, JobRecord]:
    """Return the records after each job has reserved its key and has run."""
    after = dict(records)
    for key, change in claims(reservations(jobs(*timeframes), after), after).items():
        after[key] = change(after.get(key, JobRecord())) or JobRecord()
    for key, _, _ in keys(jobs(*timeframes), after):
        after.setdefault(key, JobRecord())
    return after


def test_without_records_the_first_timeframe_of_a_pair_has_the_plain_key() -> None:
    """Each pair for itself, in the order of the jobs."""
    found = keys([*jobs("1h", pairs=("B/USD", "A/USD")), *jobs("1m", pairs=("A/USD",))], {})
    assert [(key, job.timeframe, pair) for key, job, pair in found] == [
        ("kraken/B/USD", "1h", "B/USD"),
        ("kraken/A/USD", "1h", "A/USD"),
        ("kraken/A/USD@1m", "1m", "A/USD"),
    ]


def test_another_job_in_front_takes_nobodys_record() -> None:
    """Nor does one that stays alone."""
    records = started({}, "1h")
    assert places(records, "1m", "1h") == {"1m": "@1m", "1h": ""}
    assert places(records, "1m") == {"1m": "@1m"}


def test_a_job_that_comes_back_finds_its_record_again() -> None:
    """However many runs of others lie between."""
    records = started(started({}, "1h", "1m"), "1m")
    assert places(records, "1m", "1h") == {"1m": "@1m", "1h": ""}


def test_a_record_that_is_forgotten_frees_the_key_for_a_timeframe_without_a_record() -> None:
    """The others keep those that they have."""
    records = started({}, "1h", "1m")
    del records[PLAIN]
    assert places(records, "1m") == {"1m": "@1m"}
    assert places(records, "1m", "1d") == {"1m": "@1m", "1d": ""}
    assert places(records, "1m", "1h") == {"1m": "@1m", "1h": ""}
    del records[f"{PLAIN}@1m"]
    assert places(records, "1m", "1h") == {"1m": "", "1h": "@1h"}


@given(st.lists(st.lists(st.sampled_from(TIMEFRAMES), min_size=1, unique=True).map(tuple), min_size=2, max_size=6))
def test_no_order_of_any_jobs_moves_a_record(configurations: list[tuple[str, ...]]) -> None:
    """A timeframe that once had a key has it for ever, and no two have one key."""
    records: dict[str, JobRecord] = {}
    known: dict[str, str] = {}
    for timeframes in configurations:
        now = places(records, *timeframes)
        assert len(set(now.values())) == len(timeframes)
        assert {timeframe: known.get(timeframe, key) for timeframe, key in now.items()} == now
        known |= now
        records = started(records, *timeframes)
        assert places(records, *timeframes) == now


@pytest.mark.parametrize("order", [("1h", "1m"), ("1m", "1h")])
def test_a_record_of_0_1_0_belongs_to_the_timeframe_that_was_scheduled(order: tuple[str, str]) -> None:
    """Whatever the order is at the upgrade; it is written down though that job is gone."""
    expected = Expectation(3600.0, 1800.0, 5.0, scheduled=True)
    records = {PLAIN: JobRecord(expected=expected), f"{PLAIN}@1m": JobRecord()}
    assert places(records, *order) == {"1h": "", "1m": "@1m"}
    assert started(records, "1m")[PLAIN].timeframe == "1h"


def test_a_record_of_0_1_0_without_a_schedule_belongs_to_the_first_job() -> None:
    """As it did there, also where a record of a key with that timeframe was left behind."""
    own = JobRecord(JobMetrics(runs=3), expected=expectation(5.0, "1h"))
    records = {PLAIN: own, f"{PLAIN}@1m": JobRecord()}
    assert places(records, "1m", "1h") == {"1m": "", "1h": "@1h"}
    assert started(records, "1m", "1h")[PLAIN].timeframe == "1m"


def test_only_what_is_not_written_down_is_changed() -> None:
    """A start that finds all in order commits nothing, and who comes second changes nothing."""
    records = started({}, "1h", "1m")
    assert claims(reservations(jobs("1m", "1h"), records), records) == {}
    mine = JobRecord(timeframe="1h")
    assert reserve(mine, "1m") is mine
    assert reserve(JobRecord(), None) == JobRecord()


def test_a_record_that_is_only_reserved_says_nothing_of_its_job() -> None:
    """One run, or that one is expected, says something; a record without a timeframe was written for a reason."""
    said = JobRecord(JobMetrics(runs=1), timeframe="1h"), JobRecord(timeframe="1h", expected=expectation(5.0, "1h"))
    assert JobRecord(timeframe="1h").is_only_reserved
    assert not any(each.is_only_reserved for each in (*said, JobRecord()))
