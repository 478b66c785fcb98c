"""A courier for each destination, so that one that does not answer holds up no other."""

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
    """The couriers of an outbox, made when the first of them is needed."""

    def __init__(
        self, names: Iterable[str], source: str, secret: str | None, clock: Clock, session: "requests.Session | None"
    ) -> None:
        self._names = tuple(names)
        self._source = source
        self._secret = secret
        self._clock = clock
        self._session = session
        self.renew()
        renew_in_child(self)

    def renew(self) -> None:
        """Leave the connections to the parent: a child of a fork makes its own."""
        self._making = threading.RLock()
        self._made: Mapping[str, Courier] = {}
        self.until: float = _NEVER

    def __getitem__(self, name: str) -> "Courier":
        return self._all()[name]

    def hurry(self, until: float) -> None:
        """Give up at a time of the monotonic clock: somebody waits for the end."""
        self.until = until
        for courier in self._all().values():
            courier.sender.hurry(until)

    def relax(self) -> None:
        """Take back `hurry`."""
        self.until = _NEVER
        for courier in self._all().values():
            courier.sender.relax()

    def close(self) -> None:
        """Release connections; a thread that is still at it makes no further try."""
        for courier in self._made.values():
            courier.sender.hurry(self._clock.monotonic())
            courier.close()

    def side_by_side(self, calls: Sequence[Callable[[], None]]) -> None:
        """Call all at the same time, the first of them in this thread; return once all are done."""
        errors: list[BaseException] = []

        def run(call: Callable[[], None]) -> None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - raised again where somebody sees it
                errors.append(error)

        threads, in_turn = [], list(calls[:1])
        for call in calls[1:]:
            thread = threading.Thread(target=run, args=(call,), name="dccd-alerts", daemon=True)
            try:
                thread.start()
                threads.append(thread)
            except RuntimeError:  # no threads any more while the interpreter ends
                in_turn.append(call)
        for place, call in enumerate(in_turn):
            self._share(len(in_turn) - place)
            run(call)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _share(self, left: int) -> None:
        """Leave those whose turn comes later their part of the time."""
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
