"""The settings of a job."""

import pytest
from pydantic import ValidationError

from dccd.daemon.config import HistoJob


def test_an_age_below_two_candles_is_refused() -> None:
    """It would alert all the time; zero means never, and a wrong timeframe is told alone."""
    with pytest.raises(ValidationError, match="should be two candles of 1h at least"):
        HistoJob(exchange="kraken", pairs=["A/B"], max_age="119m")
    for allowed in ("2h", 0, None):
        HistoJob(exchange="kraken", pairs=["A/B"], max_age=allowed)
    with pytest.raises(ValidationError) as caught:
        HistoJob(exchange="kraken", pairs=["A/B"], timeframe="no", max_age="1m")
    assert [each["loc"] for each in caught.value.errors()] == [("timeframe",)]


@pytest.mark.parametrize(("timeframe", "seconds"), [("1m", 60), ("1d", 86_400), (7200, 7200)])
def test_a_job_knows_the_seconds_of_a_candle(timeframe: str | int, seconds: int) -> None:
    """However its timeframe was given."""
    assert HistoJob(exchange="kraken", pairs=["A/B"], timeframe=timeframe).seconds == seconds
