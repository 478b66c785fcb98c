"""One request to a receiver, and retries of it."""

import gzip
import re
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

import pytest
import requests
from tests.http.raw_server import over_tls, self_signed, serving, silent

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.alerts.delivery import ATTEMPT_SECONDS, BUDGET_SECONDS
from dccd.daemon.alerts.sending import MAX_ANSWER_BYTES, NotSentError, post
from dccd.http import BoundedSession, Deadline, retry
from dccd.testing import Answer, ManualClock, WebhookReceiver

BODY = b'{"text": "hello"}'
GZIP = {"Content-Encoding": "gzip"}
HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1"}


class Sender:
    """Posts a body as a delivery does, within the same bounds."""

    def __init__(self, session: requests.Session, clock: Clock = SYSTEM_CLOCK) -> None:
        self.session = session
        self.clock = clock
        self.deadline = Deadline(clock)

    def post(self, url: str, body: bytes, headers: dict[str, str], service: str = "generic") -> None:
        """Post with retries."""
        budget = self.deadline.within(BUDGET_SECONDS)

        def attempt() -> None:
            deadline = budget.within(ATTEMPT_SECONDS)
            post(self.session, url, body, headers, service, deadline, self.clock.time())

        retry(attempt, budget)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that does not wait."""
    return ManualClock()


@pytest.fixture
def sender(clock: ManualClock) -> Iterator[Sender]:
    """Return a sender with a session of its own."""
    with BoundedSession(ATTEMPT_SECONDS, MAX_ANSWER_BYTES) as session:
        yield Sender(session, clock)


def refusal(sender: Sender, url: str, service: str = "generic") -> NotSentError:
    """Return the error that a post ends in."""
    with pytest.raises(NotSentError) as caught:
        sender.post(url, BODY, HEADERS, service)
    return caught.value


def test_a_body_arrives_as_it_was_given(receiver: WebhookReceiver, sender: Sender) -> None:
    """To the byte, as signatures need it, with its headers."""
    sender.post(receiver.url, BODY, HEADERS)
    (message,) = receiver.messages
    assert (message.body, message.headers["webhook-id"]) == (BODY, "msg_1")
    assert message.headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_one(receiver: WebhookReceiver, sender: Sender, clock: ManualClock, status: int) -> None:
    """Services differ in how they say yes."""
    receiver.answer(Answer(status, body=b"" if status == 204 else b"ok"))
    sender.post(receiver.url, BODY, HEADERS)
    assert (len(receiver.messages), clock.waits) == (1, ())


def test_what_may_pass_is_tried_again_with_growing_random_waits(
    receiver: WebhookReceiver, sender: Sender, clock: ManualClock
) -> None:
    """The same bytes under the same identifier."""
    receiver.answer(500, 500, 200)
    sender.post(receiver.url, BODY, HEADERS)
    assert [(message.body, message.headers["webhook-id"]) for message in receiver.messages] == [(BODY, "msg_1")] * 3
    first, second = clock.waits
    assert 0 <= first <= 1
    assert 0 <= second <= 2


@pytest.mark.parametrize("status", [404, 408, 425, 429, 500, 502, 503, 504, 599])
def test_these_are_tried_again(receiver: WebhookReceiver, sender: Sender, status: int) -> None:
    """They say: later."""
    receiver.answer(status)
    sender.post(receiver.url, BODY, HEADERS)
    assert len(receiver.messages) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 405, 410, 413, 422])
def test_these_are_not_tried_again(receiver: WebhookReceiver, sender: Sender, status: int) -> None:
    """They say: never."""
    receiver.answer(status)
    error = refusal(sender, receiver.url)
    assert not error.retryable
    assert f"HTTP {status}" in str(error)
    assert len(receiver.messages) == 1
    assert error.gone == (status == 410)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: WebhookReceiver, sender: Sender, status: int) -> None:
    """It may lead anywhere, and a body sent elsewhere is a leak."""
    with WebhookReceiver() as elsewhere:
        receiver.answer(Answer(status, headers={"Location": elsewhere.url}))
        assert not refusal(sender, receiver.url).retryable
        assert (len(receiver.messages), elsewhere.messages) == (1, ())


@pytest.mark.parametrize("value", ["7", "7.0", formatdate(1_700_000_007, usegmt=True)])
def test_the_server_says_how_long_to_wait(
    receiver: WebhookReceiver, sender: Sender, clock: ManualClock, value: str
) -> None:
    """In seconds or as a date."""
    receiver.answer(Answer(429, headers={"Retry-After": value}))
    sender.post(receiver.url, BODY, HEADERS)
    assert clock.waits == (7.0,)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "1e999", "Thu, 99 Foo 2023 99:99:99 GMT"])
def test_a_wait_that_makes_no_sense_is_ours_to_choose(
    receiver: WebhookReceiver, sender: Sender, clock: ManualClock, value: str
) -> None:
    """And no error."""
    receiver.answer(Answer(503, headers={"Retry-After": value}))
    sender.post(receiver.url, BODY, HEADERS)
    (wait,) = clock.waits
    assert 0 <= wait <= 1


def test_a_connection_that_breaks_is_tried_again(receiver: WebhookReceiver, sender: Sender) -> None:
    """A lost answer may mean a lost message; the receiver knows the second one by its identifier."""
    receiver.answer(Answer(reset=True), Answer(reset=True))
    sender.post(receiver.url, BODY, HEADERS)
    assert len(receiver.messages) == 3


def test_a_server_that_is_not_there_is_tried_again(sender: Sender, clock: ManualClock) -> None:
    """It may be restarting."""
    with WebhookReceiver() as gone:
        url = gone.url
    error = refusal(sender, url)
    assert (error.retryable, str(error)) == (True, "ConnectionError: Connection refused")
    assert len(clock.waits) == 4


def test_five_tries_are_enough(receiver: WebhookReceiver, sender: Sender, clock: ManualClock) -> None:
    """The error is that of the last one."""
    receiver.answer(500, 500, 500, 500, 502, 200)
    error = refusal(sender, receiver.url)
    assert (error.retryable, str(error)) == (True, "HTTP 502 Bad Gateway")
    assert len(receiver.messages) == 5
    assert len(clock.waits) == 4


def test_a_minute_is_enough(receiver: WebhookReceiver, sender: Sender, clock: ManualClock) -> None:
    """A server that asks for more is asked again later, by another round."""
    receiver.answer(*[Answer(429, headers={"Retry-After": "25"})] * 5)
    assert refusal(sender, receiver.url).retryable
    assert clock.waits == (25.0, 25.0)
    receiver.clear()
    receiver.answer(Answer(429, headers={"Retry-After": "3600"}))
    refusal(sender, receiver.url)
    assert (len(clock.waits), len(receiver.messages)) == (2, 1)


@pytest.mark.parametrize("answer", [Answer(delay=3600), Answer(body=b"x" * 100, drip=0.05)], ids=["silent", "dripping"])
def test_a_server_that_hangs_is_left_in_time(receiver: WebhookReceiver, answer: Answer) -> None:
    """One that is silent, and one that answers a byte at a time."""
    receiver.answer(*[answer] * 5)
    with BoundedSession(ATTEMPT_SECONDS, MAX_ANSWER_BYTES) as session:
        sender = Sender(session)
        began = time.monotonic()
        with sender.deadline.brought_forward(began + 0.3), suppress(NotSentError):
            sender.post(receiver.url, BODY, HEADERS, "slack")
        assert time.monotonic() - began < 2


def test_a_wait_ends_where_somebody_waits_for_the_end(receiver: WebhookReceiver) -> None:
    """Though the server asked for 50 seconds."""
    receiver.answer(Answer(503, headers={"Retry-After": "50"}))
    ended: list[NotSentError] = []
    with BoundedSession(ATTEMPT_SECONDS, MAX_ANSWER_BYTES) as session:
        sender = Sender(session)

        def send() -> None:
            try:
                sender.post(receiver.url, BODY, HEADERS)
            except NotSentError as error:
                ended.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        assert receiver.wait_for(1)
        with sender.deadline.brought_forward(time.monotonic() + 0.2):
            thread.join(5)
        assert not thread.is_alive()
    assert ended[0].retryable


TAKEN = {
    "slack": [Answer(body="ok"), Answer(body={"ok": True}), Answer(body=gzip.compress(b"ok"), headers=GZIP)],
    "discord": [Answer(body={"id": "1", "type": 0}), Answer(204, body=b"")],
    "teams": [Answer(body="1"), Answer(202, body=b""), Answer(body=b"")],
    "mattermost": [Answer(body="ok"), Answer(body=gzip.compress(b"ok"), headers=GZIP)],
    "generic": [Answer(body="thanks"), Answer(201, body={"ok": False}), Answer(204, body=b"")],
}
REFUSED = [
    ("slack", Answer(body="no_service"), False, "HTTP 200, but not Slack's ok"),
    ("slack", Answer(body={"ok": False, "error": "x"}), False, "HTTP 200, but not Slack's ok"),
    ("slack", Answer(403, body="invalid_token"), False, "HTTP 403 Forbidden"),
    ("teams", Answer(body="Webhook message delivery failed with error: HTTP error 413"), False, "HTTP 413"),
    ("teams", Answer(body="Microsoft Teams endpoint returned HTTP error 429 with ..."), True, "HTTP 429"),
    ("teams", Answer(body=gzip.compress(b"returned HTTP error 400"), headers=GZIP), False, "HTTP 400"),
    ("discord", Answer(404, body={"message": "Unknown Webhook", "code": 10015}), False, "HTTP 404 Not Found"),
    ("discord", Answer(404, body="404 page not found"), True, "HTTP 404 Not Found"),
    ("generic", Answer(404, body="[" * 10_000), True, "HTTP 404 Not Found"),
]


@pytest.mark.parametrize(("service", "answer"), [(name, each) for name, answers in TAKEN.items() for each in answers])
def test_each_service_says_yes_in_its_own_way(
    receiver: WebhookReceiver, sender: Sender, clock: ManualClock, service: str, answer: Answer
) -> None:
    """Slack compresses its "ok" where it is asked to, and some proxies where nobody asked."""
    receiver.answer(answer)
    sender.post(receiver.url, BODY, HEADERS, service)
    assert (len(receiver.messages), clock.waits) == (1, ())
    assert receiver.messages[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(("service", "answer", "retryable", "said"), REFUSED)
def test_each_service_says_no_in_its_own_way(  # noqa: PLR0917 - a row of the table
    receiver: WebhookReceiver, sender: Sender, service: str, answer: Answer, retryable: bool, said: str
) -> None:
    """Teams in a 200; Discord tells a webhook that is gone from a page that is not found."""
    receiver.answer(*[answer] * 5)
    error = refusal(sender, receiver.url, service)
    assert (error.retryable, len(receiver.messages)) == ((True, 5) if retryable else (False, 1))
    assert str(error).startswith(said)
    assert error.gone == ("10015" in str(answer.body))


@pytest.mark.parametrize("own", [True, False], ids=["our session", "a session of the caller's"])
@pytest.mark.parametrize("size", [100_000, 10_000_000])
def test_a_success_with_a_long_body_is_one(
    receiver: WebhookReceiver, clock: ManualClock, size: int, *, own: bool
) -> None:
    """What it says beyond 64 KB is not read."""
    receiver.answer(Answer(body=b"x" * size))
    with BoundedSession(ATTEMPT_SECONDS, MAX_ANSWER_BYTES) if own else requests.Session() as session:
        Sender(session, clock).post(receiver.url, BODY, HEADERS)
    assert clock.waits == ()


def test_a_certificate_of_a_private_authority_is_refused_with_a_hint(sender: Sender, tmp_path: Path) -> None:
    """The hint names the variable that requests reads."""
    with serving(over_tls(self_signed(tmp_path), silent)) as server:
        error = refusal(sender, f"https://127.0.0.1:{server.port}/")
    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert not error.retryable


def test_a_socks_proxy_without_its_package_names_the_extra(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests says only that a scheme is not valid."""
    monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", missing_socks)
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:9")
    assert "'.[socks]'" in str(refusal(sender, "http://receiver.test/hook"))


def missing_socks(*_args: object, **_options: object) -> None:
    """Fail as requests does without PySocks."""
    msg = "Missing dependencies for SOCKS support."
    raise requests.exceptions.InvalidSchema(msg)


@pytest.mark.parametrize("answer", [Answer(500), Answer(404), Answer(302), Answer(reset=True), None])
def test_no_error_tells_the_address(receiver: WebhookReceiver, sender: Sender, answer: Answer | None) -> None:
    """Neither its text nor its traceback."""
    url = receiver.url
    if answer is None:
        receiver.close()
    else:
        receiver.answer(*[answer] * 5)
    error = refusal(sender, url)
    told = f"{error} {error!r} {error.args} " + "".join(traceback.format_exception(error))
    assert "s3cret" not in told
    assert error.__cause__ is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999/s3cret", "http:///s3cret", "nothing://x/s3cret"])
def test_an_address_that_is_none_is_refused_at_once(sender: Sender, clock: ManualClock, url: str) -> None:
    """And not told either."""
    error = refusal(sender, url)
    assert (error.retryable, clock.waits) == (False, ())
    assert not re.search("s3cret", "".join(traceback.format_exception(error)))
