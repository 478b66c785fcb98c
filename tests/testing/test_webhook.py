"""A receiver of webhooks on loopback."""

import socket
import threading
import time
from urllib.parse import urlsplit

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


def test_a_request_that_breaks_off_is_no_message() -> None:
    """Its sender was killed in the middle of it; the next one gets the answer."""
    with WebhookReceiver() as receiver:
        receiver.answer(503)
        address = urlsplit(receiver.url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as sender:
            sender.sendall(f"POST {address.path} HTTP/1.1\r\nContent-Length: 9\r\n\r\n{{".encode())
            sender.shutdown(socket.SHUT_WR)
            assert sender.recv(1) == b""
        assert requests.post(receiver.url, json={"n": 1}, timeout=5).status_code == 503
        assert [message.json for message in receiver.messages] == [{"n": 1}]


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


def test_closing_is_quick_though_answers_hang_and_connections_are_open() -> None:
    """A suite closes hundreds."""
    failed = threading.Event()

    def post(url: str) -> None:
        with pytest.raises(requests.ConnectionError):
            requests.post(url, timeout=30)
        failed.set()

    receiver = WebhookReceiver()
    receiver.start()
    receiver.answer(200, Answer(delay=3600), Answer(drip=3600))
    with requests.Session() as session:
        session.post(receiver.url, timeout=5)
        hanging = threading.Thread(target=post, args=(receiver.url,))
        hanging.start()
        assert receiver.wait_for(2, 5)
        began = time.monotonic()
        receiver.close()
        assert time.monotonic() - began < 0.5
        assert failed.wait(5)
        hanging.join()
    receiver.close()


def test_an_address_is_there_only_while_it_serves() -> None:
    """The error says what to do."""
    with pytest.raises(RuntimeError, match="use it in a with statement"):
        _ = WebhookReceiver().url
