"""What is known of a job, as data."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.records.model import Incident, JobKey, JobMetrics, JobRecord, Kind, Notice


@pytest.mark.parametrize("timeframe", [None, ""])
def test_a_key_has_a_timeframe_only_where_one_is_given(timeframe: str | None) -> None:
    """The only job of a pair is known by the pair."""
    assert str(JobKey("kraken", "BTC/USD", timeframe)) == "kraken/BTC/USD"
    assert str(JobKey("kraken", "BTC/USD", "1m")) == "kraken/BTC/USD@1m"


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("kraken/BTC/USD", ("kraken", "BTC/USD", None)),
        ("kraken/BTC/USD@1m", ("kraken", "BTC/USD", "1m")),
        ("binance/BTC/USDT:USDT@4h", ("binance", "BTC/USDT:USDT", "4h")),
        ("mine/anna@example.com", ("mine", "anna@example.com", None)),
        ("mine/anna@example.com@1d", ("mine", "anna@example.com", "1d")),
        ("mine/report@", ("mine", "report@", None)),
        ("mine/report@1month", ("mine", "report@1month", None)),
        ("mine/@1m", ("mine", "", "1m")),
        ("mine/", ("mine", "", None)),
        ("mine", ("mine", "", None)),
    ],
)
def test_a_key_is_taken_apart(key: str, named: tuple[str, str, str | None]) -> None:
    """What follows an ``@`` is a timeframe only if it reads as one."""
    assert JobKey.parse(key) == JobKey(*named)


@given(st.text().map("mine/{}".format) | st.text().map("mine/a@{}".format))
def test_a_key_that_is_taken_apart_prints_as_it_was(key: str) -> None:
    """So that what is shown of a job is what commands take."""
    assert str(JobKey.parse(key)) == key


def test_a_kind_is_written_as_the_word_that_it_is() -> None:
    """In JSON, in a text and in a comparison, as one that was read is plain text."""
    kind: str = Kind.OLD_DATA
    assert (json.dumps(kind), f"{kind}", kind in {"stale", "old data"}) == ('"old data"', "old data", True)


def test_a_notice_is_named_by_its_incident_and_its_number() -> None:
    """So that no two of a job have one name."""
    ids = {Notice(incident, number, "repeat", 0.0, "stale", 0.0).id for incident in ("a", "b") for number in (1, 2)}
    assert ids == {"a.1", "a.2", "b.1", "b.2"}


def test_no_record_can_be_changed() -> None:
    """What one thread holds another cannot alter."""
    for item, name in ((JobMetrics(), "runs"), (JobRecord(), "owed"), (Incident("a", "stale", 0.0), "notices")):
        with pytest.raises(AttributeError):
            setattr(item, name, 1)
