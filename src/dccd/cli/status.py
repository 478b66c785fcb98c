"""The command ``status``: once or refreshed, as a table or as JSON."""

import json
import os
import threading
from typing import TYPE_CHECKING, Final, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from dccd.cli.board import as_text, board
from dccd.cli.options import seconds_of
from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.status import read_overview, to_json
from dccd.errors import DccdError, StorageError
from dccd.printable import printable
from dccd.redact import redact
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

_INTERVAL_SECONDS: Final = (0.2, 3600.0)


def show_status(config: "CollectorConfig", stream: TextIO, *, as_json: bool = False) -> None:
    """Print the health of all jobs; colours are for a terminal, errors in full for everything else."""
    overview = read_overview(config, SYSTEM_CLOCK.time())
    if as_json:
        _say(stream, json.dumps(to_json(overview), indent=2))
        return
    console = _console(stream)
    if console.is_terminal:
        console.print(board(overview, console.width))
    else:
        width = _width(console)
        _say(stream, as_text(board(overview, width), width))


def watch_status(  # noqa: PLR0913 - what a test injects comes last
    config: "CollectorConfig",
    stream: TextIO,
    interval: str,
    *,
    as_json: bool = False,
    clock: Clock = SYSTEM_CLOCK,
    stop: threading.Event | None = None,
) -> None:
    """Print the health of all jobs at an interval until interrupted; as JSON, one object a line."""
    seconds = _seconds(interval)
    ended = stop or threading.Event()
    console = _console(stream)
    try:
        if console.is_terminal and not as_json:
            _watch_terminal(config, console, seconds, clock, ended)
            return
        while not ended.is_set():
            _say(stream, _picture(config, clock.time(), _width(console), as_json=as_json))
            clock.wait(ended, seconds)
    except KeyboardInterrupt:
        return


def _watch_terminal(
    config: "CollectorConfig", console: Console, seconds: float, clock: Clock, ended: threading.Event
) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not ended.is_set():
            now = clock.time()
            head = Text(f"every {format_duration(seconds) if seconds >= 1 else f'{seconds:g}s'}; Ctrl-C ends", "dim")
            try:
                body: Group | Text = board(read_overview(config, now), console.width, console.height - 1)
            except StorageError as error:
                body = Text(printable(redact(str(error))), "bold red")
            live.update(Group(head, body), refresh=True)
            clock.wait(ended, seconds)


def _picture(config: "CollectorConfig", now: float, width: int | None, *, as_json: bool) -> str:
    try:
        overview = read_overview(config, now)
    except StorageError as error:
        return json.dumps({"at": now, "error": redact(str(error))}) if as_json else f"{printable(redact(str(error)))}\n"
    return json.dumps(to_json(overview)) if as_json else f"{as_text(board(overview, width), width)}\n"


def _seconds(interval: str) -> float:
    low, high = _INTERVAL_SECONDS
    seconds = seconds_of("--interval", interval)
    if not low <= seconds <= high:
        msg = "--interval: should be from 0.2s to 1h"
        raise DccdError(msg)
    return seconds


def _console(stream: TextIO) -> Console:
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _width(console: Console) -> int | None:
    """Return the width to use; None into a pipe for which no width is set."""
    return console.width if console.is_terminal or os.environ.get("COLUMNS", "").isdigit() else None


def _say(stream: TextIO, text: str) -> None:
    stream.write(f"{text}\n")
    stream.flush()
