"""Records to JSON and back.

Writing is sparse: after the four fields that every reader of ``metrics.json`` knows, only what differs from its
default. Reading is strict in values and tolerant in keys: a field of a newer dccd is kept and written back. So is an
incident, a notice or an expectation that makes no sense here, as the counts beside it still do.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, is_dataclass
from functools import cache
from typing import Any, Final, TypeGuard, get_args, get_origin

from dccd import interrupts
from dccd.daemon.records.checks import EXTRA, Check, check_of, checks_of, known_fields, sound
from dccd.daemon.records.model import JobMetrics, JobRecord

_Read = Callable[[Any], tuple[Any, object]]
"""Returns what is known of a value, and what makes no sense here, None for nothing."""
_Writer = tuple[str, object, Callable[[Any], Any]]
"""Name and default of a field, and what turns its value into JSON."""


def encode(record: JobRecord) -> str:
    """Return a record as one line of JSON in ASCII."""
    metrics = record.metrics
    body: dict[str, Any] = {name: getattr(metrics, name) for name in _ALWAYS}
    body |= _sparse(metrics) | _sparse(record, _WRITTEN)
    kept: Any  # a list in the place of one
    for name, kept in record.extra.items():
        body[name] = [*body.get(name, []), *kept] if name in _LISTS else body.get(name, kept)
    return json.dumps(body, allow_nan=False)


def decode(raw: object) -> JobRecord:
    """Return the record that a parsed JSON value stands for, or raise ValueError that names the bad field."""
    if not isinstance(raw, dict):
        msg = f"an object is expected, not {type(raw).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - one kind of error for all that a file may hold
    metrics: dict[str, Any] = {}
    own: dict[str, Any] = {}
    extra: dict[str, object] = {}
    for name, value in raw.items():
        try:
            if check := _METRICS.get(name):
                metrics[name] = check(value)
            elif read := _OWN.get(name):
                own[name], kept = read(value)
                if kept is not None:
                    extra[name] = kept
            else:
                extra[name] = sound(value)
        except (TypeError, ValueError) as error:
            interrupts.pass_on(error)
            msg = f"{name} has no usable value"
            raise ValueError(msg) from None
    return JobRecord(JobMetrics(**metrics), extra=extra, **own)


def is_plain(raw: object) -> TypeGuard[dict[str, Any]]:
    """Return whether a parsed JSON value is a record of valid counts and texts alone, which `decode` accepts."""
    if not isinstance(raw, dict):
        return False
    try:
        for name, value in raw.items():
            _FLAT[name](value)
    except (KeyError, TypeError, ValueError) as error:
        interrupts.pass_on(error)
        return False
    return True


def to_plain(item: Any) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    """Return a dataclass as a JSON object, without the fields that have their default."""
    return _sparse(item) | dict(getattr(item, EXTRA, {}))


def _sparse(item: Any, writers: Iterable[_Writer] | None = None) -> dict[str, Any]:  # noqa: ANN401 - a dataclass
    body = {}
    for name, default, write in writers or _writers(item.__class__):
        value = getattr(item, name)
        if value != default:
            body[name] = value if write is _same else write(value)
    return body


@cache
def _writers(cls: Callable[..., object]) -> tuple[_Writer, ...]:
    return tuple(
        (f.name, f.default_factory() if f.default_factory is not MISSING else f.default, _writer(f.type))
        for f in known_fields(cls)
    )


def _writer(annotation: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - a type of any form
    """Return what turns a value into JSON, which a value without a dataclass in it is already."""
    if is_dataclass(annotation):
        return to_plain
    origin, inner = get_origin(annotation), [each for each in get_args(annotation) if _holds_dataclass(each)]
    if not inner:
        return _same
    write = _writer(inner[0])
    if origin is tuple:
        return lambda items: [write(item) for item in items]
    if origin is Mapping:
        return lambda items: {name: write(item) for name, item in items.items()}
    return write


def _holds_dataclass(annotation: Any) -> bool:  # noqa: ANN401 - a type of any form
    return is_dataclass(annotation) or any(map(_holds_dataclass, get_args(annotation)))


def _same(value: object) -> object:
    return value


def _reader(annotation: Any) -> _Read:  # noqa: ANN401 - a type of any form
    check = check_of(annotation)
    if not _holds_dataclass(annotation):
        return lambda value: (check(value), None)
    if get_origin(annotation) is tuple:
        return _reader_of_each(check_of(get_args(annotation)[0]))

    def read(value: object) -> tuple[Any, object]:
        try:
            return check(value), None
        except ValueError as error:
            interrupts.pass_on(error)
            return None, sound(value)

    return read


def _reader_of_each(check: Check) -> _Read:
    def read(value: object) -> tuple[Any, object]:
        known, kept = [], []
        for item in value if isinstance(value, list) else [value]:
            try:
                known.append(check(item))
            except ValueError as error:
                interrupts.pass_on(error)
                kept.append(sound(item))
        return tuple(known), kept or None

    return read


_ALWAYS: Final = ("last_run_at", "last_success_at", "rows_collected", "errors_count")
_METRICS: Final = checks_of(JobMetrics)
_OWN_FIELDS: Final = {f.name: f.type for f in known_fields(JobRecord) if f.type is not JobMetrics}
_OWN: Final = {name: _reader(annotation) for name, annotation in _OWN_FIELDS.items()}
_FLAT: Final = {
    **_METRICS,
    **{name: check_of(annotation) for name, annotation in _OWN_FIELDS.items() if not _holds_dataclass(annotation)},
}
_LISTS: Final = frozenset(name for name, annotation in _OWN_FIELDS.items() if get_origin(annotation) is tuple)
_WRITTEN: Final = sorted(  # lists last, for the eye of a person
    (each for each in _writers(JobRecord) if each[0] in _OWN_FIELDS),
    key=lambda each: (_holds_dataclass(_OWN_FIELDS[each[0]]), each[0] in _LISTS),
)
