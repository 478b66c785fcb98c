"""Which of several places a setting is taken from."""

import base64
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.daemon.config.surroundings import Place

from dccd.daemon.config import CollectorConfig
from dccd.daemon.config.load import Traced
from dccd.daemon.config.names import KeyPath, dotted, leaves, nested, variable_of
from dccd.errors import ConfigError

SETTINGS = list(leaves())
JOB = {"exchange": "kraken", "pairs": "BTC/USD"}
# Texts that are valid for one setting or another; each has two at least.
TEXTS = [
    *(
        "https://one.example/x",
        "https://two.example/y",
        "/one",
        "/two",
        "1",
        "2",
        "61",
        "62",
        "7h",
        "9h",
        "true",
        "false",
    ),
    *("127.0.0.1:1", "[::1]:2", "A/B", "C/D,E/F", "kraken", "binance", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
    *(f"whsec_{base64.b64encode(key * 24).decode()}" for key in (b"1", b"2")),
]


def tree(setting: KeyPath, text: str) -> dict[str, Any]:
    """Return a setting as nested tables; a job has what it needs besides."""
    if len(setting) == 1:
        return {str(setting[0]): text}
    section, *_, key = setting
    return {str(section): [JOB | {str(key): text}]} if 0 in setting else {str(section): {str(key): text}}


def toml(setting: KeyPath, text: str, table: str = "") -> str:
    """Return a setting as TOML; a text may stand for a number."""
    [(section, inner)] = tree(setting, text).items()
    header = f"[[{table}{section}]]" if isinstance(inner, list) else f"[{table}{section}]"
    keys = inner[0] if isinstance(inner, list) else inner
    return "\n".join([header, *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])


def named(setting: KeyPath, text: str) -> dict[str, str]:
    """Return a setting as variables."""
    besides = {variable_of((*setting[:-1], key)): value for key, value in JOB.items()} if 0 in setting else {}
    return besides | {variable_of(setting): text}


def in_files(directory: str) -> Callable[[Place, KeyPath, str], None]:
    """Return what writes a setting as files of secrets."""

    def write(place: Place, setting: KeyPath, text: str) -> None:
        for name, value in named(setting, text).items():
            place.write(f"{directory}/{name}", f"{value}\n")

    return write


# From the one that goes before all others on.
SOURCES: dict[str, Callable[[Place, KeyPath, str], object]] = {
    "environment variable ": lambda place, setting, text: place.environ.update(named(setting, text)),
    ".env:": lambda place, setting, text: place.write(
        ".env", "".join(f"{name}='{value}'\n" for name, value in named(setting, text).items())
    ),
    "secret file chosen/": in_files("chosen"),
    "secret file systemd/": in_files("systemd"),
    "secret file run/": in_files("run"),
    "dccd.toml:": lambda place, setting, text: place.write("dccd.toml", toml(setting, text)),
    "pyproject.toml:": lambda place, setting, text: place.write("pyproject.toml", toml(setting, text, "tool.dccd.")),
}
ARGUMENT = "argument "
ORDER = [ARGUMENT, *SOURCES]


def loaded(setting: KeyPath, texts: dict[str, str]) -> tuple[Traced, Place]:
    """Return what is loaded where each source has a text for the setting."""
    with TemporaryDirectory() as directory:
        place = Place(Path(directory).resolve())
        place.environ |= {
            "DCCD_SECRETS_DIR": str(place.path / "chosen"),
            "CREDENTIALS_DIRECTORY": str(place.path / "systemd"),
            "STATE_DIRECTORY": "/of/systemd",
        }
        (place.path / "chosen").mkdir()
        for source, text in texts.items():
            if source != ARGUMENT:
                SOURCES[source](place, setting, text)
        arguments = tree(setting, texts[ARGUMENT]) if ARGUMENT in texts else {}
        return place.load(**arguments), place


def value_of(config: BaseModel, setting: KeyPath) -> Any:
    """Return a setting."""
    found: Any = config
    for part in setting:
        found = found[part] if isinstance(part, int) else getattr(found, part)
    return found


@cache
def two_texts(setting: KeyPath) -> dict[str, Any]:
    """Return two texts that are valid for a setting, with the values they mean, which differ."""
    valid: dict[str, Any] = {}
    for text in [*TEXTS, *choices(setting)]:
        if setting == ("storage", "local_path") and not text.startswith("/"):
            continue  # what is relative means another path for each source
        try:
            traced, _ = loaded(setting, {ARGUMENT: text})
        except ConfigError:
            continue
        if (value := value_of(traced.config, setting)) not in valid.values():
            valid[text] = value
    first, second, *_ = valid
    return {first: valid[first], second: valid[second]}


def choices(setting: KeyPath) -> tuple[str, ...]:
    """Return what a setting may be, if there is a list of that."""
    model: type[BaseModel] = CollectorConfig
    for part in setting[:-1]:
        below = nested(model.model_fields[part]) if isinstance(part, str) else None
        model = below.model if below is not None else model
    allowed = get_args(model.model_fields[str(setting[-1])].annotation)
    return tuple(each for each in allowed if isinstance(each, str))


@given(st.sampled_from(SETTINGS), st.lists(st.sampled_from(ORDER), min_size=2, unique=True), st.booleans())
def test_of_any_setting_and_any_sources_the_first_has_it(setting: KeyPath, sources: list[str], swap: bool) -> None:
    """Arguments, environment, .env, three directories of secrets, TOML, pyproject."""
    values = two_texts(setting)
    high, low = reversed(values) if swap else values
    first, *others = sorted(sources, key=ORDER.index)
    traced, place = loaded(setting, {first: high} | dict.fromkeys(others, low))
    assert value_of(traced.config, setting) == values[high]
    assert place.relative(traced.origins[dotted(setting)]).startswith(first)


@pytest.mark.parametrize("source", ORDER)
def test_every_source_goes_before_the_default(source: str) -> None:
    """And what no source has is the default, with no origin."""
    setting = ("alerts", "max_consecutive_errors")
    traced, _ = loaded(setting, {source: "61"})
    assert traced.config.alerts.max_consecutive_errors == 61
    assert set(traced.origins) == {"alerts.max_consecutive_errors", "storage.local_path"}
    assert traced.origins["storage.local_path"] == "environment variable STATE_DIRECTORY"


def test_settings_of_one_section_come_from_several_places(place: Place) -> None:
    """One by one; a list of jobs comes from one place as a whole."""
    place.write(
        "dccd.toml", "[alerts]\nsource = 'file'\nformat = 'slack'\n[[histo_jobs]]\nexchange = 'a'\npairs = 'A/B'\n"
    )
    place.environ |= {"DCCD_ALERTS__FORMAT": "discord", "DCCD_HISTO_JOBS": '[{"exchange": "b", "pairs": ["C/D"]}]'}
    traced = place.load(alerts={"group_window": "1m"})
    alerts = traced.config.alerts
    assert (alerts.source, alerts.format, alerts.group_window) == ("file", "discord", 60)
    assert [job.exchange for job in traced.config.histo_jobs] == ["b"]
    assert {name: place.relative(origin) for name, origin in traced.origins.items()} == {
        "alerts.group_window": "argument alerts",
        "alerts.format": "environment variable DCCD_ALERTS__FORMAT",
        "alerts.source": "dccd.toml:2",
        "histo_jobs[0].exchange": "environment variable DCCD_HISTO_JOBS",
        "histo_jobs[0].pairs": "environment variable DCCD_HISTO_JOBS",
    }


def test_a_variable_of_a_setting_goes_before_one_of_its_section(place: Place) -> None:
    """JSON may set a section."""
    place.environ |= {"DCCD_ALERTS": '{"source": "json", "format": "slack"}', "DCCD_ALERTS__SOURCE": "own"}
    traced = place.load()
    assert (traced.config.alerts.source, traced.config.alerts.format) == ("own", "slack")
    assert traced.origins["alerts.source"] == "environment variable DCCD_ALERTS__SOURCE"
    assert traced.origins["alerts.format"] == "environment variable DCCD_ALERTS"


def test_the_case_of_a_variable_does_not_matter(place: Place) -> None:
    """In capitals it goes before."""
    place.environ |= {"dccd_alerts__source": "small", "DCCD_alerts__GROUP_WINDOW": "1m"}
    assert place.load().config.alerts.source == "small"
    assert place.load().config.alerts.group_window == 60
    place.environ["DCCD_ALERTS__SOURCE"] = "CAPITALS"
    assert place.load().config.alerts.source == "CAPITALS"


def test_an_empty_variable_is_as_good_as_none(place: Place) -> None:
    """Compose files set those; the next place has its turn, and a misspelt one does no harm."""
    names = ("ALERTS__SOURCE", "ALERTS", "HISTO_JOBS", "CONFIG", "SECRETS_DIR", "ALERTS_FORMAT", "STORAGE__FSYNC")
    place.environ |= dict.fromkeys((f"DCCD_{name}" for name in names), "") | {"STATE_DIRECTORY": ""}
    place.write(".env", "DCCD_ALERTS__SOURCE=\nDCCD_LOG__LEVEL=''\n")
    place.write("run/DCCD_ALERTS__SOURCE", "\n")
    place.write("dccd.toml", "[alerts]\nsource = 'file'\n")
    traced = place.load()
    assert traced.config.alerts.source == "file"
    assert set(traced.origins) == {"alerts.source"}


def test_models_may_be_arguments(place: Place) -> None:
    """They count with what was given to them, so that other places still have the rest."""
    from dccd.daemon.config import AlertConfig, HistoJob

    place.environ |= {"DCCD_ALERTS__SOURCE": "variable", "DCCD_ALERTS__FORMAT": "slack"}
    jobs = [HistoJob(exchange="kraken", pairs=["A/B"]), {"exchange": "binance", "pairs": "A/B"}]
    traced = place.load(alerts=AlertConfig(source="argument", webhook_url="https://one.example/x"), histo_jobs=jobs)
    alerts = traced.config.alerts
    assert (alerts.source, alerts.format, alerts.webhook_url) == ("argument", "slack", "https://one.example/x")
    assert [job.exchange for job in traced.config.histo_jobs] == ["kraken", "binance"]
    assert traced.origins["histo_jobs[0]"] == traced.origins["histo_jobs[1].pairs"] == "argument histo_jobs"
