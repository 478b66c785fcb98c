"""Send one message by Apprise, which knows many services."""

import logging
import threading

from dccd._compat import override
from dccd.daemon.alerts.sending import CUT, NotSentError
from dccd.forks import no_fork

_here = threading.local()


class _Quiet(logging.Filter):
    """Drops the logs of Apprise and urllib3 in our threads: addresses appear there in forms that `redact` may miss."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(_here, "is_quiet", False)


_quiet = _Quiet()
for _name in ("apprise", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_quiet)


def notify(url: str, title: str, content: str, seconds: float) -> None:
    """Send a message to a service within some seconds, or raise `NotSentError`.

    Apprise cannot be stopped, so the message may still arrive after that.
    """
    ended: list[NotSentError | None] = []

    def work() -> None:
        _here.is_quiet = True
        try:
            ended.append(_deliver(url, title, content))
        finally:
            _here.is_quiet = False

    thread = threading.Thread(target=work, name="dccd-apprise", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread can start while the interpreter ends
        work()
    else:
        thread.join(seconds)
    if not ended:
        raise NotSentError(CUT, retryable=False)  # a retry at once might send it twice
    if ended[0] is not None:
        raise ended[0]


def _deliver(url: str, title: str, content: str) -> NotSentError | None:
    try:
        with no_fork:
            from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - an extra
    except ImportError:
        return NotSentError(
            "the extra apprise is not installed: pip install '.[apprise]' in the checkout", retryable=False
        )
    # In this thread: those of Apprise would delay the end of the interpreter, and log what the filter drops here.
    asset = AppriseAsset(async_mode=False)
    if hasattr(asset, "_service_timeout"):  # Apprise 2 bounds a service by a thread
        asset = AppriseAsset(async_mode=False, service_timeout=0)
    service = Apprise(asset=asset)
    try:
        taken = service.add(url) and service.notify(body=content, title=title, body_format="text")
    except Exception as error:  # noqa: BLE001 - of any plugin, and its text may hold the address
        return NotSentError(type(error).__name__, retryable=True)
    if taken:
        return None
    if len(service):
        return NotSentError("Apprise could not deliver it", retryable=True)
    return NotSentError("Apprise does not know such an address", retryable=False)
