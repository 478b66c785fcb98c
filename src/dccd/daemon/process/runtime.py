"""The parts of the daemon that one configuration makes: a reload replaces them all."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from dccd.clock import Clock
from dccd.daemon.exporter import open_exporter
from dccd.daemon.health import HealthMonitor
from dccd.daemon.records import Keyed, Presence
from dccd.daemon.scheduler import build_histo_scheduler
from dccd.daemon.status import overview_of

if TYPE_CHECKING:
    from dccd.daemon.config import CollectorConfig, HistoJob
    from dccd.daemon.exporter import Exporter
    from dccd.daemon.status import Overview

logger: logging.Logger = logging.getLogger("dccd.daemon.generation")


class Runtime:
    """A monitor, a scheduler and, if the configuration asks for it, an exporter.

    Each `every` seconds it calls `ticked` with the keys of the jobs in trouble.
    """

    def __init__(
        self, config: "CollectorConfig", every: float, ticked: Callable[[list[str]], None], clock: Clock
    ) -> None:
        self.config = config
        self._clock = clock
        self._stop = threading.Event()
        self._exporter: Exporter | None = None
        self._ending: threading.Thread | None = None
        self.health: HealthMonitor = HealthMonitor.from_config(config, clock=clock)
        self.jobs: list[Keyed] = self.health.claim(config.histo_jobs)
        self._scheduler = build_histo_scheduler(
            config, self.health, stop=self._stop, clock=clock, check_every=every, ticked=ticked
        )

    @property
    def address(self) -> str | None:
        """URL of the status page, or None without an exporter."""
        return None if self._exporter is None else self._exporter.address

    @property
    def has_unfinished_runs(self) -> bool:
        """Whether a run is still under way after `halt`."""
        return self._ending is not None and self._ending.is_alive()

    def start(self, said: Callable[[], Presence]) -> None:
        """Start to collect, and to serve the status; `said` returns what the daemon reports of itself."""

        def look() -> "Overview":
            # From memory, as the files are out of date while the disk is full.
            presence = replace(said(), alive=True, persistence=self.health.persistence_fault)
            return overview_of(self.config, self.health.records, presence, self._clock.time())

        self._exporter = open_exporter(self.config, look)
        self._scheduler.start()

    def next_runs(self) -> dict[str, datetime]:
        """Return when each job is due next."""
        keys = {key for key, _, _ in self.jobs}
        jobs = self._scheduler.get_jobs()
        return {job.id: job.next_run_time for job in jobs if job.id in keys and job.next_run_time is not None}

    def finished_jobs(self) -> "dict[str, tuple[HistoJob, datetime]]":
        """Return the jobs that have run and neither run nor wait for their turn, with when each is due next."""
        under_way = self.health.under_way  # first: a run that ends now may have changed when its job is due
        due, metrics = self.next_runs(), self.health.get_metrics()
        found = {}
        for key, job, _ in self.jobs:
            last = metrics[key].last_run_at if key in metrics else None
            if key not in due or key in under_way or last is None:
                continue
            # A run that waits for its turn counts as begun: the job is due next a candle later.
            if last >= due[key].timestamp() - job.seconds:
                found[key] = (job, due[key])
        return found

    def postpone(self, finished: "Mapping[str, tuple[HistoJob, datetime]]") -> None:
        """Let unchanged jobs wait until their due time; `finished_jobs` of the runtime before gives both."""
        for key, job, _ in self.jobs:
            if key in finished and finished[key][0].model_copy(update={"pairs": job.pairs}) == job:
                self._scheduler.modify_job(key, next_run_time=finished[key][1])

    def halt(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Wait some seconds for the runs under way, then abandon them; call `meanwhile` each second."""
        until = self._clock.monotonic() + seconds
        self._stop.set()
        # In a thread, as a shutdown waits for runs, and these wait for exchanges.
        self._ending = threading.Thread(target=self._scheduler.shutdown, name="dccd-shutdown", daemon=True)
        self._ending.start()
        while self.has_unfinished_runs and (left := until - self._clock.monotonic()) > 0:
            self._ending.join(min(1.0, left))
            meanwhile()
        if self.has_unfinished_runs:
            keys = sorted(self.health.under_way)
            what = f"{', '.join(keys[:5])}{f' and {len(keys) - 5} more' if keys[5:] else ''}"
            logger.warning("abandoned, as an exchange does not answer: %s; stored candles are kept", what or "a run")

    def close(self, seconds: float) -> None:
        """Close the exporter, and send alerts for some seconds; those that could not be sent stay owed."""
        if self._exporter is not None:
            self._exporter.close()
            self._exporter = None
        self.health.close(max(0.1, seconds))
