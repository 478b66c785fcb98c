"""Exceptions of signal handlers, told from our own."""

import functools
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dccd import interrupts

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="this system has few signals")

Handler = Callable[[int, object], object]


def plain(number: int, frame: object) -> None:
    """Raise in a function."""
    raise TimeoutError(number)


def starred(*arguments: object) -> None:
    """Raise in a function that names no arguments."""
    raise TimeoutError(*arguments[:1])


def deep(number: int, frame: object) -> None:
    """Raise in a function that the handler calls."""
    Path("\0").stat()  # a ValueError of the interpreter


class Callable_:  # noqa: N801 - the name of the thing
    """A handler that is an object."""

    def __call__(self, number: int, frame: object) -> None:
        """Raise in a method."""
        raise TimeoutError(number)


def error_of(handler: Handler, work: Callable[[], object]) -> BaseException:
    """Return what comes out of work that a signal interrupts."""
    before = signal.signal(signal.SIGUSR1, handler)
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - that is the question
        return error
    finally:
        signal.signal(signal.SIGUSR1, before)
    pytest.fail("nothing was raised")


def interrupt() -> None:
    """Send the signal to this thread."""
    signal.raise_signal(signal.SIGUSR1)


@pytest.mark.parametrize("handler", [plain, starred, deep, Callable_(), functools.partial(plain)], ids=repr)
def test_what_a_handler_raises_is_known_for_it(handler: Handler) -> None:
    """Whatever kind of handler it is."""
    assert interrupts.is_interrupt(error_of(handler, interrupt))


def test_a_handler_is_known_after_it_was_replaced() -> None:
    """As one that works once is."""

    def once(number: int, frame: object) -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)
        raise TimeoutError(number)

    assert interrupts.is_interrupt(error_of(once, interrupt))


def test_an_error_of_our_own_is_none_though_a_handler_has_run(tmp_path: Path) -> None:
    """Nor one that is raised while that of a handler is dealt with."""

    def fail() -> None:
        try:
            interrupt()
        except TimeoutError:
            (tmp_path / "nothing").read_bytes()

    error = error_of(plain, fail)
    assert isinstance(error, FileNotFoundError)
    assert not interrupts.is_interrupt(error)


def test_what_ends_a_program_is_never_an_error_of_ours() -> None:
    """Whoever raises it."""
    assert interrupts.is_interrupt(KeyboardInterrupt())
    assert not interrupts.is_interrupt(OSError())


def test_only_our_own_errors_are_swallowed() -> None:
    """Of the kinds that are named."""

    def swallow() -> None:
        with interrupts.suppress(OSError):
            interrupt()

    with interrupts.suppress(OSError):
        raise TimeoutError
    with pytest.raises(KeyError), interrupts.suppress(OSError):
        raise KeyError
    assert isinstance(error_of(plain, swallow), TimeoutError)


def test_an_error_is_passed_on_if_a_handler_raised_it() -> None:
    """Else it is left to the caller."""
    interrupts.pass_on(OSError())
    with pytest.raises(TimeoutError):
        interrupts.pass_on(error_of(plain, interrupt))
