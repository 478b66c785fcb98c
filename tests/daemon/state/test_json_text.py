"""The text of a JSON object, member by member."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.state.json_text import JsonObject, members

texts = st.text(max_size=6)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=6)


@given(objects, st.sampled_from([None, 1]), st.sampled_from([(",", ":"), (" , ", " : "), (",\n", ": ")]))
def test_members_are_what_json_says(found: dict[str, Any], indent: int | None, separators: tuple[str, str]) -> None:
    """In any layout; each text is a member by itself."""
    text = json.dumps(found, indent=indent, separators=separators)
    read = list(members(text))
    assert {member.key: member.value for member in read} == found
    for member in read:
        assert json.loads(f"{{{member.text}}}") == {member.key: found[member.key]}


@given(objects, st.data())
def test_known_members_change_nothing(found: dict[str, Any], data: st.DataObject) -> None:
    """Whichever are known, the same texts come in the same order."""
    lines = [f"{json.dumps(key)}: {json.dumps({'value': value})}" for key, value in found.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    known = data.draw(st.sets(st.sampled_from(lines))) if lines else set()
    read = list(members(text, known))
    assert [member.text for member in read] == lines
    assert {member.text for member in read if member.is_known} == known


@given(st.text(alphabet='{}[]":, \n\\1eNan', max_size=25))
def test_what_is_no_object_is_a_value_error(text: str) -> None:
    """And what Python takes for one is one."""
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    try:
        read: dict[str, Any] | None = {member.key: member.value for member in members(text)}
    except ValueError:
        read = None
    if isinstance(expected, dict) and "NaN" not in text:
        assert read == expected
    elif not isinstance(expected, dict):
        assert read is None


def test_what_python_reads_and_json_has_not_is_no_value() -> None:
    """Its member is there, so that it can be set aside alone."""
    text = '{"a": NaN, "b": [-Infinity], "c": {"d": %s}, "e": 1}' % ("9" * 5000)
    assert {member.key: member.value for member in members(text)} == {
        "a": NotImplemented,
        "b": [NotImplemented],
        "c": {"d": NotImplemented},
        "e": 1,
    }


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "[" * 100_000, '{"a": ' * 50_000])
def test_what_is_too_deep_is_a_value_error(text: str) -> None:
    """Not the end of the process."""
    with pytest.raises(ValueError, match=" "):
        list(members(text))


@given(
    st.lists(
        st.dictionaries(st.integers(0, 400), st.none() | st.integers(0, 9), max_size=300),
        min_size=1,
        max_size=6,
    )
)
def test_edits_equal_those_of_a_dict(edits: list[dict[int, int | None]]) -> None:
    """And leave the document they were made on as it was."""
    document, model = JsonObject(), dict[str, int]()
    for edit in edits:
        before = document.to_bytes()
        edited = document.edited({str(k): None if v is None else f'"{k}": {v}' for k, v in edit.items()})
        assert document.to_bytes() == before
        document = edited
        for key, value in edit.items():
            if value is None:
                model.pop(str(key), None)
            else:
                model[str(key)] = value
        assert json.loads(document.to_bytes()) == model
        assert dict(document) == {key: f'"{key}": {value}' for key, value in model.items()}
