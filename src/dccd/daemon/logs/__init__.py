"""One rotating log file for the whole process, on the root logger.

The handler is shared: monitors on one directory write each record once, and the last one to close takes it away again.
"""

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TextIO

from dccd import forks
from dccd.daemon.logs.formats import JsonFormatter, TextFormatter, utc
from dccd.daemon.logs.handlers import ConsoleHandler, LastResortHandler, SharedRotatingFileHandler
from dccd.disk import files
from dccd.errors import StorageError

__all__ = [
    "LOG_FILE",
    "ConsoleHandler",
    "JsonFormatter",
    "LastResortHandler",
    "SharedRotatingFileHandler",
    "TextFormatter",
    "attach",
    "console",
    "detach",
    "utc",
]

LOG_FILE: Final = "dccd.log"

Form = Literal["text", "json"]


@dataclass(slots=True)
class _Shared:
    """A handler and how many monitors use it."""

    handler: SharedRotatingFileHandler
    users: int = 0


class _Process:
    """What monitors did to the logging of this process, so that the last one can undo it."""

    def __init__(self) -> None:
        self.files: dict[Path, _Shared] = {}
        self.stderr: logging.Handler | None = None
        self.level: int | None = None
        self.lock = threading.RLock()  # reentrant: a signal handler may close a monitor while another is made

    def renew(self) -> None:
        self.lock = threading.RLock()


_process: Final = _Process()
forks.renew_in_child(_process)


def console(stream: TextIO, form: Form = "text", level: int = logging.NOTSET) -> logging.Handler:
    """Return a handler that writes records to a stream and hides secrets."""
    handler = ConsoleHandler(stream)
    handler.setFormatter(_formatter(form))
    handler.setLevel(level)
    return handler


def attach(directory: Path, *, form: Form = "text", level: str = "INFO") -> Path:
    """Write all records of the process also to the log file of a directory, and return its path.

    A handler on the root logger turns off the last resort of logging, warnings on stderr, so a handler that does the
    same is added where root had none. StorageError is raised if the file cannot be opened.
    """
    path = _path_in(directory)
    root = logging.getLogger()
    with _process.lock:
        shared = _process.files.get(path)
        if shared is None:
            shared = _Shared(_open(path, form))
        if not root.handlers and _process.stderr is None:
            _process.stderr = LastResortHandler()
            _process.stderr.setFormatter(TextFormatter())
            root.addHandler(_process.stderr)
        root.addHandler(shared.handler)  # nothing happens if root has it
        shared.users += 1
        _process.files[path] = shared
        _set_level(level)
    return path


def detach(path: Path) -> None:
    """Undo one `attach`; the last one for a file removes and closes its handler."""
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
        shared.handler.end()
        if not _process.files:
            _restore(root)


def _path_in(directory: Path) -> Path:
    path = directory / LOG_FILE
    try:
        return Path(os.path.realpath(path)) if files.is_link(path) else directory.resolve() / LOG_FILE
    except OSError as error:
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise StorageError(msg) from None


def _open(path: Path, form: Form) -> SharedRotatingFileHandler:
    try:
        handler = SharedRotatingFileHandler(path)
    except OSError as error:
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise StorageError(msg) from None
    handler.setFormatter(_formatter(form))
    return handler


def _formatter(form: Form) -> logging.Formatter:
    return JsonFormatter() if form == "json" else TextFormatter()


def _set_level(level: str) -> None:
    """Let records of dccd pass, which the level of root would hold back."""
    ours = logging.getLogger("dccd")
    if _process.level is None and ours.level == logging.NOTSET:
        ours.setLevel(level)
        _process.level = ours.level


def _restore(root: logging.Logger) -> None:
    ours = logging.getLogger("dccd")
    if _process.stderr is not None:
        root.removeHandler(_process.stderr)
        _process.stderr.close()
        _process.stderr = None
    if _process.level is not None and ours.level == _process.level:
        ours.setLevel(logging.NOTSET)
    _process.level = None
