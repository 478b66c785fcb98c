"""Which jobs need not ask their exchange, because the answer is known: pure, and one for each exchange."""

from dataclasses import dataclass, field, replace
from typing import Final

from dccd.errors import (
    MissingExtraError,
    RateLimitedError,
    SourceRefusedError,
    SourceUnavailableError,
    UnknownSourceError,
)

FAILED_SERIES: Final = 3
REFUSED_RETRY_SECONDS: Final = 3600.0
_DOWN_SECONDS: Final = (15.0, 40.0)  # with a request that hangs, less than a minute: each tick of a minute may try
_LIMITED_SECONDS: Final = (60.0, 900.0)
_MAX_WAIT_SECONDS: Final = 86_400.0
_PERMANENT: Final = (SourceRefusedError, UnknownSourceError, MissingExtraError)


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a job must not ask its exchange, until a time in monotonic seconds; `refused` is for this job alone."""

    error: Exception
    until: float
    refused: bool = False


@dataclass(slots=True)
class Breaker:
    """What the jobs of one exchange learn from each other.

    A refused job does not ask again for an hour. No job asks an exchange that was asked too often for as long as it
    says, a day at most. An exchange that three series in a row could not reach rests for 15 s, then twice as long each
    time, 40 s at most. After each rest one series that has failed may try again, and one that has not: it finds out
    where the former fail for reasons of their own.
    """

    _refused: dict[str, Hold] = field(default_factory=dict, init=False)
    _failed: set[str] = field(default_factory=set, init=False)
    _in_a_row: int = field(default=0, init=False)
    _rests: int = field(default=0, init=False)
    _rest: Hold | None = field(default=None, init=False)
    _failed_may_try_at: float = field(default=0.0, init=False)

    @property
    def is_resting(self) -> bool:
        """Whether the exchange rests, or has not answered since it did."""
        return self._rest is not None

    def hold(self, key: str, now: float) -> Hold | None:
        """Return why a job must not ask now, or None if it may."""
        refused = self._refused.get(key)
        if refused is not None and now < refused.until:
            return refused
        rest = self._rest
        if rest is not None and key in self._failed:
            rest = replace(rest, until=max(rest.until, self._failed_may_try_at))
        return rest if rest is not None and now < rest.until else None

    def succeed(self, key: str) -> bool:
        """Record an answer to a job; return whether that ended a rest."""
        rested = self._rest is not None
        self._refused.pop(key, None)
        self._failed.discard(key)
        self._in_a_row, self._rests, self._rest = 0, 0, None
        return rested

    def fail(self, key: str, error: Exception, now: float) -> Hold | None:
        """Record a failure of a job; return the hold that begins with it, or None if none does."""
        if isinstance(error, _PERMANENT):
            self._refused[key] = hold = Hold(error, now + REFUSED_RETRY_SECONDS, refused=True)
            return hold
        if isinstance(error, RateLimitedError):
            return self._begin_rest(error, now, _LIMITED_SECONDS, error.wait)
        if not isinstance(error, SourceUnavailableError):
            return None
        if key in self._failed:
            self._failed_may_try_at = now + _rest_seconds(_DOWN_SECONDS, self._rests - 1)
            return None
        self._failed.add(key)
        self._in_a_row += 1
        if self._in_a_row >= FAILED_SERIES or self.is_resting:
            return self._begin_rest(error, now, _DOWN_SECONDS, None)
        return None

    def was_refused(self, key: str, error: Exception) -> bool:
        """Return whether a job was refused before with the same message."""
        before = self._refused.get(key)
        return before is not None and str(before.error) == str(error)

    def _begin_rest(self, error: Exception, now: float, bounds: tuple[float, float], wait: float | None) -> Hold:
        seconds = _rest_seconds(bounds, self._rests) if wait is None else min(wait, _MAX_WAIT_SECONDS)
        self._rests += 1
        self._rest = Hold(error, now + seconds)
        return self._rest


def _rest_seconds(bounds: tuple[float, float], before: int) -> float:
    first, longest = bounds
    return float(min(longest, first * 2 ** min(max(before, 0), 10)))
