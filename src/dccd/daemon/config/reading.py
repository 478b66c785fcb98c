"""Read the files that settings come from, and nothing that could block or have no end."""

import os
import stat
from pathlib import Path
from typing import Final

_OTHERS: Final = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))


def read_text(path: Path) -> str:
    """Return the text of a regular file in UTF-8; raise `OSError` for anything else.

    A FIFO, a device or a socket is refused at once: it may block, or never end.
    """
    _refuse_others(path.stat())  # before it is opened, as some devices act on that
    with open(path, "rb", opener=_without_waiting) as file:
        _refuse_others(os.fstat(file.fileno()))
        return file.read().decode("utf-8-sig")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none


def _refuse_others(found: os.stat_result) -> None:
    if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):  # of a directory the system itself tells
        return
    what = next((name for check, name in _OTHERS if check(found.st_mode)), "a device")
    raise OSError(0, f"it is {what}, not a file")
