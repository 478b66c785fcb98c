"""The series of a configuration."""

from pathlib import Path

from tests.daemon.jobs.flat import NAME, configured, own

from dccd.daemon.config import HistoJob
from dccd.daemon.jobs.tasks import tasks_of


def test_each_series_is_a_task_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    """With the key of its record."""
    other = HistoJob(exchange="kraken", pairs=("BTC/USD",))
    config = configured(tmp_path, own("C/D", "A/B"), other)
    assert [(task.key, task.job, task.pair) for task in tasks_of(config)] == [
        (f"{NAME}/C/D", config.histo_jobs[0], "C/D"),
        (f"{NAME}/A/B", config.histo_jobs[0], "A/B"),
        ("kraken/BTC/USD", other, "BTC/USD"),
    ]


def test_a_second_timeframe_of_a_pair_is_named_by_its_key(tmp_path: Path) -> None:
    """The first has the plain key, so its outcomes are recorded without a timeframe."""
    config = configured(tmp_path, own(timeframe="1h"), own(timeframe="1m"))
    assert [(task.key, task.qualifier) for task in tasks_of(config)] == [
        (f"{NAME}/A/B", None),
        (f"{NAME}/A/B@1m", "1m"),
    ]
