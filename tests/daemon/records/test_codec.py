"""Records as JSON."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.daemon.records.typed import KNOWN, json_values, values_of

from dccd.daemon.records.checks import LATEST_SECONDS, MAX_COUNT, from_plain
from dccd.daemon.records.codec import decode, encode, is_plain
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Notice

FOUR = ["last_run_at", "last_success_at", "rows_collected", "errors_count"]
NOTICE = {"incident": "failing-1", "number": 1, "event": "firing", "at": 5.0, "kind": "failing", "since": 1.0}
INCIDENT = {"id": "failing-1", "kind": "failing", "since": 1.0}
RECORDS = values_of(JobRecord)


@given(RECORDS)
def test_a_record_comes_back_as_it_was(record: JobRecord) -> None:
    """On one line of ASCII, whatever its texts hold."""
    line = encode(record)
    assert line.isascii()
    assert "\n" not in line
    assert decode(json.loads(line)) == record


@given(json_values)
def test_any_json_is_a_record_or_a_value_error(value: object) -> None:
    """No other kind of error comes from a file that somebody edited."""
    try:
        record = decode(value)
    except ValueError:
        return
    assert decode(json.loads(encode(record))) == record


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), json_values))
def test_any_values_of_known_fields_are_a_record_or_a_value_error(value: object) -> None:
    """The same, with names that are looked at."""
    try:
        record = decode(value)
    except ValueError:
        return
    assert decode(json.loads(encode(record))) == record


def test_only_what_differs_from_its_default_is_written() -> None:
    """After the four fields that other programs read, which come first and always."""
    assert list(json.loads(encode(JobRecord()))) == FOUR
    record = JobRecord(JobMetrics(rows_collected=3, failures=2), (Incident("a", "failing", 0.0),))
    body = json.loads(encode(record))
    assert list(body) == [*FOUR, "failures", "incidents"]
    assert body["incidents"] == [{"id": "a", "kind": "failing", "since": 0.0}]


@given(RECORDS)
def test_a_record_that_is_plain_has_counts_and_texts_alone(record: JobRecord) -> None:
    """With the timeframe that it is reserved for, as most records are like that."""
    is_flat = record == JobRecord(record.metrics, timeframe=record.timeframe)
    assert is_plain(json.loads(encode(record))) is is_flat


def test_a_record_of_dccd_2_loads_and_is_not_widened() -> None:
    """Four fields in, four fields out."""
    old = {"last_run_at": 1.5, "last_success_at": None, "rows_collected": 215, "errors_count": 1}
    record = decode(old)
    assert record == JobRecord(JobMetrics(last_run_at=1.5, rows_collected=215, errors_count=1))
    assert json.loads(encode(record)) == old


def test_fields_of_a_newer_version_are_kept() -> None:
    """In the record, in an incident and in a notice."""
    raw = {
        "last_run_at": None,
        "last_success_at": None,
        "rows_collected": 0,
        "errors_count": 0,
        "incidents": [{**INCIDENT, "muted": [1, {"a": None}]}],
        "owed": [{**NOTICE, "color": "red"}],
        "expected": {"every": 60, "grace": 5, "since": 1, "color": "red"},
    }
    assert json.loads(encode(decode(raw))) == raw


@pytest.mark.parametrize("name", ["rows_collected", "errors_count", "runs", "failures"])
@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None, [], math.nan, MAX_COUNT + 1, 10**4000])
def test_a_count_is_a_whole_number_from_zero(name: str, value: object) -> None:
    """The error names the field."""
    with pytest.raises(ValueError, match=name):
        decode({name: value})


@pytest.mark.parametrize("name", ["last_run_at", "last_success_at", "last_duration", "failing_since"])
@pytest.mark.parametrize(
    "value", [-0.5, math.nan, math.inf, -math.inf, True, "1", {}, 10**400, 1e300, LATEST_SECONDS + 1]
)
def test_a_time_is_a_finite_number_from_zero(name: str, value: object) -> None:
    """Before the year 10000; the error names the field; none at all is allowed."""
    assert decode({name: None}) == JobRecord()
    with pytest.raises(ValueError, match=name):
        decode({name: value})


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"last_error": 5}, "last_error"),
        ({"timeframe": 60}, "timeframe"),
        ([], "object"),
        (None, "object"),
        ("text", "object"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(raw: object, named: str) -> None:
    """Whoever reads the log knows where to look."""
    with pytest.raises(ValueError, match=named):
        decode(raw)


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("incidents", 5),
        ("incidents", {}),
        ("incidents", {**INCIDENT, "since": -1}),
        ("incidents", {"id": "a", "kind": "failing"}),
        ("owed", "x"),
        ("owed", {**NOTICE, "event": []}),
        ("owed", {**NOTICE, "messages": {"a": 1}}),
        ("owed", {**NOTICE, "told": "abc"}),
        ("owed", {**NOTICE, "told": [None]}),
        ("owed", {**NOTICE, "tries": None}),
    ],
)
def test_what_makes_no_sense_in_a_record_is_kept_beside_what_does(name: str, item: object) -> None:
    """The counts are gone on with, and so is each other incident and notice; the odd one is written back."""
    good = {"incidents": INCIDENT, "owed": NOTICE}[name]
    record = decode({"rows_collected": 7, name: [item, good]})
    assert (record.metrics.rows_collected, len(getattr(record, name))) == (7, 1)
    body = json.loads(encode(record))
    assert (body["rows_collected"], body[name]) == (7, [good, item])
    assert decode(body) == record
    assert decode(json.loads(encode(decode({name: "not a list"})))).extra == {name: ["not a list"]}


def test_an_expectation_that_makes_no_sense_is_kept_until_there_is_another() -> None:
    """Nothing is expected of the job before."""
    record = decode({"runs": 3, "expected": [1, 2]})
    assert (record.metrics.runs, record.expected) == (3, None)
    assert json.loads(encode(record))["expected"] == [1, 2]
    expected = JobRecord(record.metrics, expected=Expectation(60.0, 5.0, 1.0), extra=record.extra)
    assert json.loads(encode(expected))["expected"] == {"every": 60.0, "grace": 5.0, "since": 1.0}


@pytest.mark.parametrize("cls", [Incident, Notice])
def test_a_field_that_must_be_there_is_named_where_it_is_not(cls: type) -> None:
    """All of them, in their order."""
    names = {Incident: "id, kind, since", Notice: "at, event, incident, kind, number, since"}[cls]
    with pytest.raises(ValueError, match=f"{names} missing"):
        from_plain(cls, {})
    with pytest.raises(ValueError, match="an object is expected, not int"):
        from_plain(cls, 5)


def test_kinds_and_events_of_a_newer_version_are_read_like_those_of_this() -> None:
    """An incident or a notice is not lost for a word."""
    raw = {"incidents": [{**INCIDENT, "kind": "flapping"}], "owed": [{**NOTICE, "event": "muted", "kind": "lost data"}]}
    record = decode(raw)
    assert ([each.kind for each in record.incidents], [each.event for each in record.owed]) == (["flapping"], ["muted"])
    body = json.loads(encode(record))
    assert {name: body[name] for name in raw} == raw


@pytest.mark.parametrize("value", [math.inf, math.nan, NotImplemented, [[math.inf]], {"a": -math.inf}])
def test_what_could_not_be_written_back_is_refused(value: object) -> None:
    """In a field of a newer version too: each later write would fail."""
    for raw in (
        {"of a newer one": value},
        {"incidents": [{**INCIDENT, "x": value}]},
        {"owed": [{**NOTICE, "x": value}]},
    ):
        with pytest.raises(ValueError, match="no usable value"):
            decode(raw)


def test_a_value_that_is_too_deep_is_refused() -> None:
    """It might be written from a deeper stack than it was read in."""
    deep: object = "x"
    for _ in range(20):
        deep = [deep]
    assert decode({"of a newer one": deep}).extra == {"of a newer one": deep}
    with pytest.raises(ValueError, match="of a newer one"):
        decode({"of a newer one": [deep]})
