"""Records to JSON and back.

Writing is sparse: after the four fields that every reader of ``metrics.json`` knows, only what differs from its
default. Reading is strict in values and tolerant in keys: a field of a newer dccd is kept and written back.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeVar

from dccd.daemon.metrics import Expectation, Incident, JobMetrics, JobRecord, Notice

__all__ = ["decode", "encode"]

T = TypeVar("T")
Check = Callable[[Any], Any]


def encode(record: JobRecord) -> str:
    """Return a record as one line of JSON.

    Parameters
    ----------
    record : JobRecord
        Any record.

    Returns
    -------
    str
        ASCII JSON of an object, without a line break.
    """
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
    """Return the record that a parsed JSON value stands for.

    Parameters
    ----------
    raw : object
        What `json.loads` made of it.

    Returns
    -------
    JobRecord
        The record; what is missing has its default.

    Raises
    ------
    ValueError
        If it is no object, or a value is of the wrong type, negative or not finite; the message names the field.
    """
    if not isinstance(raw, dict):
        msg = f"an object is expected, not {type(raw).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that a file may hold
    values: dict[str, Any] = {}
    extra: dict[str, object] = {}
    incidents: tuple[Incident, ...] = ()
    owed: tuple[Notice, ...] = ()
    expected: Expectation | None = None
    for name, value in raw.items():
        if check := _METRICS.get(name):
            values[name] = _checked(name, value, check)
        elif name == "incidents":
            incidents = tuple(_build(Incident, item, _INCIDENT) for item in _list(value, name))
        elif name == "owed":
            owed = tuple(_build(Notice, item, _NOTICE) for item in _list(value, name))
        elif name == "expected":
            expected = None if value is None else _build(Expectation, value, _EXPECTATION)
        else:
            extra[name] = value
    return JobRecord(JobMetrics(**values), incidents, owed, expected, extra)


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
        raise ValueError(msg)  # noqa: TRY004
    known = {name: _checked(name, value, checks[name]) for name, value in raw.items() if name in checks}
    extra = {name: value for name, value in raw.items() if name not in checks}
    try:
        return cls(**known, extra=extra)
    except TypeError:
        missing = sorted({f.name for f in fields(cls) if f.default is f.default_factory is MISSING} - set(known))  # type: ignore[arg-type]
        msg = f"{', '.join(missing)} missing"
        raise ValueError(msg) from None


def _checked(name: str, value: object, check: Check) -> Any:  # noqa: ANN401 - the constructor knows its types
    try:
        return check(value)
    except (TypeError, ValueError, OverflowError):
        msg = f"{name} has no usable value"
        raise ValueError(msg) from None


def _list(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        msg = f"{name} is no list"
        raise ValueError(msg)  # noqa: TRY004
    return value


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or value < 0:  # type: ignore[arg-type,operator]
        raise ValueError
    return value  # type: ignore[return-value]


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


_time: Final = _optional(_number)
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
_DEFAULTS: Final = {
    cls: [
        (f.name, f.default_factory() if f.default_factory is not MISSING else f.default)
        for f in fields(cls)
        if f.name != "extra"
    ]
    for cls in (JobMetrics, Expectation, Incident, Notice)
}
