"""Make the text of others safe to show: no character of it moves a cursor, turns a line around or fails to encode."""

from typing import Final

_HALVES: Final = range(0xD800, 0xE000)  # of characters, which no encoding has
_UNSAFE: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,  # this one and the next three ranges change the direction of what follows, or end a line
    *range(0x200E, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
)


class Escapes(dict[int, str]):
    """What `str.translate` shows for each unsafe character, but for those to keep."""

    def __init__(self, kept: str = "") -> None:
        super().__init__({code: _escape(code) for code in _UNSAFE if chr(code) not in kept})

    def __missing__(self, code: int) -> str:
        if code not in _HALVES:
            raise LookupError
        return _escape(code)


def _escape(code: int) -> str:
    named = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(chr(code))
    return named or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")  # noqa: PLR2004 - as Python writes them


_ESCAPES: Final = Escapes()


def printable(text: str) -> str:
    r"""Return a text with control characters, marks of direction and lone surrogates as visible escapes.

    Examples
    --------
    >>> print(printable("na\x1b[2Jme"))
    na\x1b[2Jme
    """
    return text if text.isprintable() else text.translate(_ESCAPES)
