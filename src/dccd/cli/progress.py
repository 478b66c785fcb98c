"""Progress bars of a run on a terminal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from dccd.daemon.status import read_keys
from dccd.units import format_time

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

Progress = Callable[[str, int, int, int], None]


@contextmanager
def progress_bars(stream: TextIO, config: "CollectorConfig") -> Iterator[Progress | None]:
    """Give a function that shows a bar for each series being collected; None where the stream is no terminal."""
    if not stream.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - 50 ms, for a terminal only
    from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    state, left = TextColumn("{task.fields[state]}"), TextColumn("left")
    columns = (TextColumn("{task.description}"), BarColumn(), state, TimeRemainingColumn(), left)
    steps: dict[str, int] = {}
    shown: dict[str, tuple[TaskID, int]] = {}
    lock = threading.Lock()

    def show(key: str, fetched: int, reached: int, until: int) -> None:
        state = f"{fetched} candles, up to {format_time(reached / 1000, 'minutes', spoken=True)}"
        if key not in steps:  # by now the run has its keys
            steps.update({key: job.seconds * 1000 for key, job, _ in read_keys(config)})
        is_behind = reached + steps[key] < until
        with lock:
            if key not in shown:
                begun = reached - (fetched - 1) * steps[key]
                shown[key] = bars.add_task(key, total=max(1, until - begun), state=state, visible=is_behind), begun
            task, begun = shown[key]
            bars.update(task, completed=reached - begun, state=state, visible=is_behind)

    with Bars(*columns, console=Console(file=stream), transient=True) as bars:
        yield show
