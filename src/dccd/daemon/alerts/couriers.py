"""A courier for each destination, so that one that does not answer delays no other."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from dccd.clock import Clock
from dccd.forks import no_fork, renew_in_child

if TYPE_CHECKING:
    import requests

    from dccd.daemon.alerts.courier import Courier

_NEVER: Final = float("inf")


class Couriers:
    """The couriers of an outbox by name, made when the first is needed, each with a session of its own by default."""

    def __init__(
        self, names: Iterable[str], source: str, secret: str | None, clock: Clock, session: "requests.Session | None"
    ) -> None:
        self._names = tuple(names)
        self._source = source
        self._secret = secret
        self._clock = clock
        self._session = session
        self._making = threading.RLock()
        self._made: Mapping[str, Courier] = {}
        self.until: float = _NEVER
        renew_in_child(self)

    def renew(self) -> None:
        """Leave the connections to the parent: a child of a fork makes its own."""
        self._making, self._made, self.until = threading.RLock(), {}, _NEVER

    def __getitem__(self, name: str) -> "Courier":
        return self._all()[name]

    def hurry(self, until: float) -> None:
        """Give up at a time of the monotonic clock."""
        self.until = until
        for courier in self._all().values():
            courier.sender.hurry(until)

    def relax(self) -> None:
        """Take back `hurry`."""
        self.until = _NEVER
        for courier in self._all().values():
            courier.sender.relax()

    def close(self) -> None:
        """Close the connections; a thread that still sends makes no further try."""
        for courier in self._made.values():
            courier.sender.hurry(self._clock.monotonic())
            courier.close()

    def side_by_side(self, calls: Sequence[Callable[[], None]]) -> None:
        """Make all calls at the same time, the first in this thread; return, or raise an error of theirs, after all."""
        errors: list[BaseException] = []

        def run(call: Callable[[], None]) -> None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - raised again below
                errors.append(error)

        threads, in_turn = [], list(calls[:1])
        for call in calls[1:]:
            thread = threading.Thread(target=run, args=(call,), name="dccd-alerts", daemon=True)
            try:
                thread.start()
                threads.append(thread)
            except RuntimeError:  # no thread can start while the interpreter ends
                in_turn.append(call)
        for place, call in enumerate(in_turn):
            self._share(len(in_turn) - place)
            run(call)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _share(self, left: int) -> None:
        """Leave an equal part of the time to each call whose turn is still to come."""
        if self.until < _NEVER:
            now = self._clock.monotonic()
            for courier in self._all().values():
                courier.sender.hurry(now + (self.until - now) / left)

    def _all(self) -> "Mapping[str, Courier]":
        with self._making:
            if not self._made:
                with no_fork:
                    from dccd.daemon.alerts.courier import Courier  # noqa: PLC0415 - requests takes 120 ms

                    self._made = {
                        name: Courier(self._source, self._secret, self._clock, self._session) for name in self._names
                    }
            return self._made
