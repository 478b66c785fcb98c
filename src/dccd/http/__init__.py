"""HTTP within bounds: sessions whose attempts end in time, deadlines, and one retry loop.

What needs requests, tenacity or the parser of dates is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily
from dccd.http.deadline import Deadline
from dccd.http.errors import AttemptError
from dccd.http.throttle import Throttle

if TYPE_CHECKING:
    from dccd.http.retry_after import parse_retry_after
    from dccd.http.retrying import retry
    from dccd.http.sessions import CONNECT_SECONDS, READ_SECONDS, BoundedSession, TooLongError

__all__ = [
    "CONNECT_SECONDS",
    "READ_SECONDS",
    "AttemptError",
    "BoundedSession",
    "Deadline",
    "Throttle",
    "TooLongError",
    "parse_retry_after",
    "retry",
]

_NAMES: Final = {
    ".retry_after": ("parse_retry_after",),
    ".retrying": ("retry",),
    ".sessions": ("CONNECT_SECONDS", "READ_SECONDS", "BoundedSession", "TooLongError"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)
