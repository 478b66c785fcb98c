"""Text of others, safe to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.printable import printable

ANY_TEXT = st.text(st.characters())
TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x9b31m\x7f", r"\x1b[2J\x9b31m\x7f"),
        ("a\nb\r\tc\x85\u2028\u2029", r"a\nb\r\tc\x85\u2028\u2029"),
        ("safe\u202egpj.exe \u2066x\u2069\u200f\u061c", r"safe\u202egpj.exe \u2066x\u2069\u200f\u061c"),
        ("na\udcefve", r"na\udcefve"),
    ],
)
def test_what_a_terminal_or_a_reader_obeys_is_shown_as_an_escape(text: str, shown: str) -> None:
    """So that it is seen to have been there."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["", "BTC/USDT:USDT", "ünï/😀", "👨\u200d👩\u200d👧", "\u05e0\u200c\u05d1", "a\xa0b", r"\x1b"]
)
def test_text_that_does_no_harm_stays_as_it_is(text: str) -> None:
    """Joined emoji and the blanks of other scripts too."""
    assert printable(text) is text or printable(text) == text


@given(ANY_TEXT)
def test_no_text_keeps_a_character_that_acts(text: str) -> None:
    """Nor one that no encoding has, and showing twice is showing once."""
    shown = printable(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & TURNING
    assert printable(shown) == shown
