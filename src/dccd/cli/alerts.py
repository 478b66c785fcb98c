"""Commands about alerts: try them, silence a job, forget one."""

import socket
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd.cli.options import seconds_of
from dccd.clock import SYSTEM_CLOCK
from dccd.daemon.alerts import Item, Message, alerts_line, destinations_of
from dccd.daemon.records import Notice
from dccd.daemon.state import (
    AlertState,
    Silence,
    change_alert_state,
    close_store,
    open_store,
    read_alert_state,
    read_records,
)
from dccd.errors import DccdError, StorageError
from dccd.redact import hide_secrets
from dccd.units import format_duration

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig

_MAX_SILENCE_SECONDS: Final = 366 * 86_400


def send_tests(config: "CollectorConfig", say: Callable[[str], None]) -> bool:
    """Send a test notice to every destination, and say what each answered; return whether all took it.

    One that was gone and takes it is there again.
    """
    from dccd.daemon.alerts import Courier, NotSentError  # noqa: PLC0415 - loads requests

    alerts, now = config.alerts, SYSTEM_CLOCK.time()
    notice = Notice("test", 1, "firing", now, "test", now)
    message = Message(f"msg_{uuid.uuid4().hex}", (Item("TEST/ALERT", (notice,)),))
    courier = Courier(alerts.source or socket.gethostname(), alerts.webhook_secret, SYSTEM_CLOCK, None)
    found, failed = destinations_of(alerts), 0
    if not found:
        say(alerts_line(alerts))
        return False
    with hide_secrets(*alerts.secrets):
        for destination in found:
            try:
                courier.send(destination, message)
            except NotSentError as error:
                failed += 1
                say(f"{destination.service} ({destination.masked}): not delivered: {error}")
            else:
                say(f"{destination.service} ({destination.masked}): delivered")
                _welcome_back(config.storage.local_path, destination.id, now)
    courier.close()
    return not failed


def _welcome_back(local_path: Path, destination: str, now: float) -> None:
    def change(state: AlertState) -> AlertState:
        return replace(state, gone={name: reason for name, reason in state.gone.items() if name != destination})

    if destination in read_alert_state(local_path).gone:
        change_alert_state(local_path, change, now)


def set_silence(local_path: Path, key: str, duration: str, reason: str) -> str:
    """Silence a job from now on, and say until when."""
    seconds = seconds_of("--for", duration)
    if not 0 < seconds <= _MAX_SILENCE_SECONDS:
        msg = "--for: a silence lasts more than no time, and a year at most (30m, 2h, 1d)"
        raise DccdError(msg)
    _require(local_path, key)
    now = SYSTEM_CLOCK.time()
    silence = Silence(now + seconds, reason)

    def change(state: AlertState) -> AlertState:
        return replace(state, silences={**state.silences, key: silence})

    change_alert_state(local_path, change, now)
    return f"{key} is silenced for {format_duration(seconds)}; it keeps counting"


def end_silence(local_path: Path, key: str) -> str:
    """End the silence of a job."""

    def change(state: AlertState) -> AlertState:
        return replace(state, silences={name: item for name, item in state.silences.items() if name != key})

    now = SYSTEM_CLOCK.time()
    if key not in read_alert_state(local_path).silent(now):
        msg = f"{key} is not silenced; dccd silences lists what is"
        raise DccdError(msg)
    change_alert_state(local_path, change, now)
    return f"{key} is silenced no more"


def list_silences(local_path: Path) -> str:
    """Return the silences that hold, a line each."""
    now = SYSTEM_CLOCK.time()
    silences = read_alert_state(local_path).silent(now)
    lines = [
        f"{key}  for another {format_duration(item.until - now)}{f'  {item.reason}' if item.reason else ''}"
        for key, item in sorted(silences.items())
    ]
    return "\n".join(lines) or "nothing is silenced"


def drop_record(local_path: Path, key: str) -> str:
    """Drop the record of a job."""
    _require(local_path, key)
    store = open_store(local_path)
    store.update({key: lambda _: None})
    close_store(store)
    if store.fault is not None:  # what waits in memory ends with this process
        msg = f"{key} is not forgotten: {store.fault}"
        raise StorageError(msg)
    return f"{key} is forgotten; its candles stay"


def _require(local_path: Path, key: str) -> None:
    records = read_records(local_path)
    if key not in records:
        known = ", ".join(sorted(records)[:5]) or "none"
        msg = f"no job {key!r} was recorded in {local_path}; there are: {known}"
        raise DccdError(msg)
