"""Records to JSON and back.

Writing is sparse: after the four fields that every reader of ``metrics.json`` knows, only what differs from its
default. Reading is strict in values and tolerant in keys: a field of a newer dccd is kept and written back.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeGuard, TypeVar

from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Notice

T = TypeVar("T")
Check = Callable[[Any], Any]

LATEST_SECONDS: Final = 253_402_300_799.0
"""The end of the year 9999 in Unix seconds, later than any time and longer than any duration."""
MAX_COUNT: Final = 2**100
"""More than anything can be counted to in steps that an outcome may have."""
_MAX_DEPTH: Final = 20


def encode(record: JobRecord) -> str:
    """Return a record as one line of JSON."""
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
    """Return the record that a parsed JSON value stands for."""
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
    """Say whether a parsed JSON value is a record of metrics alone, so that `decode` has nothing to object to."""
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


def _build(cls: Callable[..., T], raw: object, checks: Mapping[str, Check]) -> T:
    if not isinstance(raw, dict):
        msg = f"an object is expected, not {type(raw).__name__}"
        raise TypeError(msg)
    known: dict[str, Any] = {}
    extra: dict[str, object] = {}
    for name, value in raw.items():
        try:
            if check := checks.get(name):
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


def _all(cls: Callable[..., T], checks: Mapping[str, Check]) -> Check:
    def checked(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise TypeError
        return tuple(_build(cls, item, checks) for item in value)

    return checked


def _sound(value: object, depth: int = _MAX_DEPTH) -> object:
    """Return what can be written back as JSON, whoever calls."""
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
    if value not in ("firing", "repeat", "resolved"):
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
_METRICS: Final[Mapping[str, Check]] = {
    "last_run_at": _time,
    "last_success_at": _time,
    "rows_collected": _count,
    "errors_count": _count,
    "last_error": _optional(_text),
    "last_duration": _time,
    "runs": _count,
    "failures": _count,
    "failing_since": _time,
    "newest_at": _time,
    "rows_missing": _count,
}
_EXPECTATION: Final[Mapping[str, Check]] = {
    "every": _number,
    "grace": _number,
    "since": _number,
    "max_age": _time,
    "scheduled": _flag,
}
_INCIDENT: Final[Mapping[str, Check]] = {
    "id": _text,
    "kind": _text,
    "since": _number,
    "failures": _count,
    "successes": _count,
    "notices": _count,
    "noticed_at": _time,
}
_NOTICE: Final[Mapping[str, Check]] = {
    "incident": _text,
    "number": _count,
    "event": _event,
    "at": _number,
    "kind": _text,
    "since": _number,
    "failures": _count,
    "error": _optional(_text),
    "last_success_at": _time,
    "newest_at": _time,
    "rows_missing": _count,
    "removed": _flag,
    "messages": _by_text(_text),
    "told": _texts,
    "tries": _by_text(_count),
    "next_try_at": _by_text(_number),
}
_NESTED: Final[Mapping[str, Check]] = {
    "incidents": _all(Incident, _INCIDENT),
    "owed": _all(Notice, _NOTICE),
    "expected": lambda value: None if value is None else _build(Expectation, value, _EXPECTATION),
}
_DEFAULTS: Final = {
    cls: [
        (f.name, f.default_factory() if f.default_factory is not MISSING else f.default)
        for f in fields(cls)
        if f.name != "extra"
    ]
    for cls in (JobMetrics, Expectation, Incident, Notice)
}
