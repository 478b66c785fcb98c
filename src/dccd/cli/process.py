"""The process around a collector: signals, start-up line, orderly end."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dccd.cli.alerts import gone_destinations
from dccd.cli.render import alerts_line
from dccd.daemon.health import HealthMonitor
from dccd.daemon.scheduler import build_histo_scheduler
from dccd.errors import MissingExtraError, UnknownSourceError

if TYPE_CHECKING:
    from types import FrameType

    from dccd.daemon.config import CollectorConfig

__all__ = ["serve", "stopped_by_signals"]

logger: logging.Logger = logging.getLogger("dccd")


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set; a second SIGINT interrupts at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: "FrameType | None") -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(config: "CollectorConfig") -> None:
    """Run the scheduler until a signal comes, then finish or abandon what is under way and send what is owed."""
    _warn_of_unknown(config)
    with stopped_by_signals() as stop, HealthMonitor.from_config(config) as health:
        scheduler = build_histo_scheduler(config, health, stop=stop)
        count = len(config.jobs_by_key())
        data = config.storage.local_path
        logger.info("started, jobs: %d, data: %s, %s", count, data, alerts_line(config.alerts, gone_destinations(data)))
        scheduler.start()
        while not stop.wait(3600):
            pass
        logger.info("stopping")
        scheduler.shutdown(wait=True)
        logger.info("stopped")


def _warn_of_unknown(config: "CollectorConfig") -> None:
    from dccd.candles import check_exchange  # noqa: PLC0415 - loads ccxt

    for name in dict.fromkeys(job.exchange for job in config.histo_jobs):
        try:
            check_exchange(name)
        except UnknownSourceError as error:
            logger.error("its jobs will fail: %s", error)  # noqa: TRY400 - the line says it all
        except MissingExtraError:
            raise
