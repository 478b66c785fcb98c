"""HTTP requests that end in time, and the wait that a server asks for.

The names that need requests are loaded when they are first used.
"""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily
from dccd.http.retry_after import parse_retry_after

if TYPE_CHECKING:
    from dccd.http.answers import BoundedAdapter
    from dccd.http.attempts import bounded, make_session

__all__ = ["BoundedAdapter", "bounded", "make_session", "parse_retry_after"]

_NAMES: Final = {".answers": ("BoundedAdapter",), ".attempts": ("bounded", "make_session")}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)
