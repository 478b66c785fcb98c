"""The files that processes share: records, silences, and the daemon of a directory.

What only a daemon and its watchers need is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily
from dccd.daemon.state.pending_changes import Ticket
from dccd.daemon.state.sharing import close_store, has_one_user, open_store, share_store
from dccd.daemon.state.silences import AlertState, Silence, change_alert_state, read_alert_state
from dccd.daemon.state.store import MetricsStore, read_records

if TYPE_CHECKING:
    from dccd.daemon.state.presence import Claim, read_presence

__all__ = [
    "AlertState",
    "Claim",
    "MetricsStore",
    "Silence",
    "Ticket",
    "change_alert_state",
    "close_store",
    "has_one_user",
    "open_store",
    "read_alert_state",
    "read_presence",
    "read_records",
    "share_store",
]

_NAMES: Final = {".presence": ("Claim", "read_presence")}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)
