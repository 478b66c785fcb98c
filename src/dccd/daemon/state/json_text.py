"""The text of a JSON object, member by member, so that reading and writing cost what has changed."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Final, NamedTuple

from dccd import interrupts

_BLOCK_MEMBERS: Final = 128
_MAX_LINE_LENGTH: Final = 4096
_BEGIN, _QUOTE, _COLON, _COMMA, _END = (
    re.compile(pattern.replace("_", r"[ \t\n\r]*")) for pattern in (r"_\{_", r'"', "_:_", "_,_", r"_\}_\Z")
)


class Member(NamedTuple):
    """One member of an object: its text as found and, unless that text is known, its key and value."""

    text: str
    key: str
    value: object
    is_known: bool = False


def _integer(text: str) -> object:
    try:
        return int(text)
    except ValueError as error:
        interrupts.pass_on(error)
        return NotImplemented


# What Python reads and no other program does, NaN or a number of thousands of digits, becomes NotImplemented.
_scan: Final = json.JSONDecoder(parse_constant=lambda _: NotImplemented).raw_decode
_scan_any_integer: Final = json.JSONDecoder(parse_constant=lambda _: NotImplemented, parse_int=_integer).raw_decode


def members(text: str, known: Collection[str] = ()) -> Iterator[Member]:
    r"""Yield the members of a JSON object, or raise ValueError where it is none, maybe after some members.

    A member is recognised as known, and not parsed, where it has lines of its own. NotImplemented is the value of what
    is no JSON.

    Examples
    --------
    >>> for member in members('{"a": {"rows": 1},\n"b": 2}', known={'"a": {"rows": 1}'}):
    ...     print(member.is_known, member.text)
    True "a": {"rows": 1}
    False "b": 2
    """
    place = _after(_BEGIN, text, 0)
    has_more = text[place : place + 1] != "}"
    while has_more:
        if known and (line := _line(text, place)) in known:
            end = place + len(line)
            yield Member(line, "", None, is_known=True)
        else:
            key, colon = _scan(text, _after(_QUOTE, text, place) - 1)
            value, end = _value(text, _after(_COLON, text, colon))
            yield Member(text[place:end], key, value)
        place = end
        if has_more := (comma := _COMMA.match(text, end)) is not None:
            place = comma.end()
    _after(_END, text, place)


def _after(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    if found is None:
        msg = f"no JSON object: something else is at {place}"
        raise ValueError(msg)
    return found.end()


def _line(text: str, start: int) -> str:
    end = text.find("\n", start, start + _MAX_LINE_LENGTH)  # bounded, as another program may write all on one line
    return text[start : max(start, end)].removesuffix(",")


def _value(text: str, place: int) -> tuple[object, int]:
    try:
        return _scan(text, place)
    except RecursionError as error:
        interrupts.pass_on(error)
        msg = "a value is too deep"
        raise ValueError(msg) from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        interrupts.pass_on(error)
        return _scan_any_integer(text, place)


class JsonObject:
    """The text of an object, from key to the text of the member in ASCII, one line each.

    It never changes. Members are kept in blocks, each as bytes, and what `edited` returns shares the unchanged blocks,
    so that a change of one job costs no encoding of all others.

    Examples
    --------
    >>> document = JsonObject({"a": '"a": 1', "b": '"b": 2'}).edited({"a": None, "c": '"c": 3'})
    >>> print(document.to_bytes().decode().strip())
    {
    "b": 2,
    "c": 3
    }
    """

    __slots__ = ("_block_numbers", "_blocks", "_texts")

    def __init__(self, members: Mapping[str, str] | None = None) -> None:
        items = iter((members or {}).items())
        self._blocks: list[dict[str, str]] = []
        while block := dict(islice(items, _BLOCK_MEMBERS)):
            self._blocks.append(block)
        self._texts = [_text(block) for block in self._blocks]
        self._block_numbers = {key: number for number, block in enumerate(self._blocks) for key in block}

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for block in self._blocks:
            yield from block.items()

    def edited(self, changes: Mapping[str, str | None]) -> "JsonObject":
        """Return the object with some members changed; None removes one."""
        new = JsonObject()
        new._blocks, new._block_numbers = self._blocks.copy(), self._block_numbers.copy()
        touched: dict[int, dict[str, str]] = {}
        for key, text in changes.items():
            new._change(key, text, touched)
        new._texts = self._texts + [b""] * (len(new._blocks) - len(self._texts))
        for number, block in touched.items():
            new._texts[number] = _text(block)
        return new

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        texts = [text for text in self._texts if text] or [b""]
        texts[0] = b"{\n" + texts[0]
        texts[-1] += b"\n}\n"
        return b",\n".join(texts)

    def _change(self, key: str, text: str | None, touched: dict[int, dict[str, str]]) -> None:
        number = self._block_numbers.get(key)
        if number is None:
            if text is None:
                return
            if not self._blocks or len(self._blocks[-1]) >= _BLOCK_MEMBERS:
                self._blocks.append({})
            number = self._block_numbers[key] = len(self._blocks) - 1
        if number not in touched:
            touched[number] = self._blocks[number] = self._blocks[number].copy()
        if text is None:
            del self._block_numbers[key], touched[number][key]
        else:
            touched[number][key] = text


def _text(block: Mapping[str, str]) -> bytes:
    return ",\n".join(block.values()).encode("ascii")
