"""The models: what may be given, what is kept, and what is never shown."""

import ast
import copy
import inspect
import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from rich.console import Console

from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, LogConfig, ScheduleConfig, StorageConfig
from dccd.daemon.config.names import nested

SECRET = "https://example.com/hook/s3cret-token"
KEY = "whsec_czNjcmV0LXMzY3JldC1zM2NyZXQtczNjcmV0"


def models(model: type[BaseModel] = CollectorConfig) -> Iterator[type[BaseModel]]:
    """Yield the models of all sections."""
    yield model
    for field in model.model_fields.values():
        if (below := nested(field)) is not None:
            yield from models(below.model)


MODELS = list(models())
ALERTS = AlertConfig(
    webhook_url=SECRET,
    extra_webhooks=[f"{SECRET}/2"],
    apprise_urls=["tgram://s3cret-bot/1"],
    webhook_secret=KEY,
    heartbeat_url=f"{SECRET}/beat",
)
CONFIG = CollectorConfig(alerts=ALERTS)


def by_rich(value: object) -> str:
    """Return what rich prints of a value."""
    console = Console(file=StringIO(), width=500)
    console.print(value)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("value", [ALERTS, CONFIG], ids=["alerts", "collector"])
def test_no_secret_is_shown(value: BaseModel) -> None:
    """In no repr, dump, pickle's or copy's repr, and not by rich."""
    again = pickle.loads(pickle.dumps(value))  # noqa: S301 - our own
    assert again == value
    shown = [
        *(repr(each) for each in (value, again, copy.deepcopy(value), value.model_copy(), [value])),
        *(str(value), f"{value}", by_rich(value), str(value.model_json_schema())),
        *(repr(value.model_dump()), repr(value.model_dump(mode="json")), value.model_dump_json()),
    ]
    for text in shown:
        assert "s3cret" not in text
        assert KEY not in text
    assert "***" in repr(value.model_dump())


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_url": f"ftp://{SECRET}"},
        {"webhook_url": [SECRET]},
        {"extra_webhooks": [SECRET, 5, "s3cret"]},
        {"extra_webhooks": '["s3cret'},
        {"webhook_secret": "s3cret"},
        {"repeat_interval": SECRET},
        {"max_consecutive_errors": SECRET},
        {"format": SECRET},
        {"webhok_url": SECRET},
        {"webhook_url": SECRET, "source": ""},
    ],
)
def test_no_value_is_in_an_error(wrong: dict[str, Any]) -> None:
    """Neither in its text, nor in its details, however deep it stands."""
    for model, given in ((AlertConfig, wrong), (CollectorConfig, {"alerts": wrong, "histo_jobs": [wrong]})):
        with pytest.raises(ValidationError) as caught:
            model.model_validate(given)
        error = caught.value
        for text in (str(error), repr(error), repr(error.errors()), error.json(), repr(error.__context__)):
            assert "s3cret" not in text


def test_an_error_keeps_its_kind_and_its_place() -> None:
    """For those who look at its details."""
    with pytest.raises(ValidationError) as caught:
        CollectorConfig.model_validate({"alerts": {"group_window": "99d"}, "histo_jobs": [{"exchange": "a"}]})
    assert [(each["type"], each["loc"]) for each in caught.value.errors()] == [
        ("less_than_equal", ("alerts", "group_window")),
        ("missing", ("histo_jobs", 0, "pairs")),
    ]


@pytest.mark.parametrize("model", MODELS)
def test_every_setting_is_described_and_every_number_has_bounds(model: type[BaseModel]) -> None:
    """A table of them can be made; nothing is without an end."""
    for name, field in model.model_fields.items():
        assert field.description, name
        kinds = {type(each).__name__ for each in field.metadata}
        if "float" in str(field.annotation) or "int" in str(field.annotation):
            assert {"Ge", "Le"} <= kinds, name


@pytest.mark.parametrize("model", MODELS)
def test_type_checkers_are_told_of_each_setting(model: type[BaseModel]) -> None:
    """The constructor they see has the settings there are, each by name; what must be given has no default."""
    nodes = ast.walk(ast.parse(inspect.getsource(model)))
    constructors = [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    if not constructors:
        kept = str([field.annotation for field in model.model_fields.values()])
        assert not any(kind in kept for kind in ("float", "tuple", "Path", "datetime"))
        return
    arguments = constructors[0].args
    told = {
        argument.arg: default is None
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    }
    assert told == {name: field.is_required() for name, field in model.model_fields.items()}


def test_durations_and_lists_may_be_given_as_people_write_them() -> None:
    """And are kept as seconds and tuples."""
    alerts = AlertConfig(
        repeat_interval="4h", group_window=3, outbox_ttl="1.5d", extra_webhooks=f"{SECRET}, {SECRET}/2"
    )
    assert (alerts.repeat_interval, alerts.group_window, alerts.outbox_ttl) == (14_400.0, 3.0, 129_600.0)
    assert alerts.extra_webhooks == (SECRET, f"{SECRET}/2")
    assert ScheduleConfig(delay="1m").delay == 60.0
    for pairs in (["A/B", "C/D"], "A/B, C/D", '["A/B", "C/D"]', ("A/B", "C/D"), "A/B,C/D,"):
        assert HistoJob(exchange="kraken", pairs=pairs).pairs == ("A/B", "C/D")
    for timeframe in ("1h", 3600, "3600", "60m"):
        assert HistoJob(exchange="kraken", pairs=["A/B"], timeframe=timeframe).timeframe == "1h"


def test_a_start_is_in_utc() -> None:
    """Whatever zone it was given in."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for given in (start, "2026-01-01", "2026-01-01T01:00:00+01:00", start.astimezone(timezone(timedelta(hours=-5)))):
        job = HistoJob(exchange="kraken", pairs=["A/B"], start=given)
        assert job.start == start
        assert job.start is not None
        assert job.start.tzinfo is UTC


def test_a_series_is_listed_once() -> None:
    """Of one exchange, pair and timeframe; whatever else a job says."""
    first = HistoJob(exchange="kraken", pairs=["A/B", "C/D"])
    CollectorConfig(histo_jobs=[first, HistoJob(exchange="kraken", pairs=["A/B"], timeframe="1m")])
    CollectorConfig(histo_jobs=[first, HistoJob(exchange="binance", pairs=["A/B"])])
    again = HistoJob(exchange="kraken", pairs=["E/F", "C/D"], timeframe=3600, max_age="1d")
    with pytest.raises(ValidationError) as caught:
        CollectorConfig(histo_jobs=[first, again, again])
    assert [(each["loc"], each["msg"]) for each in caught.value.errors()] == [
        (("histo_jobs", 1, "pairs"), "kraken C/D 1h is listed twice, in histo_jobs[0] too: remove one"),
        (("histo_jobs", 2, "pairs"), "kraken E/F 1h is listed twice, in histo_jobs[1] too: remove one"),
        (("histo_jobs", 2, "pairs"), "kraken C/D 1h is listed twice, in histo_jobs[0] too: remove one"),
    ]


def test_a_path_may_be_a_text_and_begin_with_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a path then."""
    monkeypatch.setenv("HOME", "/of/mine")
    assert StorageConfig(local_path="~/data").local_path == Path("/of/mine/data")
    assert StorageConfig(local_path=Path("/data")).local_path == Path("/data")


def test_constructing_reads_no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`AlertConfig()` means the defaults, wherever it runs."""
    monkeypatch.chdir(tmp_path)
    before = AlertConfig(), CollectorConfig(), StorageConfig(), LogConfig()
    monkeypatch.setenv("DCCD_WEBHOOK_URL", SECRET)
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", SECRET)
    monkeypatch.setenv("WEBHOOK_URL", SECRET)
    monkeypatch.setenv("DCCD_STORAGE__FSYNC", "false")
    (tmp_path / "dccd.toml").write_text("[alerts]\nmax_consecutive_errors = 9\n")
    assert (AlertConfig(), CollectorConfig(), StorageConfig(), LogConfig()) == before
    assert AlertConfig().webhook_url is None


def test_the_defaults_are_those_that_are_documented() -> None:
    """They are a promise, too."""
    alerts = AlertConfig()
    assert (alerts.max_consecutive_errors, alerts.recovery_threshold, alerts.repeat_interval) == (3, 1, 14_400)
    assert (alerts.group_window, alerts.outbox_ttl, alerts.shutdown_timeout) == (5, 86_400, 20)
    assert (alerts.send_resolved, alerts.format) == (True, "auto")


def test_models_are_frozen_and_strict() -> None:
    """A misspelt key is no setting."""
    with pytest.raises(ValidationError):
        AlertConfig().max_consecutive_errors = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="webhook"):
        AlertConfig.model_validate({"webhook": SECRET})
    for bad in ({"max_consecutive_errors": 0}, {"group_window": -1}, {"repeat_interval": "soon"}, {"format": "x"}):
        with pytest.raises(ValidationError):
            AlertConfig.model_validate(bad)


def test_keys_by_the_order_of_the_jobs_are_told_to_be_old() -> None:
    """The first job of a pair has the plain key, each further timeframe is qualified, as in 0.1.0."""
    jobs = (
        HistoJob(exchange="kraken", pairs=("BTC/USD", "ETH/USD"), timeframe="1h"),
        HistoJob(exchange="kraken", pairs=("BTC/USD",), timeframe="1m"),
        HistoJob(exchange="binance", pairs=("BTC/USD",), timeframe="1m"),
    )
    with pytest.warns(DeprecationWarning, match="dccd status --json"):
        keyed = CollectorConfig(histo_jobs=jobs).jobs_by_key()
    assert [key for key, _, _ in keyed] == ["kraken/BTC/USD", "kraken/ETH/USD", "kraken/BTC/USD@1m", "binance/BTC/USD"]
