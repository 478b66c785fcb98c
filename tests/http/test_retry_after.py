"""How long a server asks to be left alone."""

import pytest

from dccd.http.retry_after import parse_retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("0", 1.0),
        ("1.5", 1.5),
        ("-3", 1.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 1.0),
        ("Tue, 99 Nov 2023 22:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 1.0),
    ],
)
def test_it_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """What says nothing is as if it were absent; a second is the least."""
    assert parse_retry_after(value, now=1_700_000_000) == seconds
