"""Hide secrets in text.

The address of a webhook is a secret: whoever knows it can post. A part that holds a secret registers it here, and every
text that leaves the process in a log or an error message passes `redact`.
"""

import re
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import quote, unquote, urlsplit

MASK: Final = "***"

# After the scheme: the host of a service where the path alone lets anyone post, or else what may be user and password.
# A password may hold "@" and "/": then the last "@" ends it. "host:80/" before an "@" is a host with its port. No part
# of a pattern may run over what another start of it reads again: a text of others decides how long this takes.
_ADDRESS: Final = re.compile(
    r"://(?:((?i:hooks\.slack(?:-gov)?\.com/|(?:\w{1,63}\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/"
    r"|[\w.-]{1,253}\.(?:webhook\.office\.com/|logic\.azure\.com[:/]|api\.powerplatform\.com[:/])))[^\s\"'<>\\)]+"
    r"|(?:[^\s/?#@]*+|[^\s/?#@:\[]*+:(?!\d*+[/?#])[^\s@:]*+(?::(?!//)[^\s@:]*+)*+)@"
    r"(?:[^\s\"'<>?#@:]*+(?::(?!//)[^\s\"'<>?#@:]*+)*+@)*+)"
)
_NAMES: Final = (
    r"(?:[\w.-]{0,40}[_.-])?(?:api|app|access|auth|client|private|refresh|secret|session)?"
    r"(?:key|token|secret|signature|sig|sign|password|passwd|passphrase|credential)"
)
_QUERY: Final = re.compile(rf"(?i)([?&;](?=\w){_NAMES}=)([^\s&\"'<>\\)]+)")
_HEADER: Final = re.compile(
    r"(?i)(\bauthorization[\"']?\s{0,9}[:=]\s{0,9}(?:b?[\"'])?(?:(?:bearer|basic|token|apikey)\s{1,9})?)[^\s\"',]+"
    r"|(\bbearer\s{1,9})[\w.~+/-]{16,}=*"
)
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
        parts = urlsplit(_ADDRESS.sub(_mask_address, url))
        host = parts.hostname or ""
    except ValueError:
        return MASK
    if not parts.scheme or not host:
        return MASK
    return f"{parts.scheme}://{host}/{MASK}" if parts.scheme in {"http", "https"} else f"{parts.scheme}://{MASK}"


def redact(text: str) -> str:
    """Return a text with registered secrets masked, and what looks like one in an address, a query or a header.

    Examples
    --------
    >>> redact("POST https://hooks.slack.com/services/T0/B0/secret failed")
    'POST https://hooks.slack.com/*** failed'
    >>> redact("GET https://me:pa/ss@example.com/x?symbol=BTC&apikey=secret")
    'GET https://***@example.com/x?symbol=BTC&apikey=***'
    """
    pattern = _pattern
    if pattern is not None:
        text = pattern.sub(MASK, text)
    if "://" in text:
        text = _ADDRESS.sub(_mask_address, text)
    if "=" in text:
        text = _QUERY.sub(rf"\1{MASK}", text)
    lower = text.lower()
    if "authorization" in lower or "bearer" in lower:
        text = _HEADER.sub(rf"\1\2{MASK}", text)
    return text


def _mask_address(found: re.Match[str]) -> str:
    return f"://{found[1]}{MASK}" if found[1] else f"://{MASK}@"


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
    forms = {secret, *(found[2] for found in _QUERY.finditer(secret))}
    with suppress(ValueError):  # of an address that is none
        parts = urlsplit(secret)
        if "://" in secret:
            tail = f"{parts.path}?{parts.query}" if parts.query else parts.path
            forms |= {tail, tail.rstrip("/"), parts.path.rstrip("/"), parts.query}
    if (found := _ADDRESS.search(secret)) and not found[1]:
        user = found[0].removeprefix("://").removesuffix("@")
        name, _, password = user.partition(":")
        forms |= {user, password or name}
    forms |= {unquote(form) for form in forms}
    forms |= {quote(form, safe=_UNESCAPED) for form in forms}
    return {form for form in forms if len(form) >= _MIN_LENGTH}


def _change(count: Callable[[list[str]], None], forms: list[str]) -> None:
    global _pattern  # noqa: PLW0603 - one registry per process, like the root logger it serves
    with _lock:
        count(forms)
        live = sorted((form for form, count in list(_secrets.items()) if count > 0), key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, live)), re.IGNORECASE) if live else None
