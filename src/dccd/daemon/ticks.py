"""When a series is due: after each of its candles has closed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["AtClose"]

_WEEK: Final = 604_800
_MONDAY: Final = 4 * 86_400  # the first Monday of 1970


class AtClose:
    """A trigger of APScheduler: a while after each close of a candle, whenever the process began.

    Its own interval trigger counts from the last run, so a first run at once would shift all that follow.

    Parameters
    ----------
    seconds : int
        Length of a candle. Weeks begin on Monday, all else counts from 1970.
    delay : float
        Seconds after the close, because exchanges finish a candle a little late.
    jitter : float
        Seconds up to which a run is later by chance; half a candle at most.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> AtClose(3600, delay=5.0, jitter=0.0).get_next_fire_time(None, datetime(2026, 11, 18, 13, 37, tzinfo=UTC))
    datetime.datetime(2026, 11, 18, 14, 0, 5, tzinfo=datetime.timezone.utc)
    """

    def __init__(self, seconds: int, delay: float, jitter: float) -> None:
        self._seconds = seconds
        self._offset = delay + (_MONDAY if seconds % _WEEK == 0 else 0)
        self._jitter = min(jitter, seconds / 2)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the next time after both that is due; what was missed meanwhile is one run.

        Parameters
        ----------
        previous_fire_time : datetime or None
            When it was last due.
        now : datetime
            The time.

        Returns
        -------
        datetime
            In UTC.
        """
        after = max(now, previous_fire_time or now).timestamp() - self._offset
        due = (after // self._seconds + 1) * self._seconds + self._offset
        late = random.uniform(0, self._jitter)  # noqa: S311 - spreads load, guards nothing
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=due + late)
