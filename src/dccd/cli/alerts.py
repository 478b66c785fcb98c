"""Commands about alerts: send a test, silence a job, forget one."""

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from dccd.cli.options import seconds_of
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon import sanitize
from dccd.daemon.alerts import Item, Message, alerts_line, destinations_of
from dccd.daemon.records import Notice
from dccd.daemon.state import (
    Silence,
    change_alert_state,
    close_store,
    open_store,
    read_alert_state,
    read_records,
)
from dccd.errors import DccdError, StorageError
from dccd.printable import printable
from dccd.redact import hide_secrets
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

_MAX_SILENCE_SECONDS: Final = 366 * 86_400
_MAX_REASON_LENGTH: Final = 200

T = TypeVar("T")


def send_tests(config: "CollectorConfig", say: Callable[[str], None]) -> bool:
    """Send a test notice to every destination, report each answer, and return whether all were delivered.

    A destination that was marked as gone is used again once a test reaches it.
    """
    from dccd.daemon.alerts import Delivery, NotSentError  # noqa: PLC0415 - loads requests

    alerts, now = config.alerts, SYSTEM_CLOCK.time()
    notice = Notice("test", 1, "firing", now, "test", now)
    message = Message(f"msg_{os.urandom(16).hex()}", (Item("TEST/ALERT", (notice,)),))
    found, failed = destinations_of(alerts), 0
    names, source = [destination.id for destination in found], alerts.source or socket.gethostname()
    delivery = Delivery(names, source, alerts.webhook_secret, SYSTEM_CLOCK, None)
    if not found:
        say(alerts_line(alerts))
        return False
    with hide_secrets(*alerts.secrets):
        for destination in found:
            try:
                delivery.send(destination, message)
            except NotSentError as error:
                failed += 1
                say(f"{destination.service} ({destination.masked}): not delivered: {error}")
            else:
                say(f"{destination.service} ({destination.masked}): delivered")
                _use_again(config.storage.local_path, destination.id, now)
    delivery.close()
    return not failed


def _use_again(local_path: Path, destination: str, now: float) -> None:
    if destination in read_alert_state(local_path).gone:
        change_alert_state(local_path, lambda state: replace(state, gone=_without(state.gone, destination)), now)


def _without(items: Mapping[str, T], name: str) -> dict[str, T]:
    return {each: item for each, item in items.items() if each != name}


def set_silence(local_path: Path, key: str, duration: str, reason: str) -> str:
    """Silence a job from now on and return a line that says for how long."""
    seconds = seconds_of("--for", duration)
    if not 0 < seconds <= _MAX_SILENCE_SECONDS:
        msg = "--for: should be more than 0 s and at most a year (30m, 2h, 1d)"
        raise DccdError(msg)
    now = SYSTEM_CLOCK.time()
    silence = Silence(now + seconds, sanitize.one_line(reason, _MAX_REASON_LENGTH), now)
    new = {_recorded(local_path, key): silence}
    change_alert_state(local_path, lambda state: replace(state, silences={**state.silences, **new}), now)
    return f"{key} is silenced for {format_duration(seconds)}; its failures are still counted"


def end_silence(local_path: Path, key: str) -> str:
    """End the silence of a job; that there is none is an error."""
    now = SYSTEM_CLOCK.time()
    if key not in read_alert_state(local_path).silent(now):
        msg = f"{key} is not silenced; dccd silences lists the jobs that are"
        raise DccdError(msg)
    change_alert_state(local_path, lambda state: replace(state, silences=_without(state.silences, key)), now)
    return f"the silence of {key} is over"


def list_silences(local_path: Path) -> str:
    """Return the silences in effect, a line each."""
    now = SYSTEM_CLOCK.time()
    silences = read_alert_state(local_path).silent(now)
    lines = [
        printable(f"{key}  for another {format_duration(item.until - now)}{f'  {item.reason}' if item.reason else ''}")
        for key, item in sorted(silences.items())
    ]
    return "\n".join(lines) or "no job is silenced"


def drop_record(local_path: Path, key: str) -> str:
    """Delete the record of a job; a record that the disk keeps is an error."""
    recorded = _recorded(local_path, key)
    store = open_store(local_path)
    store.update({recorded: lambda _: None})
    close_store(store)
    if store.fault is not None:  # a change kept in memory is lost with this process
        msg = f"{key} was not forgotten: {store.fault}"
        raise StorageError(msg)
    return f"{key} is forgotten; its candles stay"


def _recorded(local_path: Path, key: str) -> str:
    """Return a key as the records have it, which an older version may have written as its caller did."""
    records = read_records(local_path)
    if key in records:
        return key
    for recorded in records:
        if sanitize.clean_key(recorded) == key:
            return recorded
    known = ", ".join(sorted(records)[:5]) or "none"
    msg = f"{local_path} has no record of {key!r}; it has: {known}"
    raise DccdError(msg)
