"""The parts of the daemon: its runtime under one configuration, the orders it takes, and its reports to systemd."""

from typing import TYPE_CHECKING, Any, Final

from dccd._lazy import load_lazily
from dccd.daemon.process.orders import Orders
from dccd.daemon.process.systemd import Notifier

if TYPE_CHECKING:
    from dccd.daemon.process.extras import missing_extras
    from dccd.daemon.process.runtime import Runtime

__all__ = ["Notifier", "Orders", "Runtime", "missing_extras"]

_NAMES: Final = {".extras": ("missing_extras",), ".runtime": ("Runtime",)}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the module holds
    return load_lazily(__name__, name, _NAMES)
