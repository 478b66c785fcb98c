"""A server on loopback with faults that a test sets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dccd.testing.server import Answer, LoopbackServer


@dataclass(slots=True)
class _Fault:
    pair: str | None
    change: Callable[[Answer], Answer]
    times: int | None


class FaultyServer(LoopbackServer):
    """A server with faults that `fail`, `hang`, `drip` and `reset` set and `heal` ends."""

    def __init__(self) -> None:
        super().__init__()
        self._faults: list[_Fault] = []

    def fail(
        self,
        pair: str | None = None,
        *,
        status: int = 503,
        body: Any = "out of order",  # noqa: ANN401 - any JSON
        headers: Mapping[str, str] | None = None,
        times: int | None = None,
    ) -> None:
        """Answer with an error, or with a body that makes no sense.

        Parameters
        ----------
        pair : str, optional
            The pair whose requests fail; default every request.
        status : int, optional
            HTTP status; 200 makes an error that only the body shows.
        body : object, optional
            Bytes or text are sent unchanged, anything else as JSON.
        headers : mapping, optional
            More headers, such as ``Retry-After``.
        times : int, optional
            Number of requests; default until `heal`.
        """
        answer = Answer(status, body, headers or {})
        self._add_fault(pair, lambda _right: answer, times)

    def hang(self, pair: str | None = None, *, seconds: float = 3600.0, times: int | None = None) -> None:
        """Answer after a delay.

        Parameters
        ----------
        pair : str, optional
            The pair whose requests fail; default every request.
        seconds : float, optional
            Time before the answer; closing the server ends it.
        times : int, optional
            Number of requests; default until `heal`.
        """
        self._add_fault(pair, lambda right: replace(right, delay=seconds), times)

    def drip(self, pair: str | None = None, *, seconds: float = 0.1, times: int | None = None) -> None:
        """Answer one byte at a time.

        Parameters
        ----------
        pair : str, optional
            The pair whose requests fail; default every request.
        seconds : float, optional
            Time between two bytes.
        times : int, optional
            Number of requests; default until `heal`.
        """
        self._add_fault(pair, lambda right: replace(right, drip=seconds), times)

    def reset(self, pair: str | None = None, *, times: int | None = None) -> None:
        """Reset the connection instead of answering.

        Parameters
        ----------
        pair : str, optional
            The pair whose requests fail; default every request.
        times : int, optional
            Number of requests; default until `heal`.
        """
        self._add_fault(pair, lambda _right: Answer(reset=True), times)

    def heal(self, pair: str | None = None) -> None:
        """End the faults of a pair.

        Parameters
        ----------
        pair : str, optional
            The pair; default ends all faults.
        """
        with self._lock:
            self._faults = [] if pair is None else [fault for fault in self._faults if fault.pair != pair]

    def _add_fault(self, pair: str | None, change: Callable[[Answer], Answer], times: int | None) -> None:
        with self._lock:
            self._faults.append(_Fault(pair, change, times))

    def _next_fault(self, pair: str | None) -> Callable[[Answer], Answer] | None:
        # Called with the lock held.
        for fault in self._faults:
            if fault.pair in {None, pair} and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault.change
        return None
