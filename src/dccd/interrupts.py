"""Tell an exception that a signal handler of the program raised in the middle of our code from an error of our own.

A handler may raise anything, at any moment: also a `TimeoutError` while a file is written. Such an exception belongs to
the program, and has to pass through everything here that deals with errors.
"""

from types import FrameType, TracebackType


def is_interrupt(error: BaseException) -> bool:
    """Return whether a signal handler raised an exception, or whether it is none that a program catches as an error.

    A handler gets the frame that it interrupts, its caller's, as an argument: no other call does that.
    """
    if not isinstance(error, Exception):
        return True
    step = error.__traceback__
    while step is not None:
        if _has_caller_as_argument(step.tb_frame):
            return True
        step = step.tb_next
    return False


def _has_caller_as_argument(frame: FrameType) -> bool:
    code, caller = frame.f_code, frame.f_back
    given = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + 1]]
    return caller is not None and any(
        value is caller or (isinstance(value, tuple) and any(each is caller for each in value)) for value in given
    )


def pass_on(error: BaseException) -> None:
    """Raise an exception again if a signal handler raised it."""
    if is_interrupt(error):
        raise error


class suppress:  # noqa: N801 - used as `contextlib.suppress` is
    """A context that swallows some kinds of errors, as `contextlib.suppress` does, but none of a signal handler."""

    def __init__(self, *kinds: type[Exception]) -> None:
        self._kinds = kinds

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return isinstance(error, self._kinds) and not is_interrupt(error)
