"""One rotating log file for the whole process, on the root logger.

The handler is shared: monitors on one directory write each record once, and the last one to close takes it away again.
"""

import json
import logging
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Literal, TextIO

from dccd import files
from dccd._compat import override
from dccd.errors import StorageError
from dccd.redact import redact

__all__ = [
    "LOG_FILE",
    "JsonFormatter",
    "SharedRotatingFileHandler",
    "TextFormatter",
    "attach",
    "console",
    "detach",
    "utc",
]

LOG_FILE: Final = "dccd.log"
MAX_BYTES: Final = 10 * 1024 * 1024
BACKUPS: Final = 5

Form = Literal["text", "json"]


class TextFormatter(logging.Formatter):
    """One line a record, times in UTC, secrets hidden in messages and tracebacks.

    Examples
    --------
    >>> import logging
    >>> from dccd.daemon.logs import TextFormatter
    >>> record = logging.makeLogRecord({"name": "dccd", "levelname": "INFO", "msg": "started", "created": 0.25})
    >>> TextFormatter().format(record)
    '1970-01-01T00:00:00.250Z INFO dccd: started'
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    @override
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return utc(record.created)

    @override
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for log shippers; secrets hidden.

    Examples
    --------
    >>> import logging
    >>> from dccd.daemon.logs import JsonFormatter
    >>> record = logging.makeLogRecord({"name": "dccd", "levelname": "INFO", "msg": "started", "created": 0.25})
    >>> JsonFormatter().format(record)
    '{"time": "1970-01-01T00:00:00.250Z", "level": "INFO", "logger": "dccd", "message": "started"}'
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        body = {
            "time": utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info and record.exc_info[0] is not None:
            body["error"] = redact(self.formatException(record.exc_info))
        return json.dumps(body)


class SharedRotatingFileHandler(RotatingFileHandler):
    """A rotating file that several processes may write.

    Parameters
    ----------
    path : Path
        The log file; it exists from now on.
    max_bytes : int, optional
        Size at which the file becomes ``.1``, the ``.1`` becomes ``.2`` and so on.
    backups : int, optional
        How many of those are kept.

    Notes
    -----
    A rollover is made under a lock between processes, and only by the first to come; the others see that the file
    was replaced and open the new one. A disk fault is told once on stderr, and the record is lost to the file only.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", errors="backslashreplace")
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._failed = self._faulty = self._ended = False

    @override
    def shouldRollover(self, record: logging.LogRecord) -> bool:
        self._follow()
        return self.maxBytes > 0 and self.stream is not None and os.fstat(self.stream.fileno()).st_size >= self.maxBytes

    @override
    def doRollover(self) -> None:
        # A record in a file that is too long is better than no record: faults here are not faults of the log.
        with suppress(OSError), files.file_lock(self._lock_path, timeout=1.0):
            if not self._follow():
                super().doRollover()
        self._follow()

    @override
    def close(self) -> None:
        self._ended = True
        super().close()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._ended:
            return  # a thread may still hold the handler; it must not open the file again
        self._failed = False
        super().emit(record)
        if self._failed != self._faulty:
            self._faulty = self._failed
            state = "cannot be written; records are lost to it" if self._faulty else "is written again"
            with suppress(OSError):
                sys.stderr.write(f"dccd: the log file {self.baseFilename} {state}\n")

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            self._failed = True
        else:
            super().handleError(record)

    def _follow(self) -> bool:
        """Open the file anew where another process replaced or removed it; say whether that was so."""
        stream: TextIO | None = self.stream
        if stream is not None:
            there = files.signature(Path(self.baseFilename))
            if there is not None and there.inode == os.fstat(stream.fileno()).st_ino:
                return False
            self.stream = None  # opening may fail, and must not leave a closed one
            stream.close()
        self.stream = self._open()
        return True


@dataclass(slots=True)
class _Shared:
    """A handler and how many monitors use it."""

    handler: logging.Handler
    users: int = 0


class _Process:
    """What monitors did to the logging of this process, so that the last one can undo it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.files: dict[Path, _Shared] = {}
        self.stderr: logging.Handler | None = None
        self.level_before: int | None = None


_process: Final = _Process()


def console(stream: TextIO, form: Form = "text", level: int = logging.NOTSET) -> logging.Handler:
    """Return a handler that writes records to a stream, secrets hidden.

    Parameters
    ----------
    stream : file-like
        For example `sys.stderr`.
    form : str, optional
        ``text`` or ``json``.
    level : int, optional
        Lowest level written.

    Returns
    -------
    logging.Handler
        Not attached to any logger yet.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.setLevel(level)
    return handler


def attach(directory: Path, *, form: Form = "text", level: str = "INFO") -> Path:
    """Send all records of the process to the log file in a directory, too.

    Parameters
    ----------
    directory : Path
        Where the log file is; it must exist.
    form : str, optional
        ``text`` or ``json``; the first monitor on a directory decides.
    level : str, optional
        Level of the ``dccd`` logger, unless the program has set one.

    Returns
    -------
    Path
        What to give to `detach`.

    Raises
    ------
    StorageError
        If the file cannot be opened.

    Notes
    -----
    A handler on the root logger ends logging's last resort, warnings on stderr. Where root had no handler, one that
    writes warnings to stderr comes along.
    """
    path = Path(os.path.realpath(directory)) / LOG_FILE
    root, ours = logging.getLogger(), logging.getLogger("dccd")
    with _process.lock:
        shared = _process.files.get(path)
        if shared is None:
            try:
                handler = SharedRotatingFileHandler(path)
            except OSError as error:
                msg = f"{path} cannot be written: {files.describe(error)}"
                raise StorageError(msg) from None
            handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
            if not root.handlers:
                _process.stderr = console(sys.stderr, level=logging.WARNING)
                root.addHandler(_process.stderr)
            root.addHandler(handler)
            shared = _process.files[path] = _Shared(handler)
        shared.users += 1
        if _process.level_before is None and ours.level == logging.NOTSET:
            _process.level_before = ours.level
            ours.setLevel(level)
    return path


def detach(path: Path) -> None:
    """Undo one `attach`; the last one removes and closes the handler.

    Parameters
    ----------
    path : Path
        What `attach` returned.
    """
    root = logging.getLogger()
    with _process.lock:
        shared = _process.files.get(path)
        if shared is None:
            return
        shared.users -= 1
        if shared.users:
            return
        del _process.files[path]
        root.removeHandler(shared.handler)
        shared.handler.close()
        if not _process.files:
            _restore(root)


def _restore(root: logging.Logger) -> None:
    if _process.stderr is not None:
        root.removeHandler(_process.stderr)
        _process.stderr = None
    if _process.level_before is not None:
        logging.getLogger("dccd").setLevel(_process.level_before)
        _process.level_before = None


def utc(seconds: float) -> str:
    """Return a time as log records have it.

    Parameters
    ----------
    seconds : float
        Unix seconds.

    Returns
    -------
    str
        RFC 3339, UTC, to the millisecond.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
