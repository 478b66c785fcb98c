"""Make the text of others safe to show: no character of it moves a cursor, turns a line around or fails to encode."""

from typing import Final

_UNSAFE: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,  # this one and the next three ranges change the direction of what follows, or end a line
    *range(0x200E, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xD800, 0xE000),  # half a character, which no encoding has
)
ESCAPES: Final = {code: chr(code).encode("unicode_escape").decode() for code in _UNSAFE}
"""What `printable` shows for a character, by its number."""


def printable(text: str) -> str:
    r"""Return a text with control characters, marks of direction and lone surrogates as visible escapes.

    Examples
    --------
    >>> print(printable("na\x1b[2Jme"))
    na\x1b[2Jme
    """
    return text if text.isprintable() else text.translate(ESCAPES)
