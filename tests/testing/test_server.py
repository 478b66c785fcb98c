"""The server that the other servers are based on."""

import socket
import threading
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import pytest
import requests

from dccd._compat import override
from dccd.testing import Answer, WebhookReceiver
from dccd.testing.server import LoopbackServer


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


class Echo(LoopbackServer):
    """Answers with what it was asked."""

    @override
    def respond(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return Answer(body={"method": method, "target": target, "kind": headers["x-kind"], "body": body.decode()})


def test_a_server_of_ones_own_sees_the_whole_request() -> None:
    """Method, path with query, headers in lower case, body; starting twice is one start."""
    with Echo() as server:
        url = server.url
        server.start()
        assert server.url == url
        answer = requests.put(f"{url}/path?x=1", data=b"text", headers={"X-Kind": "a"}, timeout=5)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"method": "PUT", "target": "/path?x=1", "kind": "a", "body": "text"}
