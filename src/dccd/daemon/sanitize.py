"""Turn whatever a caller reports into values of an outcome; nothing here raises."""

import hashlib
import logging
import math
import operator
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Final

from dccd import interrupts
from dccd.daemon.records import LATEST_SECONDS, JobKey
from dccd.errors import DccdError
from dccd.printable import printable
from dccd.redact import redact

logger: logging.Logger = logging.getLogger("dccd.daemon.outcomes")

_MAX_ERROR_LENGTH: Final = 500
_MAX_KEY_LENGTH: Final = 256  # more than any key that a configuration can make
_MOST_READ: Final = 20_000  # of a text that may be of any length
_LONGEST_SECRET: Final = 1_000
_MOST_NAMED: Final = 3
_LONGEST_CHAIN: Final = 100
_MAX_ROWS: Final = 2**53  # what every reader of JSON counts exactly

_NO_FAILURES: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)
# By package and name, as importing them costs time, and some are not installed.
_CANCELLATIONS: Final = frozenset(
    {
        ("asyncio", "CancelledError"),
        ("concurrent", "CancelledError"),
        ("trio", "Cancelled"),
        ("greenlet", "GreenletExit"),
    }
)


def is_failure(error: BaseException) -> bool:
    """Return whether an exception is a failure of the job, not its cancellation or the end of the program."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_failure, _leaves(error)))
    kinds = type(error).__mro__
    return not issubclass(kinds[0], _NO_FAILURES) and _CANCELLATIONS.isdisjoint(map(_package_and_name, kinds))


def describe(error: object) -> str | None:
    """Return an error as one printable line without secrets, ``Type: message``, cut to 500 characters.

    A group is told by the first of its errors, and an error that was raised from another is followed by its cause.

    Examples
    --------
    >>> describe(TimeoutError("no answer"))
    'TimeoutError: no answer'
    """
    if error is None:
        return None
    try:
        text = _told(error)
    except Exception as raised:  # noqa: BLE001 - somebody else's attributes
        interrupts.pass_on(raised)
        text = "an error that cannot be shown"
    return one_line(text, _MAX_ERROR_LENGTH)


def one_line(text: str, length: int) -> str:
    """Return a text as one printable line without secrets, cut to a length."""
    shown = redact(text[:_MOST_READ])
    if len(text) > _MOST_READ:
        shown = f"{shown[:-_LONGEST_SECRET]}…"  # the cut may have left a part of a secret
    shown = printable(" ".join(shown.split()))
    return shown if len(shown) <= length else f"{shown[: length - 1]}…"


def to_key(exchange: object, pair: object, timeframe: object = None) -> str:
    """Return the key of a job, printable and of 256 characters at most, with a warning if it had to be changed."""
    return clean_key(str(JobKey(_text(exchange), _text(pair), None if timeframe is None else _text(timeframe))))


def clean_key(key: str) -> str:
    """Return a key as it is recorded; all but odd ones stay as they are."""
    return key if key.isprintable() and len(key) <= _MAX_KEY_LENGTH else _cleaned(key)


@lru_cache(maxsize=256)
def _cleaned(key: str) -> str:
    """Return an odd key made printable and short, and warn the first time."""
    shown = printable(key[:_MOST_READ])
    if len(shown) > _MAX_KEY_LENGTH:  # two long keys stay two
        end = f"…{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
        shown = shown[: _MAX_KEY_LENGTH - len(end)] + end
    if shown != key:
        _warn("a key with characters that cannot be printed, or of more than 256, is recorded as %s", shown)
    return shown


def to_row_count(rows: object, key: str) -> int:
    """Return a number of rows; anything else counts as 0, with a warning."""
    try:
        value = operator.index(rows)  # type: ignore[arg-type]  # what is no integer raises
    except Exception as error:  # noqa: BLE001 - somebody's own __index__
        interrupts.pass_on(error)
        value = -1
    if 0 <= value <= _MAX_ROWS:
        return value
    _warn("%s: rows is not a number of rows (%s); recorded as 0", key, type(rows).__name__)
    return 0


def to_seconds(value: object, what: str, key: str) -> float | None:
    """Return seconds, not negative and rounded to milliseconds; anything else counts as unknown, with a warning."""
    if value is None:
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]  # what is no number raises
    except Exception as error:  # noqa: BLE001 - somebody's own __float__
        interrupts.pass_on(error)
        seconds = math.nan
    if math.isfinite(seconds) and seconds <= LATEST_SECONDS:
        return round(max(0.0, seconds), 3)
    _warn("%s: %s is not a number of seconds; ignored", key, what)
    return None


def _warn(message: str, *arguments: str) -> None:
    with suppress(Exception):  # of a handler of the program's own
        logger.warning(message, *arguments)


def _told(error: object) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _told_group(error)
    if isinstance(error, BaseException):
        return ", from ".join(_chain(error))
    if isinstance(error, str):
        return _text(error)
    if isinstance(error, bytes):
        return error[:_MOST_READ].decode(errors="backslashreplace")
    return error.__name__ if isinstance(error, type) else _named(error)


def _told_group(group: BaseExceptionGroup[BaseException]) -> str:
    """Return the first errors of a group that differ, and how many more it has."""
    leaves = list(_leaves(group))
    failures = [leaf for leaf in leaves if is_failure(leaf)] or leaves
    told = list(dict.fromkeys(", from ".join(_chain(leaf)) for leaf in islice(failures, _LONGEST_CHAIN)))[:_MOST_NAMED]
    left = len(failures) - len(told)
    return "; ".join(told) + (f" (and {left} more)" if left else "")


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Give the errors of a group and of the groups within it, in order."""
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(reversed(error.exceptions))
        else:
            yield error


def _chain(error: BaseException) -> list[str]:
    """Return an error and the causes it names that say more, the first and the last two if there are many.

    An error of our own says all by itself.
    """
    links: list[str] = []
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen and len(seen) < _LONGEST_CHAIN:
        seen.add(id(at))
        cause = next(_leaves(at)) if isinstance(at, BaseExceptionGroup) else at
        told = _named(cause)
        if not links or not links[-1].endswith((told, f": {_text(cause, '')}")):
            links.append(told)
        at = None if isinstance(at, DccdError) else at.__cause__
    return links if len(links) <= _MOST_NAMED else [links[0], *links[1 - _MOST_NAMED :]]


def _named(value: object) -> str:
    text = _text(value, "").strip()
    return f"{type(value).__name__}: {text}" if text else type(value).__name__


def _text(value: object, otherwise: str | None = None) -> str:
    """Return the text of an object, no longer than what is read of it; it may have none, or raise."""
    if type(value) is str and len(value) <= _MOST_READ:
        return value
    try:
        return str.__str__(f"{value}")[: _MOST_READ + 1]
    except BaseException as error:
        if not is_failure(error):
            raise
        return f"<{type(value).__name__} without text>" if otherwise is None else otherwise


def _package_and_name(kind: type) -> tuple[str, str]:
    return str(kind.__module__).partition(".")[0], kind.__name__
