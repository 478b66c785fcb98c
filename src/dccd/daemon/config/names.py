"""The names of settings: dotted in messages, in capitals in the environment."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dccd.daemon.config.models import CollectorConfig

KeyPath: TypeAlias = tuple[str | int, ...]
"""The keys that lead to a setting, the outermost first; a number is an index of a list."""

PREFIX: Final = "DCCD_"
DELIMITER: Final = "__"
FILE: Final = "_FILE"
CONFIG: Final = "DCCD_CONFIG"
SECRETS_DIR: Final = "DCCD_SECRETS_DIR"

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Nested:
    """The model below a key; ``many`` where the key holds a list of them."""

    model: type[BaseModel]
    many: bool


def nested(field: FieldInfo) -> Nested | None:
    """Return the model below a field; None for a plain setting."""
    many = get_origin(field.annotation) is tuple
    kind = get_args(field.annotation)[0] if many else field.annotation
    return Nested(kind, many) if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def is_list(field: FieldInfo) -> bool:
    """Return whether a plain setting holds a list."""
    return get_origin(field.annotation) is tuple and nested(field) is None


def leaves(model: type[BaseModel] = CollectorConfig, above: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of each plain setting, such as ``("histo_jobs", 0, "pairs")`` for an item of a list."""
    for name, field in model.model_fields.items():
        below = nested(field)
        if below is None:
            yield (*above, name)
        else:
            yield from leaves(below.model, (*above, name, 0) if below.many else (*above, name))


def dotted(path: KeyPath) -> str:
    """Return a path as messages show it; a key that may be a secret is hidden.

    Examples
    --------
    >>> dotted(("histo_jobs", 0, "pairs")), dotted(("alerts", "https://example.com/hook"))
    ('histo_jobs[0].pairs', 'alerts.***')
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{plain(part)}" for part in path).removeprefix(".")


def plain(name: str) -> str:
    """Return a name, or stars where it looks like no key or variable and so may be a secret."""
    return name if _PLAIN.fullmatch(name) else "***"


def variable_of(path: KeyPath) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + DELIMITER.join(str(part).upper() for part in path)


def secret_of(variable: str) -> str | None:
    """Return the variable whose value is in the file that a variable names; None if that is not such a variable.

    Examples
    --------
    >>> secret_of("DCCD_ALERTS__WEBHOOK_URL_FILE"), secret_of("DCCD_ALERTS__SOURCE_FILE")
    ('DCCD_ALERTS__WEBHOOK_URL', None)
    """
    name = variable.removesuffix(FILE)
    return name if name != variable and _is_secret(setting_of(name)) else None


def _is_secret(path: KeyPath | None) -> bool:
    return path is not None and path[:2] in secrets()


@cache
def secrets() -> frozenset[KeyPath]:
    """Return the settings that are secrets; a test ensures that jobs have none."""
    return frozenset(
        (section, name)
        for section, above in CollectorConfig.model_fields.items()
        if (below := nested(above)) is not None
        for name, field in below.model.model_fields.items()
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("writeOnly")
    )


def setting_of(variable: str) -> KeyPath | None:
    """Return the setting, section or item of a list that an environment variable sets; None if there is none.

    Examples
    --------
    >>> setting_of("DCCD_HISTO_JOBS__0__PAIRS"), setting_of("DCCD_ALERTS"), setting_of("DCCD_ALERTS_FORMAT")
    (('histo_jobs', 0, 'pairs'), ('alerts',), None)
    """
    parts = variable.lower().removeprefix(PREFIX.lower()).split(DELIMITER)
    path: KeyPath = tuple(int(part) if _NUMBER.fullmatch(part) else part for part in parts)
    return path if _is_setting(path, CollectorConfig) else None


def _is_setting(path: KeyPath, model: type[BaseModel]) -> bool:
    first, *rest = path
    field = model.model_fields.get(first) if isinstance(first, str) else None
    if field is None or not rest:
        return field is not None
    if is_list(field):
        return len(rest) == 1 and isinstance(rest[0], int)
    below = nested(field)
    if below is not None and below.many:
        number, *rest = rest
        return bool(rest) and isinstance(number, int) and _is_setting(tuple(rest), below.model)
    return below is not None and _is_setting(tuple(rest), below.model)
