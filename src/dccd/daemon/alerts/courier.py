"""Send one message to one destination, or one heartbeat."""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dccd.clock import Clock
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.formats import body, endpoint, text
from dccd.daemon.alerts.messages import Message
from dccd.daemon.alerts.sending import NotSentError, Sender
from dccd.daemon.alerts.signing import signature
from dccd.http import bounded, make_session
from dccd.redact import hide_secrets

if TYPE_CHECKING:
    import requests

_PACE_SECONDS: Final = 1.0
_HEARTBEAT_SECONDS: Final = 10.0


class Courier:
    """Sends messages in the way of each service; `secret` signs those in the generic format."""

    def __init__(self, source: str, secret: str | None, clock: Clock, session: "requests.Session | None") -> None:
        self._source = source
        self._secret = secret
        self._clock = clock
        self._own = session is None
        self._session = session or make_session()
        self._sent_at: dict[str, float] = {}
        self.sender: Sender = Sender(self._session, clock)

    def send(self, destination: Destination, message: Message) -> None:
        """Send a message, at most one a second to a destination, or raise `NotSentError`."""
        pause = self._sent_at.get(destination.id, float("-inf")) + _PACE_SECONDS - self._clock.monotonic()
        if pause > 0:
            self._clock.wait(threading.Event(), pause)
        try:
            if destination.service == "apprise":
                self.sender.retry(lambda seconds: self._notify(destination, message, seconds))
            else:
                self._post(destination, message)
        finally:
            self._sent_at[destination.id] = self._clock.monotonic()

    def beat(self, url: str) -> None:
        """Ping a URL once; raise `NotSentError` unless it answers with success."""
        try:
            with (
                bounded(_HEARTBEAT_SECONDS),
                self._session.get(url, timeout=_HEARTBEAT_SECONDS, stream=True, allow_redirects=False) as response,
            ):
                status = response.status_code
        except Exception as error:  # noqa: BLE001 - the text of whatever it is holds the address
            raise NotSentError(type(error).__name__, retryable=True) from None
        if not 200 <= status < 300:  # noqa: PLR2004
            reason = f"HTTP {status}"
            raise NotSentError(reason, retryable=True)

    def close(self) -> None:
        """Close the session if it is ours."""
        if self._own:
            self._session.close()

    def _post(self, destination: Destination, message: Message) -> None:
        content = body(message, destination.service, source=self._source, now=self._clock.time())

        def stamp(now: float) -> Mapping[str, str]:
            if destination.service != "generic":
                return {}
            signed = {"webhook-id": message.id, "webhook-timestamp": str(int(now))}
            if self._secret is not None:
                signed["webhook-signature"] = signature(self._secret, message.id, int(now), content)
            return signed

        headers = {"Content-Type": "application/json", "User-Agent": "dccd"}
        url = endpoint(destination)
        with hide_secrets(url):  # not always the one that was set
            self.sender.post(url, content, headers, stamp=stamp, service=destination.service)

    def _notify(self, destination: Destination, message: Message, seconds: float) -> None:
        from dccd.daemon.alerts.apprise_service import notify  # noqa: PLC0415 - few need it

        title, content = text(message, source=self._source, now=self._clock.time())
        notify(destination.url, title, content, seconds)
