"""Tell failures that a retry may help from refusals, by what ccxt raised and what the exchange answered."""

import re
from http import HTTPStatus
from typing import Any, Final

from dccd.errors import SourceRefusedError
from dccd.http import AttemptError
from dccd.redact import redact

UNEXPECTED_ERRORS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the code of ccxt raises when an answer is not of the form that it expects."""

_MAX_TEXT: Final = 300
_RATE_LIMITED: Final = frozenset({418, 429})
_BUSY: Final = _RATE_LIMITED | {408, 425}
_GEO_BLOCK: Final = re.compile(r"restricted location|from your country", re.IGNORECASE)


class TransientError(AttemptError):
    """A failure that a retry may help; `limited` if the exchange was asked too often."""

    def __init__(self, reason: str, wait: float | None = None, *, limited: bool = False) -> None:
        super().__init__(reason, retryable=True, wait=wait)
        self.limited = limited


def classify(  # noqa: PLR0913 - all by name
    error: Exception,
    *,
    ccxt: Any,  # noqa: ANN401 - ccxt is typed in parts only
    exchange: str,
    what: str,
    status: int,
    wait: float | None,
) -> SourceRefusedError | TransientError:
    """Return the error to raise for one of ccxt, given the HTTP status (0 if none came) and the wait asked for."""
    reason = _one_line(f"{type(error).__name__}: {_text_of(error, exchange)}")
    if not _is_transient(error, ccxt, status):
        return SourceRefusedError(f"{what}: {reason}")
    limited = status in _RATE_LIMITED or isinstance(error, (ccxt.RateLimitExceeded, ccxt.DDoSProtection))
    return TransientError(reason, wait, limited=limited)


def unexpected(error: Exception) -> TransientError:
    """Return the error to raise where ccxt raised one of `UNEXPECTED_ERRORS`."""
    return TransientError(_one_line(f"unexpected answer: {type(error).__name__}: {error}"))


def _is_transient(error: Exception, ccxt: Any, status: int) -> bool:  # noqa: ANN401
    blocked = status == HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS or _GEO_BLOCK.search(str(error))
    if blocked or isinstance(error, ccxt.RestrictedLocation):
        return False
    if isinstance(error, ccxt.OperationFailed) or status in _BUSY or status in range(500, 600):
        return True
    from requests.exceptions import ContentDecodingError  # noqa: PLC0415 - ccxt has loaded it by now

    from dccd.http import TooLongError  # noqa: PLC0415 - as above

    # Damaged on the way or without end, which ccxt takes for a refusal.
    return isinstance(error.__cause__, ContentDecodingError | TooLongError)


def _text_of(error: Exception, exchange: str) -> str:
    """Return the text of an error of ccxt, preceded by what failed below it, which ccxt leaves out."""
    text, cause = str(error).removeprefix(f"{exchange} "), _root(error)
    return text if cause is error else f"{getattr(cause, 'strerror', None) or cause} ({text})"


def _root(error: BaseException) -> BaseException:
    """Return the first in the chain of errors behind one that ccxt raised from another."""
    cause = error.__cause__
    while cause is not None:
        error, cause = cause, cause.__cause__ or cause.__context__
    return error


def _one_line(text: str) -> str:
    line = " ".join(redact(text[: 10 * _MAX_TEXT]).split())
    return line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 3] + "..."
