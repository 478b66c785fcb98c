"""Metrics as a caller looks them up."""

import pytest

from dccd.daemon.health.metrics_by_key import MetricsByKey
from dccd.daemon.records.model import JobMetrics
from dccd.daemon.sanitize import clean_key

ODD = "files/na\udcefve\n" + "x" * 300


def test_a_key_is_found_as_its_caller_wrote_it_and_as_it_is_shown() -> None:
    """Though only what is shown is listed."""
    metrics = MetricsByKey({clean_key(ODD): JobMetrics(rows_collected=7)})
    assert metrics[ODD].rows_collected == 7
    assert ODD in metrics
    assert metrics.get(ODD) == metrics[clean_key(ODD)]
    assert list(metrics) == [clean_key(ODD)]
    assert metrics == {clean_key(ODD): JobMetrics(rows_collected=7)}


def test_a_key_that_is_not_there_is_missing() -> None:
    """As in any dict, odd or not, and whatever its type."""
    metrics = MetricsByKey()
    for key in ("kraken/BTC/USD", ODD):
        assert key not in metrics
        assert metrics.get(key) is None
        with pytest.raises(KeyError):
            metrics[key]
    assert 5 not in metrics  # type: ignore[comparison-overlap]
