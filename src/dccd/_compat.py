"""`typing.override` where Python has none yet, without the 20 ms that typing_extensions takes to import."""

import sys
from typing import TYPE_CHECKING

if sys.version_info >= (3, 12):
    from typing import override
elif TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: object) -> object:
        """Mark a method that replaces one of a base class."""
        return method


__all__ = ["override"]
