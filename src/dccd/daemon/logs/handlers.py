"""The handlers: a rotating file that several processes share, and the console."""

import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from stat import S_ISREG
from typing import Final, TextIO

from dccd import interrupts
from dccd._compat import override
from dccd.disk import MountedDirectory, file_lock, files, mounted_directory

MAX_BYTES: Final = 10 * 1024 * 1024
BACKUPS: Final = 5


class _Handler(logging.Handler):
    """A handler whose lock no signal handler leaves taken by raising, which Python does from 3.13 on."""

    @override
    def handle(self, record: logging.LogRecord) -> bool:
        passed: object = self.filter(record)  # from Python 3.12 on, maybe another record
        if passed:
            assert self.lock is not None
            with self.lock:
                self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)


class SharedRotatingFileHandler(_Handler, RotatingFileHandler):
    """A rotating file that several processes may write.

    Each record is one write that appends, so lines of several processes do not mix. The first process to take the lock
    makes a rollover; the others see that the file was replaced and open the new one. A disk fault is reported once on
    stderr and raises nothing; when it is over, the file says how many records are missing.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        self._directory: MountedDirectory = mounted_directory(path.parent)
        super().__init__(path, maxBytes=max_bytes, backupCount=backups, encoding="utf-8", errors="backslashreplace")
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._lost = 0
        self._is_torn = _is_torn(path)
        self._is_faulty = self._has_ended = False

    def end(self) -> None:
        """Close the file and ignore all later records.

        After `close` alone the next record opens the file again, as `logging.shutdown` and `logging.config` close
        handlers that are still in use.
        """
        self._has_ended = True  # a thread may still be on its way here
        self.acquire()
        try:
            with interrupts.suppress(OSError):  # somebody else may have closed its descriptor
                self.close()
        finally:
            self.release()

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._has_ended:
            return
        try:
            data = self._line(record)
            descriptor = self._make_room(len(data))
            self._append(descriptor, self._gap() + data if self._lost else data)
        except Exception as error:  # noqa: BLE001 - the log must not harm the job that writes it
            interrupts.pass_on(error)
            self._lost += 1
            self._set_faulty(error)
        else:
            self._lost = 0
            self._set_faulty(None)

    @override
    def doRollover(self) -> None:
        # Another process that holds the lock makes the rollover; a file that is too long is better than a lost record.
        with interrupts.suppress(OSError), file_lock(self._lock_path, timeout=0.0):
            if not self._follow():
                super().doRollover()
        self._follow()

    @override
    def _open(self) -> TextIOWrapper:
        self._directory.check()
        stream = open(  # noqa: SIM115 - closed by close()
            self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=files.open_file
        )
        self._is_torn = False
        return stream

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _gap(self) -> bytes:
        text = f"records missing here: {self._lost}; the file could not be written"
        return self._line(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (), None))

    def _make_room(self, size: int) -> int:
        """Return the descriptor of a file that has room for so many bytes more."""
        self._follow()
        there = os.fstat(self._descriptor())
        if 0 < self.maxBytes < there.st_size + size and there.st_size and S_ISREG(there.st_mode):
            self.doRollover()
        return self._descriptor()

    def _descriptor(self) -> int:
        assert self.stream is not None
        return self.stream.fileno()

    def _append(self, descriptor: int, data: bytes) -> None:
        """Append in one write unless the disk fills; a line that this cuts off is ended before the next one."""
        left = memoryview(b"\n" + data if self._is_torn else data)
        while left:
            left = left[os.write(descriptor, left) :]
            self._is_torn = bool(left)

    def _follow(self) -> bool:
        """Open the file again if another process replaced or removed it, and return whether one did."""
        stream = self.stream
        if stream is not None:
            try:
                there = Path(self.baseFilename).stat()
            except OSError as error:
                interrupts.pass_on(error)
                if not isinstance(error, FileNotFoundError | NotADirectoryError):  # out of sight, but still open
                    return False
            else:
                with interrupts.suppress(OSError):  # a program that becomes a daemon closes all descriptors
                    if os.path.samestat(there, os.fstat(stream.fileno())):
                        return False
            self.stream = None  # opening may fail, and must not leave a closed one
            with interrupts.suppress(OSError):
                stream.close()
        self.stream = self._open()
        return True

    def _set_faulty(self, error: Exception | None) -> None:
        if (error is not None) == self._is_faulty:
            return
        self._is_faulty = error is not None
        why = files.describe(error) if isinstance(error, OSError) else type(error).__name__
        state = "is written again" if error is None else f"cannot be written, {why}. Until then records are lost to it"
        with interrupts.suppress(OSError, ValueError, AttributeError):  # stderr may be closed, or None
            sys.stderr.write(f"dccd: the log file {self.baseFilename} {state}\n")


class ConsoleHandler(_Handler):
    """Writes records to a stream, escapes letters that it cannot show, and ignores a broken pipe."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream
        self._is_writing = False

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._is_writing:
            return  # a stream that logs what is written to it
        self._is_writing = True
        try:
            stream = self._stream or sys.stderr
            encoding = getattr(stream, "encoding", None) or "utf-8"
            stream.write(f"{self.format(record)}\n".encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except Exception as error:  # noqa: BLE001 - there is nowhere left to say it
            interrupts.pass_on(error)
        finally:
            self._is_writing = False


class LastResortHandler(ConsoleHandler):
    """Warnings on stderr while the program has no handler of its own, as logging does by default."""

    def __init__(self) -> None:
        super().__init__(None)
        self.setLevel(logging.WARNING)

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if not _is_handled(record):
            super().emit(record)


def _is_handled(record: logging.LogRecord) -> bool:
    """Return whether a handler of the program itself gets a record."""
    known = logging.Logger.manager.loggerDict.get(record.name)
    logger: logging.Logger | None = known if isinstance(known, logging.Logger) else logging.getLogger()
    while logger is not None:
        if any(not isinstance(handler, SharedRotatingFileHandler | LastResortHandler) for handler in logger.handlers):
            return True
        logger = logger.parent
    return False


def _is_torn(path: Path) -> bool:
    """Return whether a file ends in the middle of a line, which a full disk leaves behind."""
    with interrupts.suppress(OSError):
        if S_ISREG(path.stat().st_mode):
            with path.open("rb") as file:
                file.seek(-1, os.SEEK_END)  # which fails if there is none
                return file.read() != b"\n"
    return False
