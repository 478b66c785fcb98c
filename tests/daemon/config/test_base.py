"""The base of all models: an unknown key gets a suggestion, and no error shows a value."""

import pickle
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, StorageConfig
from dccd.daemon.config.names import Nested, nested

SECRET = "https://example.com/hook/s3cret-token"
REQUIRED = {"exchange": "kraken", "pairs": ["BTC/USD"]}


def sections() -> Iterator[tuple[str, Nested]]:
    """Yield each section of a configuration and the model below it."""
    for name, field in CollectorConfig.model_fields.items():
        if (below := nested(field)) is not None:
            yield name, below


MODELS: list[type[BaseModel]] = [CollectorConfig, *(below.model for _, below in sections())]
SETTINGS = [(model, name) for model in MODELS for name in model.model_fields]


def refused(model: type[BaseModel], **given: Any) -> ValidationError:
    """Return the error of a model made with these keywords, after a look at all that it shows."""
    with pytest.raises(ValidationError) as caught:
        model(**given)
    error = caught.value
    assert isinstance(error, ValueError)
    shown = (
        str(error),
        repr(error),
        repr(error.errors()),
        error.json(),
        repr(error.__cause__),
        repr(error.__context__),
    )
    assert "s3cret" not in "".join(shown)
    return error


def misspelt(name: str, position: int, letter: str) -> str:
    """Return a name with the letter at a position changed."""
    position %= len(name)
    assume(letter != name[position])
    return f"{name[:position]}{letter}{name[position + 1 :]}"


def test_a_misspelt_keyword_names_the_close_setting() -> None:
    """In the words that an error of a file has."""
    error = refused(AlertConfig, webhook_ulr=SECRET)
    assert str(error) == (
        "1 validation error for AlertConfig\n"
        "webhook_ulr\n"
        "  no such setting: did you mean webhook_url? [type=extra_forbidden]"
    )


def test_a_misspelt_key_of_a_section_is_named_from_the_outermost_model() -> None:
    """Also that of a job, and beside other mistakes."""
    error = refused(
        CollectorConfig,
        alerts={"webhook_ulr": SECRET, "group_window": SECRET},
        histo_jobs=[REQUIRED, {**REQUIRED, "timefame": SECRET}],
    )
    told = {each["loc"]: (each["type"], each["msg"]) for each in error.errors()}
    no_setting = "no such setting: did you mean"
    assert told["alerts", "webhook_ulr"] == ("extra_forbidden", f"{no_setting} alerts.webhook_url?")
    assert told["histo_jobs", 1, "timefame"] == ("extra_forbidden", f"{no_setting} histo_jobs[1].timeframe?")
    assert told["alerts", "group_window"][0] == "value_error"


def test_a_key_of_another_section_names_that_section() -> None:
    """And a key that is close to none gets the list of all."""
    [error] = refused(StorageConfig, webhook_url=SECRET).errors()
    assert error["msg"] == "no such setting: it belongs below [alerts]"
    [error] = refused(StorageConfig, colour=SECRET).errors()
    assert error["msg"] == "no such setting: expected one of local_path, must_exist, fsync"


def test_a_model_of_a_user_suggests_its_own_settings() -> None:
    """A subclass may have more of them."""

    class Own(AlertConfig, frozen=True):
        channel: str = ""

    [error] = refused(Own, chanel=SECRET).errors()
    assert error["msg"] == "no such setting: did you mean channel?"


@given(st.sampled_from(SETTINGS), st.integers(0, 50), st.sampled_from(string.ascii_lowercase))
def test_one_wrong_letter_in_any_setting_gets_its_name(
    setting: tuple[type[BaseModel], str], position: int, letter: str
) -> None:
    """For every model on its own, and the value never shows."""
    model, name = setting
    wrong = misspelt(name, position, letter)
    errors = refused(model, **(REQUIRED if model is HistoJob else {}), **{wrong: SECRET}).errors()
    assert [each["msg"] for each in errors] == [f"no such setting: did you mean {name}?"]


@given(st.sampled_from(list(sections())), st.data())
def test_one_wrong_letter_in_any_section_gets_its_whole_name(section: tuple[str, Nested], data: st.DataObject) -> None:
    """Given as a mapping below `CollectorConfig`."""
    name, below = section
    setting = data.draw(st.sampled_from(sorted(below.model.model_fields)))
    wrong = misspelt(setting, data.draw(st.integers(0, 50)), data.draw(st.sampled_from(string.ascii_lowercase)))
    value = [{**REQUIRED, wrong: SECRET}] if below.many else {wrong: SECRET}
    [error] = refused(CollectorConfig, **{name: value}).errors()
    whole = f"{name}[0].{setting}" if below.many else f"{name}.{setting}"
    assert error["msg"] == f"no such setting: did you mean {whole}?"


def test_values_that_are_right_are_kept_as_they_are() -> None:
    """The base changes errors only; its models are frozen and can be pickled."""
    alerts = AlertConfig(webhook_url=SECRET)
    assert pickle.loads(pickle.dumps(alerts)).webhook_url == SECRET  # noqa: S301 - our own
    with pytest.raises(ValidationError, match="frozen"):
        alerts.source = "x"  # type: ignore[misc]
