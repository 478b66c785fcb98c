"""One request to a receiver of alerts, and what its answer means."""

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import requests

from dccd._compat import override
from dccd.http import (
    CONNECT_SECONDS,
    READ_SECONDS,
    AttemptError,
    BoundedSession,
    Deadline,
    TooLongError,
    parse_retry_after,
)
from dccd.redact import redact

MAX_ANSWER_BYTES: Final = 64 * 1024
CUT: Final = "no whole answer in time"
_RETRYABLE: Final = frozenset({404, 408, 425, 429})  # 404: a proxy says so too while the receiver restarts
_BODY_COUNTS: Final = frozenset({"slack", "teams"})
_GONE: Final = 410
_UNKNOWN_WEBHOOK: Final = 10015  # of Discord, which bans who goes on
_TEAMS_REFUSAL: Final = re.compile(r"HTTP error (\d{3})")
_HEADERS: Final = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "dccd"}


class NotSentError(AttemptError):
    """A message did not reach its destination, which no longer exists if it is `gone`; the text has no URL."""

    def __init__(self, reason: str, *, retryable: bool, wait: float | None = None, gone: bool = False) -> None:
        super().__init__(reason, retryable=retryable, wait=wait)
        self.gone = gone


class _HidePaths(logging.Filter):
    """Hides the path of each request, which urllib3 logs at DEBUG and which is the secret."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True


_hide_paths: Final = _HidePaths()
logging.getLogger("urllib3.connectionpool").addFilter(_hide_paths)


def post(  # noqa: PLR0913, PLR0917 - all of them differ
    session: requests.Session,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    service: str,
    deadline: Deadline,
    now: float,
) -> None:
    """Post a body once; raise `NotSentError` unless the receiver takes it. A `service` may refuse with HTTP 200."""
    status, asked, answer = _request(session, "post", url, deadline, service, data=body, headers=headers)
    text = answer.decode("utf-8", "replace").strip()
    where = ""
    if 200 <= status < 300:  # noqa: PLR2004
        if service == "slack" and text != "ok" and _field(text, "ok") is not True:
            reason = f"HTTP {status}, but not Slack's ok"
            raise NotSentError(reason, retryable=False)
        refusal = _TEAMS_REFUSAL.search(text) if service == "teams" else None
        if refusal is None:
            return
        status, where = int(refusal[1]), f" in an HTTP {status}"
    gone = status == _GONE or (service == "discord" and _field(text, "code") == _UNKNOWN_WEBHOOK)
    retryable = not gone and (status in _RETRYABLE or status >= 500)  # noqa: PLR2004
    wait = parse_retry_after(asked, now) if retryable else None
    reason = f"{_status(status)}{where}"
    raise NotSentError(reason, retryable=retryable, wait=wait, gone=gone)


def ping(session: requests.Session, url: str, deadline: Deadline) -> None:
    """Get a URL once; raise `NotSentError` unless it answers with success."""
    status, *_ = _request(session, "get", url, deadline, "", headers={})
    if not 200 <= status < 300:  # noqa: PLR2004
        raise NotSentError(_status(status), retryable=True)


def _request(  # noqa: PLR0913 - as above
    session: requests.Session,
    method: str,
    url: str,
    deadline: Deadline,
    service: str,
    *,
    headers: Mapping[str, str],
    **options: Any,  # noqa: ANN401 - of requests
) -> tuple[int, str | None, bytes]:
    """Return status, ``Retry-After`` and the beginning of the body of an answer, or raise `NotSentError`."""
    seconds = max(0.0, deadline.left())
    timeout: Any = (min(CONNECT_SECONDS, seconds), min(READ_SECONDS, seconds))
    if isinstance(session, BoundedSession):
        timeout = deadline
    try:
        with getattr(session, method)(
            url, timeout=timeout, headers={**_HEADERS, **headers}, allow_redirects=False, stream=True, **options
        ) as response:
            # A session of the caller's own has no bound on what it reads.
            read = (
                response.content
                if isinstance(session, BoundedSession)
                else next(response.iter_content(MAX_ANSWER_BYTES), b"")
            )
            return response.status_code, response.headers.get("Retry-After"), read
    except requests.RequestException as error:
        cut = error.response
        if cut is not None and isinstance(error, TooLongError):  # what it begins with says enough
            return cut.status_code, cut.headers.get("Retry-After"), cut.content
        # A success in the status line is certain, also where the rest of the answer did not come.
        if cut is not None and 200 <= cut.status_code < 300 and service not in _BODY_COUNTS:  # noqa: PLR2004
            return cut.status_code, None, b""
        raise _classify(error) from None  # its text holds the URL
    except Exception as error:  # noqa: BLE001 - of urllib3 or the system, and it may hold the URL too
        raise NotSentError(_words(error), retryable=True) from None
    finally:
        if isinstance(session, BoundedSession):  # until the next message a kept connection would go stale unseen
            session.close()


def _classify(error: requests.RequestException) -> NotSentError:
    if isinstance(error, requests.exceptions.SSLError):  # a ConnectionError, but a lasting one
        reason = "its TLS certificate is not trusted: for a CA of your own, set REQUESTS_CA_BUNDLE to its file"
        return NotSentError(reason, retryable=False)
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
        reason = "a SOCKS proxy needs the extra socks, which is not installed: pip install '.[socks]' in the checkout"
        return NotSentError(reason, retryable=False)
    if isinstance(error, requests.Timeout) and not error.__cause__:
        return NotSentError(CUT, retryable=True)
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return NotSentError(_words(error), retryable=isinstance(error, passing))


def _words(error: Exception) -> str:
    """Return the type of an error, and the message of the system, which has no URL, if there is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, requests.RequestException):
            return f"{type(error).__name__}: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _field(text: str, name: str) -> object:
    """Return a field of an answer in JSON, None if it has none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found.get(name) if isinstance(found, dict) else None


def _status(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"
