"""The tables of the documentation: complete, and as the code has it."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic_core import PydanticUndefined

import dccd.candles
import dccd.clock
import dccd.daemon
import dccd.errors
import dccd.testing
import dccd.units
from dccd.daemon.config import AlertConfig, HistoJob, LogConfig, StorageConfig
from dccd.daemon.metrics import JobMetrics
from dccd.units import parse_duration

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "source"


def rows(page: str) -> dict[str, str]:
    """Return the settings that the tables of a page tell, with their defaults."""
    text = (SOURCE / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^   \* - \| ``(\w+)``\n +\| (.*)$", text, re.MULTILINE))


def documented_settings() -> Iterator[tuple[str, object]]:
    """Yield each setting as it is written, with its default."""
    models: list[tuple[str, type[BaseModel]]] = [
        ("DCCD_STORAGE__", StorageConfig),
        ("DCCD_ALERTS__", AlertConfig),
        ("DCCD_LOG__", LogConfig),
        ("", HistoJob),
    ]
    for prefix, model in models:
        for name, field in model.model_fields.items():
            yield (f"{prefix}{name.upper()}" if prefix else name), field.default


def test_the_tables_of_settings_are_complete() -> None:
    """Every setting is there and no other, with its default where that is a plain value."""
    told = rows("deploy.rst")
    settings = dict(documented_settings())
    assert set(told) == set(settings)
    for name, default in settings.items():
        if default is None or default is PydanticUndefined or default == ():
            assert told[name] == "required" or told[name].startswith("default: "), name
            continue
        text = told[name].removeprefix("default ``").removesuffix("``")
        if isinstance(default, bool):
            assert json.loads(text) is default, name
        elif isinstance(default, float):
            assert parse_duration(text) == default, name
        else:
            assert text == str(default), name


def test_the_table_of_metrics_json_is_complete() -> None:
    """Every field of a record that a caller sees is told, first those that are always there."""
    text = (SOURCE / "files.rst").read_text(encoding="utf-8")
    table = text[text.index(".. _metrics-json:") : text.index("dccd.log\n--------")]
    told = re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE)
    names = [field.name for field in fields(JobMetrics)]
    assert told[: len(names)] == names


def test_the_reference_lists_every_public_name() -> None:
    """A name that is exported has a page."""
    text = (SOURCE / "reference.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (\w+)$", text, re.MULTILINE)) | set(
        re.findall(r"^\.\. py:data:: (\w+)$", text, re.MULTILINE)
    )
    modules = (dccd.daemon, dccd.candles, dccd.testing, dccd.errors, dccd.units)
    assert {name for module in modules for name in module.__all__} - listed == set()
