"""Settings from one place, and how those of several are merged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel

from dccd.daemon.config.names import KeyPath

TOO_DEEP: Final = "is nested too deeply to be read"
_DEEPEST: Final = 100


@dataclass(frozen=True, slots=True)
class Source:
    """Settings from one place, and where a person finds each of them."""

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    places: Mapping[KeyPath, str] = field(default_factory=dict)

    def place(self, path: KeyPath) -> str:
        """Return where a setting, or the closest key above it, is (``dccd.toml:7``); empty if it is not here."""
        return next(
            (self.places[path[:length]] for length in range(len(path), -1, -1) if path[:length] in self.places), ""
        )

    def depth(self, path: KeyPath) -> int:
        """Return how many keys of a path are here, counted from the outermost."""
        inner: Any = self.values
        for depth, part in enumerate(path):
            is_item = isinstance(inner, list | tuple) and isinstance(part, int) and part < len(inner)
            if not is_item and not (isinstance(inner, Mapping) and part in inner):
                return depth
            inner = inner[part]
        return len(path)


def of_arguments(arguments: Mapping[str, Any]) -> Source:
    """Return the settings that a caller passed; of a model only those that were set."""
    return Source(merge({}, arguments), {(name,): f"argument {name}" for name in arguments})


def is_too_deep(value: Any) -> bool:  # noqa: ANN401 - settings, nested
    """Return whether values are nested more deeply than what reads them by recursion can take."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, Mapping | list)
            for inner in (each.values() if isinstance(each, Mapping) else each)
        ]
    return bool(level)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of both places; `above` overrides `below`, and a list is replaced as a whole."""
    merged = dict(below)
    for name, value in above.items():
        # No dump, because that masks the secrets.
        new = {each: getattr(value, each) for each in value.model_fields_set} if isinstance(value, BaseModel) else value
        old = merged.get(name)
        merged[name] = merge(old if isinstance(old, Mapping) else {}, new) if isinstance(new, Mapping) else new
    return merged
