"""Every setting told by the models: in words, as a file to begin with, as a schema."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from dccd.daemon.config.describe import json_schema, settings, starter
from dccd.daemon.config.load import Surroundings, trace
from dccd.daemon.config.models import CollectorConfig
from dccd.daemon.config.names import leaves, setting_of

ALL = settings()


def test_every_setting_is_there_once() -> None:
    """Under the variable that sets it."""
    assert [each.path for each in ALL] == list(leaves())
    assert [setting_of(each.variable) for each in ALL] == [each.path for each in ALL]


@pytest.mark.parametrize("setting", ALL, ids=lambda each: each.variable)
def test_each_setting_has_a_description_and_a_value_to_show(setting: object) -> None:
    """A sentence; a default, or an example where there is none."""
    assert isinstance(setting, type(ALL[0]))
    assert re.fullmatch(r"[A-Z].*\.", setting.description)
    assert (setting.default or setting.example) is not None
    assert setting.type


@pytest.mark.parametrize(
    ("variable", "kind", "default"),
    [
        ("DCCD_ALERTS__REPEAT_INTERVAL", "duration, 0s to 365d", '"4h"'),
        ("DCCD_ALERTS__MAX_CONSECUTIVE_ERRORS", "whole number, 1 to 1,000,000", "3"),
        ("DCCD_ALERTS__EXTRA_WEBHOOKS", "list", "[]"),
        ("DCCD_STORAGE__FSYNC", "true or false", "true"),
        ("DCCD_STORAGE__LOCAL_PATH", "path", None),
        ("DCCD_LOG__FILE", "one of text, json, off", '"text"'),
        ("DCCD_HISTO_JOBS__0__TIMEFRAME", "timeframe", '"1h"'),
        ("DCCD_HISTO_JOBS__0__MAX_CONSECUTIVE_ERRORS", "whole number, 1 to 1,000,000", None),
    ],
)
def test_types_bounds_and_defaults_are_in_words(variable: str, kind: str, default: str | None) -> None:
    """As one reads them in a table."""
    [setting] = [each for each in ALL if each.variable == variable]
    assert (setting.type, setting.default) == (kind, default)


def test_secrets_are_known() -> None:
    """So that no list of settings shows a value of one."""
    secret = {each.path[-1] for each in ALL if each.secret}
    assert secret == {"webhook_url", "extra_webhooks", "apprise_urls", "webhook_secret", "heartbeat_url"}


def test_the_file_to_begin_with_can_be_used(tmp_path: Path) -> None:
    """As it is, and with every line of it switched on."""
    path = tmp_path / "dccd.toml"
    path.write_text(starter())
    begun = trace(Surroundings({}, tmp_path), path).config
    assert begun.histo_jobs
    assert begun.storage.local_path == tmp_path / "data"
    path.write_text(re.sub(r"^# (?=\w+ = )", "", starter(), flags=re.MULTILINE))
    assert len(trace(Surroundings({}, tmp_path), path).origins) == len(ALL)


def test_what_is_commented_out_is_the_default() -> None:
    """A file that sets it says nothing new."""
    lines = [each for each in starter().splitlines() if not each.startswith("#:")]
    text = "\n".join(re.sub(r"^# (?=\w+ = )", "", each) for each in lines)
    written, plain = tomllib.loads(text), CollectorConfig()
    for each in ALL:
        if len(each.path) == 2 and each.default is not None:
            section, key = map(str, each.path)
            made = CollectorConfig.model_validate({section: {key: written[section][key]}})
            assert getattr(getattr(made, section), key) == getattr(getattr(plain, section), key)


def test_the_schema_knows_every_setting_and_tells_of_it() -> None:
    """With what an editor shows, and no more than a line of it."""
    schema = json.loads(json_schema())
    told = [of for model in schema["$defs"].values() for of in model["properties"].values()]
    assert len(told) == len(ALL)
    assert all(each["description"] for each in told)
    assert "\n" not in schema["description"]
    assert all("\n" not in model["description"] for model in schema["$defs"].values())
    assert schema["$defs"]["AlertConfig"]["properties"]["webhook_url"]["writeOnly"] is True
    assert schema["additionalProperties"] is False


def test_the_schema_lets_pass_what_the_models_take() -> None:
    """Durations as numbers and as text, pairs as a list and as a text."""
    models = json.loads(json_schema())["$defs"]
    assert models["AlertConfig"]["properties"]["group_window"]["type"] == ["number", "string"]
    of_list, of_text = models["HistoJob"]["properties"]["pairs"]["anyOf"]
    assert (of_list["type"], of_list["minItems"], of_text) == ("array", 1, {"type": "string"})


def test_the_schema_marks_what_the_models_refuse() -> None:
    """Numbers out of bounds, and texts that are none of what is wanted."""
    models = {name: model["properties"] for name, model in json.loads(json_schema())["$defs"].items()}
    sections = {"alerts": "AlertConfig", "schedule": "ScheduleConfig", "histo_jobs": "HistoJob"}
    for each in ALL:
        if each.type.startswith(("whole number", "duration")):
            told = models[sections[str(each.path[0])]][str(each.path[-1])]
            assert {"minimum", "maximum"} <= told.keys(), each.variable
    assert '"ge"' not in json_schema()
    patterns = [
        (models["HistoJob"]["timeframe"], "1h", "1M"),
        (models["HistoJob"]["pairs"]["anyOf"][0]["items"], "BTC/USD", "BTCUSD"),
        (models["HistoJob"]["exchange"], "kraken", "a/b"),
        (models["HistoJob"]["max_age"]["anyOf"][0], "1.5d", "soon"),
        (models["AlertConfig"]["webhook_url"]["anyOf"][0], "https://a.b/c", "ftp://a.b/c"),
        (models["ServerConfig"]["listen"]["anyOf"][0], "[::1]:0", "9464"),
    ]
    for told, good, bad in patterns:
        assert re.search(told["pattern"], good)
        assert not re.search(told["pattern"], bad)
