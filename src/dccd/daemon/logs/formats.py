"""The form of a record: text for people or JSON for log shippers, secrets hidden in both."""

import json
import logging
import math
from abc import abstractmethod
from typing import Final

from dccd import interrupts
from dccd._compat import override
from dccd.printable import Escapes
from dccd.redact import redact
from dccd.units import format_time

_CONTINUED: Final = "\n  | "
_ESCAPES: Final = Escapes(kept="\t\n")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "taskName"}


class _Formatter(logging.Formatter):
    """A formatter that never raises."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        try:
            return self._render(record)
        except Exception as error:  # noqa: BLE001 - a record may hold anything
            interrupts.pass_on(error)
            text = f"a record could not be shown: {type(error).__name__}"
            return self._render(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (), None))

    @abstractmethod
    def _render(self, record: logging.LogRecord) -> str: ...


class TextFormatter(_Formatter):
    r"""One line a record that begins with its time in UTC; secrets hidden.

    Further lines of a record, as of a traceback, begin with ``  | `` and other control characters are escaped: what
    somebody else wrote into an error message never passes for a record.

    Examples
    --------
    >>> import logging
    >>> from dccd.daemon.logs import TextFormatter
    >>> record = logging.makeLogRecord({"name": "dccd", "levelname": "INFO", "msg": "a\nb", "created": 0.25})
    >>> print(TextFormatter().format(record))
    1970-01-01T00:00:00.250Z INFO dccd: a
      | b
    """

    @override
    def _render(self, record: logging.LogRecord) -> str:
        head = f"{utc(record.created)} {record.levelname} {record.name}: {_message(record)}"
        text = redact("\n".join([head, *_details(self, record).values()]))
        return text.rstrip("\n").replace("\r\n", "\n").translate(_ESCAPES).replace("\n", _CONTINUED)


class JsonFormatter(_Formatter):
    """One JSON object a line, for log shippers; secrets hidden.

    ``error`` is the traceback, ``stack`` what ``stack_info=True`` asks for, and ``extra`` the fields of ``extra=``:
    numbers and booleans as they are, all else as text.

    Examples
    --------
    >>> import logging
    >>> from dccd.daemon.logs import JsonFormatter
    >>> record = logging.makeLogRecord({"name": "dccd", "levelname": "INFO", "msg": "started", "created": 0.25})
    >>> JsonFormatter().format(record)
    '{"time": "1970-01-01T00:00:00.250Z", "level": "INFO", "logger": "dccd", "message": "started"}'
    """

    @override
    def _render(self, record: logging.LogRecord) -> str:
        body: dict[str, object] = {
            "time": utc(record.created),
            "level": record.levelname,
            "logger": redact(str(record.name)),
        }
        body["message"] = redact(_message(record))
        body |= {name: redact(text) for name, text in _details(self, record).items()}
        if extra := {redact(name): _plain(value) for name, value in vars(record).items() if name not in _STANDARD}:
            body["extra"] = extra
        return json.dumps(body)


def utc(seconds: float) -> str:
    """Return Unix seconds as a time in UTC with milliseconds, as log records show it."""
    return format_time(seconds, "milliseconds")


def _message(record: logging.LogRecord) -> str:
    """Return the message; one whose arguments do not fit is shown unformatted, as a lost line helps nobody."""
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - the arguments may be anything
        interrupts.pass_on(error)
        return f"{_text(record.msg)} (not formatted: {type(error).__name__}, arguments {_text(record.args)})"


def _details(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, str]:
    """Return the traceback and the stack, where a record has them."""
    details = {}
    if record.exc_info and record.exc_info[0] is not None:
        details["error"] = formatter.formatException(record.exc_info)
    elif record.exc_text:  # it comes from another process, or through a queue
        details["error"] = record.exc_text
    if record.stack_info:
        details["stack"] = formatter.formatStack(record.stack_info)
    return details


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return redact(_text(value))


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - it is somebody else's
        interrupts.pass_on(error)
        return f"<{type(value).__name__} without text: {type(error).__name__}>"
