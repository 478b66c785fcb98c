"""Bring messages to their destinations, side by side, and heartbeats to their watcher."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from dccd.clock import Clock
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Message
from dccd.forks import no_fork, renew_in_child
from dccd.http import Deadline, Throttle
from dccd.redact import hide_secrets

if TYPE_CHECKING:
    import requests

BUDGET_SECONDS: Final = 60.0
ATTEMPT_SECONDS: Final = 15.0
_MIN_ATTEMPT_SECONDS: Final = 0.1  # where the deadline is over at the start: one attempt is made all the same
_PACE_SECONDS: Final = 1.0  # what Slack and others allow
_HEARTBEAT_SECONDS: Final = 10.0


class _Line(NamedTuple):
    """What a destination is reached through: a session, and turns that keep messages apart."""

    session: "requests.Session"
    throttle: Throttle


class Delivery:
    """Sends messages to destinations, each over a session of its own unless the caller gave one for all.

    `secret` signs messages in the generic format. Whoever waits for the end brings `deadline` forward.
    """

    def __init__(
        self, names: Iterable[str], source: str, secret: str | None, clock: Clock, session: "requests.Session | None"
    ) -> None:
        self._names = tuple(names)
        self._source = source
        self._secret = secret
        self._clock = clock
        self._session = session
        self._making = threading.RLock()
        self._lines: Mapping[str, _Line] = {}
        self.deadline: Deadline = Deadline(clock)
        renew_in_child(self)

    def renew(self) -> None:
        """Leave the connections to the parent: a child of a fork makes its own."""
        self._making, self._lines, self.deadline = threading.RLock(), {}, Deadline(self._clock)

    def load(self) -> Mapping[str, _Line]:
        """Return the lines by the name of their destination; importing what they need is not cut by a fork."""
        with self._making:
            if not self._lines:
                with no_fork:
                    from dccd.daemon.alerts.sending import MAX_ANSWER_BYTES  # noqa: PLC0415 - requests takes 120 ms
                    from dccd.http import BoundedSession, retry  # noqa: F401, PLC0415 - as above

                    self._lines = {
                        name: _Line(
                            self._session or BoundedSession(ATTEMPT_SECONDS, MAX_ANSWER_BYTES), Throttle(self._clock)
                        )
                        for name in self._names
                    }
            return self._lines

    def send(self, destination: Destination, message: Message) -> None:
        """Send a message, with retries, or raise `NotSentError`; a destination gets one attempt a second at most."""
        line = self.load()[destination.id]
        from dccd.http import retry  # noqa: PLC0415 - takes tenacity

        budget = self.deadline.within(BUDGET_SECONDS)
        attempt_once = self._attempt_of(line.session, destination, message)

        def attempt() -> None:
            line.throttle.take(_PACE_SECONDS, budget)
            is_over = budget.left() < _MIN_ATTEMPT_SECONDS
            attempt_once(Deadline(self._clock, _MIN_ATTEMPT_SECONDS) if is_over else budget.within(ATTEMPT_SECONDS))

        retry(attempt, budget)

    def beat(self, name: str, url: str) -> None:
        """Ping a URL once over the line of that name; raise `NotSentError` unless it answers with success."""
        line = self.load()[name]
        from dccd.daemon.alerts.sending import ping  # noqa: PLC0415 - takes requests

        ping(line.session, url, self.deadline.within(_HEARTBEAT_SECONDS))

    def close(self) -> None:
        """Close the connections; a thread that still sends makes no further attempt."""
        self.deadline.end()
        for line in self._lines.values():
            if line.session is not self._session:
                line.session.close()

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
            share = self.deadline.left() / (len(in_turn) - place)  # of the time, for each whose turn is still to come
            with self.deadline.brought_forward(self._clock.monotonic() + share):
                run(call)
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def _attempt_of(
        self, session: "requests.Session", destination: Destination, message: Message
    ) -> Callable[[Deadline], None]:
        """Return what makes an attempt; each has the same text and, where messages are signed, a time of its own."""
        from dccd.daemon.alerts.formats import body, endpoint, text  # noqa: PLC0415 - only those who send need it

        now, service = self._clock.time(), destination.service
        if service == "apprise":
            from dccd.daemon.alerts.apprise_service import notify  # noqa: PLC0415 - few need it

            title, content = text(message, source=self._source, now=now)
            return lambda deadline: notify(destination.url, title, content, deadline.left())
        from dccd.daemon.alerts.sending import post  # noqa: PLC0415 - takes requests
        from dccd.daemon.alerts.signing import signature  # noqa: PLC0415 - as formats

        data, url = body(message, service, source=self._source, now=now), endpoint(destination)

        def attempt(deadline: Deadline) -> None:
            now = self._clock.time()
            headers = {"Content-Type": "application/json"}
            if service == "generic":
                headers |= {"webhook-id": message.id, "webhook-timestamp": str(int(now))}
                if self._secret is not None:
                    headers["webhook-signature"] = signature(self._secret, message.id, int(now), data)
            with hide_secrets(url):  # not always the one that was set
                post(session, url, data, headers, service, deadline, now)

        return attempt
