"""Turn the notices owed into messages, and deliver them; requests is loaded on first use."""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily
from dccd.daemon.alerts.delivery import Delivery
from dccd.daemon.alerts.destinations import Destination, alerts_line, destinations_of
from dccd.daemon.alerts.messages import Message
from dccd.daemon.alerts.outbox import Outbox
from dccd.daemon.records import Item

if TYPE_CHECKING:
    from dccd.daemon.alerts.sending import NotSentError

__all__ = ["Delivery", "Destination", "Item", "Message", "NotSentError", "Outbox", "alerts_line", "destinations_of"]

_NAMES: Final = {".sending": ("NotSentError",)}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)
