"""The header ``Retry-After``."""

import math
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_MIN_SECONDS: Final = 1.0  # a server that asks for no wait, or one in the past, is not hammered


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Return how many seconds a ``Retry-After`` header asks to wait, one or more; None if it is absent or unreadable.

    Examples
    --------
    >>> parse_retry_after("30", now=0.0), parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=15.0)
    (30.0, 45.0)
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(_MIN_SECONDS, seconds) if math.isfinite(seconds) else None
