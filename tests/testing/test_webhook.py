"""A receiver of webhooks on loopback."""

import threading
import time

import pytest
import requests

from dccd.testing import Answer, WebhookReceiver


def test_messages_are_kept_in_order_with_all_they_have() -> None:
    """Path, headers in lower case, body."""
    with WebhookReceiver() as receiver:
        requests.post(receiver.url, json={"n": 1}, headers={"X-Id": "a"}, timeout=5)
        requests.post(receiver.url, data=b"no json", timeout=5)
        first, second = receiver.messages
        assert receiver.url.endswith(first.path)
        assert "s3cret" in first.path
        assert (first.json, first.headers["x-id"]) == ({"n": 1}, "a")
        assert (second.json, second.body) == (None, b"no json")
        assert abs(time.time() - first.received_at) < 60
        receiver.clear()
        assert receiver.messages == ()


def test_answers_come_as_scripted_and_then_are_ok() -> None:
    """A status or a whole answer."""
    with WebhookReceiver() as receiver:
        receiver.answer(500, Answer(429, headers={"Retry-After": "3"}, body={"retry_after": 3}))
        receiver.answer(Answer(reset=True))
        assert requests.post(receiver.url, timeout=5).status_code == 500
        limited = requests.post(receiver.url, timeout=5)
        assert (limited.status_code, limited.headers["Retry-After"]) == (429, "3")
        assert limited.json() == {"retry_after": 3}
        with pytest.raises(requests.ConnectionError):
            requests.post(receiver.url, timeout=5)
        last = requests.post(receiver.url, timeout=5)
        assert (last.status_code, last.text) == (200, "ok")
        assert len(receiver.messages) == 4


def test_waiting_for_messages_ends_when_they_are_there() -> None:
    """Or says that they did not come."""
    with WebhookReceiver() as receiver:
        assert not receiver.wait_for(1, timeout=0.01)
        sender = threading.Thread(target=requests.post, args=(receiver.url,), kwargs={"timeout": 5})
        sender.start()
        assert receiver.wait_for(1, timeout=5)
        sender.join()
