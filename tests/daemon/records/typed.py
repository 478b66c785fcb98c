"""Strategies for what records are made of, derived from the annotations of their fields so that none is forgotten."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from dccd.daemon.records.checks import LATEST_SECONDS, MAX_COUNT
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord, Notice

MODEL: tuple[type, ...] = (JobRecord, JobMetrics, Expectation, Incident, Notice)
KNOWN = frozenset(field.name for cls in MODEL for field in fields(cls))

texts = st.text(max_size=20)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
extras = st.dictionaries(texts.filter(lambda name: name not in KNOWN), json_values, max_size=2)
_PLAIN: Mapping[object, st.SearchStrategy[Any]] = {
    int: st.integers(0, MAX_COUNT),
    float: st.floats(0, LATEST_SECONDS),
    bool: st.booleans(),
    str: texts,
    Mapping[str, object]: extras,
}


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a type, or raise TypeError for one that it does not know."""
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if is_dataclass(annotation):
        made: Any = annotation
        return st.builds(made, **{field.name: values_of(field.type) for field in fields(annotation)})
    origin, arguments = get_origin(annotation), get_args(annotation)
    if NoneType in arguments:
        return st.none() | values_of(arguments[0])
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin is Mapping:
        return st.dictionaries(texts, values_of(arguments[1]), max_size=2)
    if origin is Literal:
        return st.sampled_from(arguments)
    raise TypeError(annotation)


def json_of(annotation: Any, odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for JSON in the form of a type, with odd values in the place of some."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if is_dataclass(annotation):
        required: dict[str, st.SearchStrategy[Any]] = {}
        optional: dict[str, st.SearchStrategy[Any]] = {}
        for field in fields(annotation):
            is_required = field.default is field.default_factory is MISSING
            (required if is_required else optional)[field.name] = json_of(field.type, odd)
        return st.fixed_dictionaries(required, optional=optional)
    if NoneType in arguments:
        return st.none() | json_of(arguments[0], odd)
    if origin is tuple:
        return st.lists(json_of(arguments[0], odd), max_size=2) | odd
    return values_of(annotation) | odd


def records_as_json(odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for the JSON of whole records, whose metrics have no object of their own."""
    return st.tuples(json_of(JobMetrics, odd), json_of(JobRecord, odd)).map(
        lambda both: both[0] | {name: value for name, value in both[1].items() if name != "metrics"}
    )
