"""A receiver of webhooks on loopback."""

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dccd._compat import override
from dccd.testing.server import Answer, LoopbackServer


@dataclass(frozen=True, slots=True)
class Message:
    """A message that a `WebhookReceiver` received.

    Parameters
    ----------
    path : str
        Path and query of the URL.
    headers : mapping
        Headers by their names in lower case.
    body : bytes
        Body of the request.
    received_at : float
        When it came, in Unix seconds.

    Examples
    --------
    >>> from dccd.testing import Message
    >>> Message("/hook", {}, b'{"text": "hello"}', 0.0).json
    {'text': 'hello'}
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    received_at: float

    @property
    def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The parsed body; None if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class WebhookReceiver(LoopbackServer):
    """A webhook on 127.0.0.1 that keeps its messages and gives the answers that you set.

    Its URL has a path that looks like a secret, so that a test can search for it where it must not be.

    Examples
    --------
    >>> import requests
    >>> from dccd.testing import Answer, WebhookReceiver
    >>> with WebhookReceiver() as receiver:
    ...     receiver.answer(503, Answer(200, body={"ok": True}))
    ...     statuses = [requests.post(receiver.url, json={"number": n}).status_code for n in range(3)]
    ...     print(statuses, [message.json["number"] for message in receiver.messages])
    [503, 200, 200] [0, 1, 2]
    """

    def __init__(self) -> None:
        super().__init__()
        self._path = f"/hook/T0000/B0000/s3cret-{secrets.token_hex(8)}"
        self._arrived = threading.Condition(self._lock)
        self._messages: list[Message] = []
        self._script: deque[Answer] = deque()

    @property
    @override
    def url(self) -> str:
        """URL to post to.

        Raises
        ------
        RuntimeError
            If the receiver is not running.
        """
        return super().url + self._path

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages so far, in order, including those answered with an error."""
        with self._lock:
            return tuple(self._messages)

    def answer(self, *answers: int | Answer) -> None:
        """Set the answers to the next requests; later ones get 200 and ``ok``.

        Parameters
        ----------
        *answers : int or Answer
            Statuses or whole answers, used after those that an earlier call left.
        """
        with self._lock:
            self._script.extend(Answer(answer) if isinstance(answer, int) else answer for answer in answers)

    def wait_for(self, count: int, timeout: float = 5.0) -> bool:
        """Wait until at least `count` messages have come.

        Parameters
        ----------
        count : int
            Number of messages in all.
        timeout : float, optional
            Longest wait, in seconds.

        Returns
        -------
        bool
            Whether they have come.
        """
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self._messages) >= count, timeout)

    def clear(self) -> None:
        """Forget the messages and the answers not yet given."""
        with self._lock:
            self._messages.clear()
            self._script.clear()

    @override
    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the next answer."""
        with self._arrived:
            self._messages.append(Message(target, headers, body, time.time()))
            self._arrived.notify_all()
            return self._script.popleft() if self._script else Answer()
