"""Hide secrets in text.

The address of a webhook is a secret: whoever knows it can post. A part that holds a secret registers it here, and every
text that leaves the process in a log or an error message passes `redact`.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import Final
from urllib.parse import quote, unquote, urlsplit

MASK: Final = "***"

# Addresses of services where the path alone lets anyone post, whether this process registered them or not.
_KNOWN_WEBHOOKS: Final = re.compile(
    r"(?i)(https?://(?:hooks\.slack(?:-gov)?\.com/|(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
    r"|[\w.-]+\.webhook\.office\.com/|[\w.-]+\.logic\.azure\.com[:/]|[\w.-]+\.api\.powerplatform\.com[:/]))[^\s\"'<>\\)]+"
)
# user:password@ in an address.
_USERINFO: Final = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@")
_MIN_LENGTH: Final = 6
_UNESCAPED: Final = "!#$%&'()*+,/:;=?@[]~"  # HTTP libraries escape everything else in an address

_lock: Final = threading.RLock()  # reentrant: a signal handler may close a monitor while this thread holds it
_secrets: Final[Counter[str]] = Counter()
_pattern: re.Pattern[str] | None = None


def mask_url(url: str) -> str:
    """Return the scheme and host of an address of HTTP, and the scheme of any other, as Apprise has tokens for hosts.

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
    """Return a text with registered secrets, addresses of well-known webhooks and passwords in addresses masked.

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
    """Hide secrets in every text that passes `redact` while the context lasts.

    Path and query of an address are hidden on their own too, as HTTP libraries log them without the host. A secret
    that two contexts registered stays hidden until both have ended. A context that is dropped without being left hides
    its secrets for good: a finalizer could run within any line of any thread.

    Examples
    --------
    >>> with hide_secrets("https://example.com/hook/s3cret-token"):
    ...     print(redact("POST /hook/s3cret-token HTTP/1.1"))
    POST *** HTTP/1.1
    """

    def __init__(self, *secrets: str) -> None:
        self._forms = [form for secret in secrets for form in _forms(secret)]

    def __enter__(self) -> None:
        _change(_secrets.update, self._forms)

    def __exit__(self, *_: object) -> None:
        _change(_secrets.subtract, self._forms)


def _forms(secret: str) -> set[str]:
    forms = {secret}
    if "://" in secret:
        parts = urlsplit(secret)
        tail = f"{parts.path}?{parts.query}" if parts.query else parts.path
        forms |= {tail, tail.rstrip("/"), parts.path.rstrip("/"), parts.query, parts.password or ""}
    forms |= {unquote(form) for form in forms}
    forms |= {quote(form, safe=_UNESCAPED) for form in forms}
    return {form for form in forms if len(form) >= _MIN_LENGTH}


def _change(count: Callable[[list[str]], None], forms: list[str]) -> None:
    global _pattern  # noqa: PLW0603 - one registry per process, like the root logger it serves
    with _lock:
        count(forms)
        live = sorted((form for form, count in list(_secrets.items()) if count > 0), key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, live)), re.IGNORECASE) if live else None
