"""What is known of a job, as data."""

import pytest

from dccd.daemon.records.model import Incident, JobMetrics, JobRecord, Notice, job_key


@pytest.mark.parametrize("timeframe", [None, ""])
def test_a_key_has_a_timeframe_only_where_one_is_given(timeframe: str | None) -> None:
    """The only job of a pair is known by the pair."""
    assert job_key("kraken", "BTC/USD", timeframe) == "kraken/BTC/USD"
    assert job_key("kraken", "BTC/USD", "1m") == "kraken/BTC/USD@1m"


def test_a_notice_is_named_by_its_incident_and_its_number() -> None:
    """So that no two of a job have one name."""
    ids = {Notice(incident, number, "repeat", 0.0, "stale", 0.0).id for incident in ("a", "b") for number in (1, 2)}
    assert ids == {"a.1", "a.2", "b.1", "b.2"}


def test_no_record_can_be_changed() -> None:
    """What one thread holds another cannot alter."""
    for item, name in ((JobMetrics(), "runs"), (JobRecord(), "owed"), (Incident("a", "stale", 0.0), "notices")):
        with pytest.raises(AttributeError):
            setattr(item, name, 1)
