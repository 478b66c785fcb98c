"""When a series is due: after each of its candles has closed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_WEEK_SECONDS: Final = 604_800
_FIRST_MONDAY_SECONDS: Final = 4 * 86_400  # the first Monday of 1970


class AtClose:
    """A trigger for APScheduler that fires after each close of a candle, whenever the process began.

    All times are in seconds. Weeks begin on Monday. `jitter` delays a run by chance, by half a candle at most.

    The interval trigger of APScheduler counts from the last run, so a first run at once would shift all that follow. It
    also steps through every missed run, for minutes where a clock began in 1970 and is then set right.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> AtClose(3600, delay=5.0, jitter=0.0).get_next_fire_time(None, datetime(2026, 11, 18, 13, 37, tzinfo=UTC))
    datetime.datetime(2026, 11, 18, 14, 0, 5, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, seconds: float, delay: float = 0.0, jitter: float = 0.0) -> None:
        self._period = timedelta(seconds=seconds)
        self._first = _EPOCH + timedelta(seconds=delay + (_FIRST_MONDAY_SECONDS if seconds % _WEEK_SECONDS == 0 else 0))
        self._jitter = min(jitter, seconds / 2)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next due time after both, in UTC; all runs missed until then are one run."""
        after = max(now, previous_fire_time or now)
        due = self._first + ((after - self._first) // self._period + 1) * self._period
        late = random.uniform(0, self._jitter)  # noqa: S311 - spreads load, guards nothing
        return due + timedelta(seconds=late)
