"""Records to JSON and back.

Writing is sparse: after the four fields that every reader of ``metrics.json`` knows, only what differs from its
default. Reading is strict in values and tolerant in keys: a field of a newer dccd is kept and written back. What a
field may hold follows from its annotation in the model.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeGuard, TypeVar, get_args

from dccd.daemon.records.model import Event, Expectation, Incident, JobMetrics, JobRecord, Notice

T = TypeVar("T")
Check = Callable[[Any], Any]

LATEST_SECONDS: Final = 253_402_300_799.0
"""The end of the year 9999 in Unix seconds: the bound of times and of durations."""
MAX_COUNT: Final = 2**100
"""A bound that no counter reaches, as one outcome adds 2**53 rows at most."""
_MAX_DEPTH: Final = 20


def encode(record: JobRecord) -> str:
    """Return a record as one line of JSON in ASCII."""
    metrics = record.metrics
    body: dict[str, Any] = {name: getattr(metrics, name) for name in _ALWAYS}
    body |= _sparse(metrics)
    if record.expected is not None:
        body["expected"] = _sparse(record.expected)
    if record.incidents:
        body["incidents"] = [_sparse(incident) for incident in record.incidents]
    if record.owed:
        body["owed"] = [_sparse(notice) for notice in record.owed]
    return json.dumps(body | dict(record.extra), allow_nan=False)


def decode(raw: object) -> JobRecord:
    """Return the record that a parsed JSON value stands for, or raise ValueError that names the bad field."""
    if not isinstance(raw, dict):
        msg = f"an object is expected, not {type(raw).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that a file may hold
    values: dict[str, Any] = {}
    extra: dict[str, object] = {}
    nested: dict[str, Any] = {}
    for name, value in raw.items():
        try:
            if check := _METRICS.get(name):
                values[name] = check(value)
            elif read := _NESTED.get(name):
                nested[name] = read(value)
            else:
                extra[name] = _sound(value)
        except (TypeError, ValueError) as error:
            msg = str(error) or f"{name} has no usable value"
            raise ValueError(msg) from None
    return JobRecord(JobMetrics(**values), extra=extra, **nested)


def is_plain(raw: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a parsed JSON value is a record of valid metrics alone, which `decode` accepts."""
    if not isinstance(raw, dict):
        return False
    try:
        for name, value in raw.items():
            _METRICS[name](value)
    except (KeyError, TypeError, ValueError):
        return False
    return True


def _sparse(item: JobMetrics | Expectation | Incident | Notice) -> dict[str, Any]:
    body = {}
    for name, default in _DEFAULTS[type(item)]:
        value = getattr(item, name)
        if value != default:
            body[name] = value
    return body | dict(getattr(item, "extra", {}))


def _build(cls: Callable[..., T], raw: object) -> T:
    if not isinstance(raw, dict):
        msg = f"an object is expected, not {type(raw).__name__}"
        raise TypeError(msg)
    known: dict[str, Any] = {}
    extra: dict[str, object] = {}
    for name, value in raw.items():
        try:
            if check := _CHECKS[cls].get(name):
                known[name] = check(value)
            else:
                extra[name] = _sound(value)
        except (TypeError, ValueError):
            msg = f"{name} has no usable value"
            raise ValueError(msg) from None
    try:
        return cls(**known, extra=extra)
    except TypeError:
        missing = sorted({f.name for f in fields(cls) if f.default is f.default_factory is MISSING} - set(known))  # type: ignore[arg-type]  # a dataclass, as its callers know
        msg = f"{', '.join(missing)} missing"
        raise ValueError(msg) from None


def _all(cls: Callable[..., T]) -> Check:
    def checked(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(_build(cls, item) for item in value)

    return checked


def _sound(value: object, depth: int = _MAX_DEPTH) -> object:
    """Return a value of a field that is unknown here, or raise ValueError if JSON cannot hold it."""
    if isinstance(value, dict):
        inner: list[object] = [*value, *value.values()]
    elif isinstance(value, list):
        inner = value
    elif value is None or isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    else:
        raise ValueError
    if not depth:
        raise ValueError
    for item in inner:
        _sound(item, depth - 1)
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


def _event(value: object) -> str:
    if value not in get_args(Event):
        raise ValueError
    return _text(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(item) for item in value)


def _by_text(check: Check) -> Check:
    def checked(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise TypeError
        return {_text(key): check(item) for key, item in value.items()}

    return checked


_ALWAYS: Final = ("last_run_at", "last_success_at", "rows_collected", "errors_count")
_TYPE_CHECKS: Final[Mapping[object, Check]] = {
    int: _count,
    float: _number,
    float | None: _time,
    bool: _flag,
    str: _text,
    str | None: _optional(_text),
    Event: _event,
    tuple[str, ...]: _texts,
    Mapping[str, str]: _by_text(_text),
    Mapping[str, int]: _by_text(_count),
    Mapping[str, float]: _by_text(_number),
}


_CHECKS: Final[Mapping[object, Mapping[str, Check]]] = {
    cls: {f.name: _TYPE_CHECKS[f.type] for f in fields(cls) if f.name != "extra"}
    for cls in (JobMetrics, Expectation, Incident, Notice)
}
_METRICS: Final = _CHECKS[JobMetrics]
_NESTED: Final[Mapping[str, Check]] = {
    "incidents": _all(Incident),
    "owed": _all(Notice),
    "expected": lambda value: None if value is None else _build(Expectation, value),
}
_DEFAULTS: Final = {
    cls: [
        (f.name, f.default_factory() if f.default_factory is not MISSING else f.default)
        for f in fields(cls)
        if f.name != "extra"
    ]
    for cls in (JobMetrics, Expectation, Incident, Notice)
}
