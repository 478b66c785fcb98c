"""Names of a package that are loaded when somebody first asks for them."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any


def load_lazily(package: str, name: str, names: Mapping[str, tuple[str, ...]]) -> Any:  # noqa: ANN401 - whatever it is
    """Return a name of a package, given the names that come from each of its modules."""
    for module, listed in names.items():
        if name in listed:
            return getattr(import_module(module, package), name)
    msg = f"module {package!r} has no attribute {name!r}"
    raise AttributeError(msg)
