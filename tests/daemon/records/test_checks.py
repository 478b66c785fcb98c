"""What a field may hold, by its annotation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.daemon.records.typed import json_of, json_values, values_of

from dccd.daemon.records.checks import check_of, from_plain, salvage
from dccd.daemon.records.codec import to_plain
from dccd.daemon.records.model import Incident


@dataclass(frozen=True, slots=True)
class Inner:
    """A part of a made-up record."""

    name: str
    count: int = 0
    extra: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A record of a future version, with a field of each form."""

    at: float
    parts: tuple[Inner, ...] = ()
    one: Inner | None = None
    by_name: Mapping[str, Inner] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    is_new: bool = False
    extra: Mapping[str, object] = field(default_factory=dict)


@given(values_of(MadeUp))
def test_a_new_field_needs_its_annotation_and_nothing_else(item: MadeUp) -> None:
    """It is written, read and made up for tests, whatever form it has."""
    plain = json.loads(json.dumps(to_plain(item)))
    assert from_plain(MadeUp, plain) == item
    assert item.is_new is plain.get("is_new", False)


@pytest.mark.parametrize("annotation", [complex, list[int], int | str, tuple[int, str], Mapping[int, str], object])
def test_a_type_that_nobody_thought_of_is_an_error_at_once(annotation: Any) -> None:
    """Not at the first record that has it; a dataclass with such a field is one, too."""
    with pytest.raises(TypeError):
        check_of(annotation)
    odd = type("Odd", (), {"__annotations__": {"it": annotation}})
    with pytest.raises(TypeError):
        check_of(dataclass(odd))


@given(st.data())
def test_what_is_salvaged_is_what_makes_sense(data: st.DataObject) -> None:
    """Field by field, whatever stands beside it."""
    raw = data.draw(json_of(Incident, json_values))
    found = salvage(Incident, raw)
    for name in found:
        assert salvage(Incident, {name: raw[name]}) == {name: found[name]}
    assert salvage(Incident, {"kind": "stale", "since": "soon", "failures": -1}) == {"kind": "stale"}
