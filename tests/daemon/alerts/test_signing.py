"""Signatures, held against the reference implementation of Standard Webhooks."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from dccd.daemon.alerts.signing import signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def headers(body: bytes, *, secret: str = SECRET, name: str = "msg_1", at: int | None = None) -> dict[str, str]:
    """Return the headers that a message is sent with."""
    at = int(time.time()) if at is None else at
    return {
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret, name, at, body),
    }


def test_the_reference_takes_what_we_sign() -> None:
    """And gives back what was meant."""
    body = json.dumps({"type": "job.failing", "text": "näch\nste"}).encode()
    taken: Any = Webhook(SECRET).verify(body, headers(body))
    assert taken == {"type": "job.failing", "text": "näch\nste"}


@given(
    key=st.binary(min_size=24, max_size=64),
    name=st.text("abcdef0123456789_", min_size=1),
    at=st.integers(0, 4_000_000_000),
    body=st.text().map(lambda text: json.dumps({"text": text}).encode()),
)
def test_the_signature_is_that_of_the_reference(key: bytes, name: str, at: int, body: bytes) -> None:
    """For whatever is sent whenever."""
    secret = "whsec_" + base64.b64encode(key).decode()
    theirs = Webhook(secret).sign(name, datetime.fromtimestamp(at, UTC), body.decode())
    assert signature(secret, name, at, body) == theirs


def test_a_secret_may_come_without_its_prefix() -> None:
    """The reference takes it so, too."""
    body = b"{}"
    assert signature(SECRET.removeprefix("whsec_"), "m", 1, body) == signature(SECRET, "m", 1, body)


@pytest.mark.parametrize("changed", ["body", "id", "time", "secret"])
def test_the_reference_refuses_what_was_changed(changed: str) -> None:
    """So that nobody in between can say anything else."""
    body, now = b'{"a": 1}', int(time.time())
    sent = headers(body, at=now)
    other = "whsec_" + base64.b64encode(b"x" * 24).decode()
    match changed:
        case "body":
            body = b'{"a": 2}'
        case "id":
            sent["webhook-id"] = "msg_2"
        case "time":
            sent["webhook-timestamp"] = str(now + 1)
        case _:
            pass
    with pytest.raises(WebhookVerificationError):
        Webhook(other if changed == "secret" else SECRET).verify(body, sent)
