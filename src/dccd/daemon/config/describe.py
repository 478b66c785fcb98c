"""Every setting, read from the models: for the command, the documentation and the starter file."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from annotated_types import Ge, Le
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dccd.daemon.config.models import CollectorConfig
from dccd.daemon.config.names import CONFIG, SECRETS_DIR, KeyPath, nested, variable_of
from dccd.units import format_duration

VARIABLES: Final = (
    (CONFIG, "TOML file to read; the option --config overrides it."),
    (SECRETS_DIR, "Directory of files that are named like the variables and hold their values."),
)
"""Variables that are not settings, and what they mean."""

_DURATION: Final = {"number", "string"}
_TIMEFRAME: Final = {"string", "integer"}
_FORMATS: Final = {"path": "path", "date-time": "time", "uri": "URL"}
_PYDANTICS: Final = {"ge", "le"}
_ABOUT: Final = ("description", "title", "default", "examples", "writeOnly")
_SCHEMA_LINE: Final = "#:schema ./dccd.schema.json"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting in words; default and example are written as in a file, and None where there is none."""

    path: KeyPath
    variable: str
    type: str
    default: str | None
    required: bool
    secret: bool
    description: str
    example: str | None = None


def settings() -> tuple[Setting, ...]:
    """Return every setting in the order of the models; those of a job are listed once, with index 0.

    Examples
    --------
    >>> from dccd.daemon.config.describe import settings
    >>> [each.default for each in settings() if each.variable == "DCCD_ALERTS__REPEAT_INTERVAL"]
    ['"4h"']
    """
    return tuple(_of_model(CollectorConfig, ()))


def json_schema() -> str:
    """Return the JSON Schema of a configuration file, for editors."""
    schema = CollectorConfig.model_json_schema()
    schema["description"] = schema["description"].partition("\n")[0]
    for below in filter(None, map(nested, CollectorConfig.model_fields.values())):
        section = schema["$defs"][below.model.__name__]
        section["description"] = section["description"].partition("\n")[0]
        for name, field in below.model.model_fields.items():
            section["properties"][name] = _as_written(section["properties"][name], field)
    return f"{json.dumps(schema, indent=2)}\n"


def starter() -> str:
    """Return a starter file in TOML that is valid as it is, with defaults and examples commented out."""
    lines = [
        _SCHEMA_LINE,
        "# The line above is for editors: dccd schema > dccd.schema.json writes the file it names.",
        "# A commented line shows the default, or an example where there is none. Check with: dccd validate",
    ]
    section: KeyPath = ()
    for each in settings():
        above = each.path[:-1]
        if above != section:
            section = above
            lines += ["", f"[[{section[0]}]]" if len(section) > 1 else f"[{section[0]}]"]
        value = each.example if each.default is None else each.default
        mark = "" if each.required or each.path == ("storage", "local_path") else "# "
        choices = each.type.removeprefix("one of ")
        choice = f" One of {choices}." if choices != each.type else ""
        lines += [
            f"# {each.description}{choice}{' A secret.' if each.secret else ''}",
            f"{mark}{each.path[-1]} = {value}",
        ]
    return "\n".join(lines) + "\n"


def _as_written(told: dict[str, Any], field: FieldInfo) -> dict[str, Any]:
    """Return the schema of a setting with the bounds that pydantic loses; a list may be text with commas."""
    if told.get("items", {}).get("type") != "string":
        choices = [{key: each[key] for key in each if key not in _PYDANTICS} for each in told.get("anyOf", ())]
        return {**told, **({"anyOf": choices} if choices else {}), **_limits(field)}
    about: dict[str, Any] = {key: told[key] for key in _ABOUT if key in told}
    limits = {"minItems": told.get("minLength"), "maxItems": told.get("maxItems")}
    of_list = {"type": "array", "items": told["items"], **{key: limit for key, limit in limits.items() if limit}}
    return {**about, "anyOf": [of_list, {"type": "string"}]}


def _of_model(model: type[BaseModel], above: KeyPath) -> Iterator[Setting]:
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    for name, field in model.model_fields.items():
        below = nested(field)
        if below is None:
            yield _of_field(field, properties[name], (*above, name))
        else:
            yield from _of_model(below.model, (*above, name, 0) if below.many else (*above, name))


def _of_field(field: FieldInfo, schema: dict[str, Any], path: KeyPath) -> Setting:
    kind = _kind(schema)
    examples = field.examples or ()
    return Setting(
        path,
        variable_of(path),
        f"{kind}{_bounds(field, kind)}",
        _default(field, kind),
        field.is_required(),
        bool(schema.get("writeOnly")),
        field.description or "",
        _written(examples[0], kind) if examples else None,
    )


def _kind(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        schema = next(each for each in schema["anyOf"] if each.get("type") != "null")
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if isinstance(schema["type"], list):
        kinds = {frozenset(_DURATION): "duration", frozenset(_TIMEFRAME): "timeframe"}
        return kinds[frozenset(schema["type"])]
    named = {"integer": "whole number", "boolean": "true or false", "array": "list"}
    return named.get(schema["type"]) or _FORMATS.get(schema.get("format", ""), "text")


def _bounds(field: FieldInfo, kind: str) -> str:
    limits = _limits(field)
    return f", {_plain(limits['minimum'], kind)} to {_plain(limits['maximum'], kind)}" if limits else ""


def _limits(field: FieldInfo) -> dict[str, Any]:
    """Return the bounds of a number; a test ensures that each has both."""
    limits: dict[str, Any] = {}
    for each in field.metadata:
        if isinstance(each, Ge):
            limits["minimum"] = each.ge
        elif isinstance(each, Le):
            limits["maximum"] = each.le
    return limits


def _plain(value: float, kind: str) -> str:
    return format_duration(value) if kind == "duration" else f"{value:,}"


def _default(field: FieldInfo, kind: str) -> str | None:
    if field.is_required() or field.default_factory is not None or field.default is None:
        return None
    return _written(field.default, kind)


def _written(value: Any, kind: str) -> str:  # noqa: ANN401 - whatever a setting may be
    """Return a value as TOML."""
    if kind == "duration" and not isinstance(value, str):
        return json.dumps(format_duration(value))
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
