"""Run data-collection jobs and watch over them.

The public names live in `dccd.daemon` (the monitor, its configuration and the scheduler), `dccd.candles`
(where candles come from and where they are kept) and `dccd.testing` (servers on loopback to try things out).
"""

from typing import Final

__version__: Final = "0.1.0"

__all__ = ["__version__"]
