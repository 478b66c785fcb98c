"""What a daemon is made of under one configuration: a reload puts the next generation in its place."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from dccd.clock import Clock
from dccd.daemon.exporter import open_exporter
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records import Presence
from dccd.daemon.scheduler import build_histo_scheduler
from dccd.daemon.status import overview_of

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.exporter import Exporter
    from dccd.daemon.status import Overview

logger: logging.Logger = logging.getLogger("dccd.daemon.generation")


class Runtime:
    """A monitor, a scheduler and, if it is asked for, an exporter."""

    def __init__(
        self, config: "CollectorConfig", every: float, ticked: Callable[[list[str]], None], clock: Clock
    ) -> None:
        self.config = config
        self._clock = clock
        self._stop = threading.Event()
        self._exporter: Exporter | None = None
        self._ending: threading.Thread | None = None
        self.health: HealthMonitor = HealthMonitor.from_config(config, clock=clock)
        self._scheduler = build_histo_scheduler(
            config, self.health, stop=self._stop, clock=clock, check_every=every, ticked=ticked
        )

    @property
    def address(self) -> str | None:
        """Where metrics and the status page are, or None."""
        return None if self._exporter is None else self._exporter.address

    @property
    def lingers(self) -> bool:
        """Whether a run is still at it, after the end."""
        return self._ending is not None and self._ending.is_alive()

    def start(self, said: Callable[[], Presence]) -> None:
        """Collect, and serve what is seen."""

        def look() -> "Overview":
            # From memory: on a full disk the files are as old as the fault.
            presence = replace(said(), alive=True, persistence=self.health.persistence_fault)
            return overview_of(self.config, self.health.records, presence, self._clock.time())

        self._exporter = open_exporter(self.config, look)
        self._scheduler.start()

    def next_runs(self) -> dict[str, datetime]:
        """Return when each job is due next."""
        keys = {key for key, _, _ in self.config.jobs_by_key()}
        due = {job.id: job.next_run_time for job in self._scheduler.get_jobs() if job.id in keys}
        return {key: at for key, at in due.items() if at is not None}

    def settled(self) -> "dict[str, tuple[HistoJob, datetime]]":
        """Return the jobs that have done their work, and when they are due next."""
        under_way = self.health.under_way  # first: a run that ends now may have set when it goes on
        due, metrics = self.next_runs(), self.health.get_metrics()
        found = {}
        for key, job, _ in self.config.jobs_by_key():
            last = metrics[key].last_run_at if key in metrics else None
            if key not in due or key in under_way or last is None:
                continue
            # A run that waits for its turn counts as begun: the job is due next a candle later.
            if last >= due[key].timestamp() - job.seconds:
                found[key] = (job, due[key])
        return found

    def spare(self, settled: "Mapping[str, tuple[HistoJob, datetime]]") -> None:
        """Let jobs that a generation before has done, and that are the same, wait until they are due."""
        for key, job, _ in self.config.jobs_by_key():
            if key in settled and settled[key][0].model_copy(update={"pairs": job.pairs}) == job:
                self._scheduler.modify_job(key, next_run_time=settled[key][1])

    def halt(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Finish or abandon the runs that are under way."""
        until = self._clock.monotonic() + seconds
        self._stop.set()
        # In a thread, as it waits for runs, and these for exchanges.
        self._ending = threading.Thread(target=self._scheduler.shutdown, name="dccd-shutdown", daemon=True)
        self._ending.start()
        while self.lingers and (left := until - self._clock.monotonic()) > 0:
            self._ending.join(min(1.0, left))
            meanwhile()
        if self.lingers:
            keys = sorted(self.health.under_way)
            what = f"{', '.join(keys[:5])}{f' and {len(keys) - 5} more' if keys[5:] else ''}"
            logger.warning("left behind, as an exchange does not answer: %s; what is stored stays", what or "a run")

    def close(self, seconds: float) -> None:
        """Take the exporter down and send what is owed."""
        if self._exporter is not None:
            self._exporter.close()
            self._exporter = None
        self.health.close(max(0.1, seconds))
