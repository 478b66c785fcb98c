"""Hide secrets in text.

The address of a webhook is a secret: who has it can post. Parts that hold one register it here, and every text that
leaves the process through a log or an error message passes `redact`.
"""

import re
import threading
from collections import Counter
from typing import Final
from urllib.parse import quote, unquote, urlsplit

__all__ = ["MASK", "hide_secrets", "mask_url", "redact"]

MASK: Final = "***"

# Addresses of services whose path alone lets anyone post, known or not to this process.
_KNOWN_WEBHOOKS: Final = re.compile(
    r"(?i)(https?://(?:hooks\.slack(?:-gov)?\.com/|(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
    r"|[\w.-]+\.webhook\.office\.com/|[\w.-]+\.logic\.azure\.com[:/]|[\w.-]+\.api\.powerplatform\.com[:/]))[^\s\"'<>\\)]+"
)
# user:password@ in an address.
_USERINFO: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@")
_SHORTEST: Final = 6
_AS_SENT: Final = "!#$%&'()*+,/:;=?@[]~"  # what HTTP libraries leave as it is in an address, all else is escaped

_lock: Final = threading.RLock()  # reentrant: a signal handler may close a monitor within a change
_secrets: Final[Counter[str]] = Counter()
_pattern: re.Pattern[str] | None = None


def mask_url(url: str) -> str:
    """Return the scheme and the host of an address, the rest hidden.

    Examples
    --------
    >>> mask_url("https://hooks.slack.com/services/T0/B0/secret")
    'https://hooks.slack.com/***'
    >>> mask_url("tgram://110201543:s3cret/5")
    'tgram://***'
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return MASK
    if not parts.scheme or not host:
        return MASK
    return f"{parts.scheme}://{host}/{MASK}" if parts.scheme in {"http", "https"} else f"{parts.scheme}://{MASK}"


def redact(text: str) -> str:
    """Return a text without the secrets it contains.

    Examples
    --------
    >>> redact("POST https://hooks.slack.com/services/T0/B0/secret failed")
    'POST https://hooks.slack.com/*** failed'
    """
    pattern = _pattern
    if pattern is not None:
        text = pattern.sub(MASK, text)
    if "://" in text:
        text = _KNOWN_WEBHOOKS.sub(rf"\1{MASK}", text)
        text = _USERINFO.sub(rf"\1{MASK}@", text)
    return text


class hide_secrets:  # noqa: N801 - a context manager, named as contextlib names its own
    """Hide secrets in all that passes `redact` while the context lasts.

    Secrets registered twice stay hidden until both contexts have ended. A context that is dropped without being left
    hides its secrets for good: nothing is done when it is collected, as that may happen within any line of any thread.

    Examples
    --------
    >>> with hide_secrets("https://example.com/hook/s3cret-token"):
    ...     print(redact("POST /hook/s3cret-token HTTP/1.1"))
    POST *** HTTP/1.1
    """

    def __init__(self, *secrets: str) -> None:
        self._forms = [form for secret in secrets for form in _forms(secret)]

    def __enter__(self) -> None:
        _change(self._forms, add=True)

    def __exit__(self, *_: object) -> None:
        _change(self._forms, add=False)


def _forms(secret: str) -> set[str]:
    forms = {secret}
    if "://" in secret:
        parts = urlsplit(secret)
        tail = f"{parts.path}?{parts.query}" if parts.query else parts.path
        forms |= {tail, tail.rstrip("/"), parts.path.rstrip("/"), parts.query, parts.password or ""}
    forms |= {unquote(form) for form in forms}
    forms |= {quote(form, safe=_AS_SENT) for form in forms}
    return {form for form in forms if len(form) >= _SHORTEST}


def _change(forms: list[str], *, add: bool) -> None:
    global _pattern  # noqa: PLW0603 - one registry per process, like the root logger it serves
    with _lock:
        if add:
            _secrets.update(forms)
        else:
            _secrets.subtract(forms)
        live = sorted((form for form, count in list(_secrets.items()) if count > 0), key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, live)), re.IGNORECASE) if live else None
