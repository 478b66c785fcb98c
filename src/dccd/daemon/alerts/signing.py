"""Sign messages by Standard Webhooks, so that a receiver knows who sent them."""

import base64
import hashlib
import hmac


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header ``webhook-signature``; the secret is ``whsec_`` and the base64 of the key.

    Examples
    --------
    >>> signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1", 1_700_000_000, b"{}")
    'v1,x5lVgj0b/JJJaUYaa1+6I5J/EECcryrPlFN4VrkmI94='
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"
