"""Records as JSON."""

import json
import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.records.codec import LATEST_SECONDS, MAX_COUNT, decode, encode
from dccd.daemon.records.model import Incident, JobMetrics, JobRecord, Notice

KNOWN = {f.name for cls in (JobMetrics, JobRecord, Incident, Notice) for f in fields(cls)}
FOUR = ["last_run_at", "last_success_at", "rows_collected", "errors_count"]
NOTICE = {"incident": "failing-1", "number": 1, "event": "firing", "at": 5.0, "kind": "failing", "since": 1.0}
INCIDENT = {"id": "failing-1", "kind": "failing", "since": 1.0}

counts = st.integers(0, 2**100)
times = st.floats(0, LATEST_SECONDS)
texts = st.text(max_size=20)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
extras = st.dictionaries(texts.filter(lambda name: name not in KNOWN), json_values, max_size=2)
metrics = st.builds(
    JobMetrics,
    last_run_at=st.none() | times,
    last_success_at=st.none() | times,
    rows_collected=counts,
    errors_count=counts,
    last_error=st.none() | texts,
    last_duration=st.none() | times,
    runs=counts,
    failures=counts,
    failing_since=st.none() | times,
)
incidents = st.builds(
    Incident,
    id=texts,
    kind=texts,
    since=times,
    failures=counts,
    successes=counts,
    notices=counts,
    noticed_at=st.none() | times,
    extra=extras,
)
notices = st.builds(
    Notice,
    incident=texts,
    number=counts,
    event=st.sampled_from(["firing", "repeat", "resolved"]),
    at=times,
    kind=texts,
    since=times,
    failures=counts,
    error=st.none() | texts,
    last_success_at=st.none() | times,
    messages=st.dictionaries(texts, texts, max_size=2),
    told=st.lists(texts, max_size=2).map(tuple),
    tries=st.dictionaries(st.text(), counts),
    next_try_at=st.dictionaries(st.text(), times),
    extra=extras,
)
records = st.builds(
    JobRecord,
    metrics=metrics,
    incidents=st.lists(incidents, max_size=2).map(tuple),
    owed=st.lists(notices, max_size=3).map(tuple),
    extra=extras,
)


@given(records)
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
        ({"incidents": {}}, "incidents"),
        ({"incidents": [INCIDENT, 5]}, "object"),
        ({"incidents": [{**INCIDENT, "since": -1}]}, "since"),
        ({"incidents": [{"id": "a", "kind": "failing"}]}, "since missing"),
        ({"owed": "x"}, "owed"),
        ({"owed": [{**NOTICE, "event": "sung"}]}, "event"),
        ({"owed": [{**NOTICE, "event": []}]}, "event"),
        ({"owed": [{**NOTICE, "messages": {"a": 1}}]}, "messages"),
        ({"owed": [{**NOTICE, "messages": []}]}, "messages"),
        ({"owed": [{**NOTICE, "told": "abc"}]}, "told"),
        ({"owed": [{**NOTICE, "told": [None]}]}, "told"),
        ({"owed": [{**NOTICE, "tries": None}]}, "tries"),
        ({"owed": [{}]}, "at, event, incident, kind, number, since missing"),
        ([], "object"),
        (None, "object"),
        ("text", "object"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(raw: object, named: str) -> None:
    """Whoever reads the log knows where to look."""
    with pytest.raises(ValueError, match=named):
        decode(raw)


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
