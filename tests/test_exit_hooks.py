"""What is open is closed when the process ends."""

import multiprocessing
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, cast

import pytest

from dccd.exit_hooks import Opened, opened

if TYPE_CHECKING:
    from multiprocessing.context import SpawnContext

PROGRAM = """
from dccd.exit_hooks import opened
for name, seconds in (("first", 1.0), ("second", 2.0), ("third", 3.0)):
    opened.add(name, lambda seconds=seconds: seconds, lambda until, name=name: print(name, until))
opened.discard("second")
"""


def test_an_object_is_open_until_it_is_discarded() -> None:
    """Discarding it twice does no harm."""
    items, item = Opened(), object()
    assert item not in items
    items.add(item, lambda: 0.0, lambda until: None)
    assert item in items
    for _ in range(2):
        items.discard(item)
        assert item not in items


def test_all_deadlines_start_before_the_first_object_is_closed() -> None:
    """Else closing would take the sum of them; an object may discard itself while it is closed."""
    items, calls = Opened(), list[str]()

    def close(name: str, until: float) -> None:
        calls.append(f"{name} {until:g}")
        items.discard(name)

    def deadline(name: str) -> float:
        calls.append(f"{name}?")
        return 5.0

    for name in ("a", "b"):
        items.add(name, lambda name=name: deadline(name), lambda until, name=name: close(name, until))  # type: ignore[misc]
    items.close_all()
    items.close_all()
    assert calls == ["a?", "b?", "a 5", "b 5"]


def test_the_end_of_the_process_closes_what_is_open() -> None:
    """In the order of opening, each with its deadline."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["first 1.0", "third 3.0"]


def report_closing(connection: Connection) -> None:
    """Open an object whose closing is reported."""
    opened.add("child", lambda: 7.0, connection.send)


@pytest.mark.parametrize("method", set(multiprocessing.get_all_start_methods()) - {"forkserver"})
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_of_multiprocessing_closes_what_it_opened(method: str) -> None:
    """Such a process does not run what is registered with atexit."""
    context = cast("SpawnContext", multiprocessing.get_context(method))  # that of a fork has the same methods
    reader, writer = context.Pipe(duplex=False)
    child = context.Process(target=report_closing, args=(writer,))
    child.start()
    writer.close()
    assert reader.poll(30)
    assert reader.recv() == 7.0
    child.join(30)
    assert child.exitcode == 0
    reader.close()
    child.close()
