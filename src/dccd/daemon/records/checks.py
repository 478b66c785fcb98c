"""What a field may hold, derived from its annotation: a field or type that nobody thought of is an error at import."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from dccd import interrupts

T = TypeVar("T")
Check = Callable[[Any], Any]
"""Returns a parsed JSON value as the model holds it, or raises ValueError or TypeError."""

LATEST_SECONDS: Final = 253_402_300_799.0
"""The end of the year 9999 in Unix seconds: the bound of times and of durations."""
MAX_COUNT: Final = 2**100
"""A bound that no counter reaches, as one outcome adds 2**53 rows at most."""
EXTRA: Final = "extra"
"""The field that keeps what a newer version wrote."""
_MAX_DEPTH: Final = 20


def check_of(annotation: Any) -> Check:  # noqa: ANN401 - a type of any form
    """Return the check that an annotation stands for, or raise TypeError for a type that JSON has no form for."""
    if plain := _PLAIN.get(annotation):
        return plain
    if isinstance(annotation, type) and is_dataclass(annotation):
        checks_of(annotation)  # now, not at the first record
        return lambda value: from_plain(annotation, value)
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is UnionType and arguments[1:] == (NoneType,):
            return _optional(check_of(arguments[0]))
        case origin if origin is tuple and arguments[1:] == (...,):
            return _each(check_of(arguments[0]))
        case origin if origin is Mapping and arguments[0] is str:
            return _by_text(check_of(arguments[1]))
        case origin if origin is Literal:
            return _one_of(arguments)
        case _:
            msg = f"{annotation} has no check"
            raise TypeError(msg)


def known_fields(cls: Any) -> "list[Field[Any]]":  # noqa: ANN401 - a dataclass
    """Return the fields of a dataclass that this version knows: all but the one that keeps those of a newer one."""
    return [field for field in fields(cls) if field.name != EXTRA]


@cache
def checks_of(cls: Callable[..., object]) -> Mapping[str, Check]:
    """Return the checks of the fields of a dataclass by name."""
    return {field.name: check_of(field.type) for field in known_fields(cls)}


def from_plain(cls: Callable[..., T], raw: object) -> T:
    """Return a dataclass from a JSON object, or raise ValueError that names the bad field."""
    if not isinstance(raw, dict):
        msg = f"an object is expected, not {type(raw).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that a file may hold
    checks = checks_of(cls)
    known: dict[str, Any] = {}
    extra: dict[str, object] = {}
    for name, value in raw.items():
        try:
            if check := checks.get(name):
                known[name] = check(value)
            else:
                extra[name] = sound(value)
        except (TypeError, ValueError) as error:
            interrupts.pass_on(error)
            msg = f"{name} has no usable value"
            raise ValueError(msg) from None
    missing = [f.name for f in known_fields(cls) if f.default is f.default_factory is MISSING and f.name not in known]
    if missing:
        msg = f"{', '.join(sorted(missing))} missing"
        raise ValueError(msg)
    return cls(**known, extra=extra)


def salvage(cls: type, raw: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of a dataclass that a JSON object has a usable value for."""
    found = {}
    for name, check in checks_of(cls).items():
        with interrupts.suppress(KeyError, TypeError, ValueError):
            found[name] = check(raw[name])
    return found


def sound(value: object, depth: int = _MAX_DEPTH) -> object:
    """Return a value that is unknown here, or raise ValueError if JSON cannot hold it."""
    if isinstance(value, dict):
        inner: list[object] = [*value, *value.values()]
    elif isinstance(value, list):
        inner = value
    elif value is None or isinstance(value, (str, int)) or (isinstance(value, float) and isfinite(value)):
        return value
    else:
        raise ValueError
    if not depth:
        raise ValueError
    for item in inner:
        sound(item, depth - 1)
    return value


def _count(value: object) -> int:
    if type(value) is int and 0 <= value <= MAX_COUNT:
        return value
    raise ValueError


def _number(value: object) -> float:
    # NaN is not between any two numbers.
    if (type(value) is float or type(value) is int) and 0 <= value <= LATEST_SECONDS:
        return value
    raise ValueError


def _time(value: object) -> float | None:
    if value is None or ((type(value) is float or type(value) is int) and 0 <= value <= LATEST_SECONDS):
        return value
    raise ValueError


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _each(check: Check) -> Check:
    def checked(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(map(check, value))

    return checked


def _by_text(check: Check) -> Check:
    def checked(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return {_text(key): check(item) for key, item in value.items()}

    return checked


def _one_of(words: tuple[object, ...]) -> Check:
    def checked(value: object) -> object:
        if value not in words:
            raise ValueError
        return value

    return checked


# A time that may be unknown is here too, as files of 10,000 records are full of them.
_PLAIN: Final[Mapping[object, Check]] = {
    int: _count,
    float: _number,
    float | None: _time,
    bool: _flag,
    str: _text,
}
