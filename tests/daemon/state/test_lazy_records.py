"""Records that are decoded when somebody asks for them."""

import pytest

from dccd.daemon.records.model import JobMetrics, JobRecord
from dccd.daemon.state.lazy_records import LazyRecords, decode_lazily


def test_metrics_alone_are_kept_as_they_were_read() -> None:
    """All else is decoded at once, as only that shows whether it is in order."""
    raw = {"rows_collected": 5}
    assert decode_lazily(raw) is raw
    assert decode_lazily({**raw, "of_a_newer_version": 1}) == JobRecord(
        JobMetrics(rows_collected=5), extra={"of_a_newer_version": 1}
    )


@pytest.mark.parametrize("raw", [None, [], {"rows_collected": -1}, {"timeframe": 5}, {"x": float("nan")}])
def test_what_is_no_record_is_refused_when_it_is_read(raw: object) -> None:
    """Not at some later time, when somebody asks for it."""
    with pytest.raises(ValueError, match=r"."):
        decode_lazily(raw)


def test_a_record_is_decoded_once() -> None:
    """Whoever asks, by its key or for all of them."""
    records = LazyRecords({"a": {"rows_collected": 5}, "b": {}})
    first = records.get("a")
    assert first == JobRecord(JobMetrics(rows_collected=5))
    assert records.get("a") is first is records.stored("a")
    assert records.stored("b") == {}
    everything = records.all()
    assert everything["a"] is first
    assert records.stored("b") is everything["b"]
    assert records.get("c") is None


def test_the_dict_of_all_records_is_the_callers_own() -> None:
    """Neither side sees what the other changes."""
    records = LazyRecords({"a": {}, "b": {}})
    before = records.all()
    records.update({"a": None, "c": JobRecord(), "unknown": None})
    assert set(before) == {"a", "b"}
    before.clear()
    assert set(records.all()) == {"b", "c"}
