"""The files that processes share: records, silences, and the daemon of a directory."""

from dccd.daemon.state.presence import Claim, read_presence
from dccd.daemon.state.sharing import close_store, has_one_user, open_store
from dccd.daemon.state.silences import AlertState, Silence, change_alert_state, read_alert_state
from dccd.daemon.state.store import MetricsStore, read_records

__all__ = [
    "AlertState",
    "Claim",
    "MetricsStore",
    "Silence",
    "change_alert_state",
    "close_store",
    "has_one_user",
    "open_store",
    "read_alert_state",
    "read_presence",
    "read_records",
]
