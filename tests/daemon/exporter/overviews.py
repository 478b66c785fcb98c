"""Overviews to show, and servers that show them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import requests

from dccd.daemon.exporter import Exporter
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.records.model import Incident, JobMetrics, JobRecord
from dccd.daemon.state.silences import AlertState
from dccd.daemon.status.assess import Configured, see
from dccd.daemon.status.view import DaemonView, Overview

NOW = 1_700_000_000.0
FAILING = JobRecord(
    JobMetrics(NOW - 60, NOW - 7200, 500, 3, "E: <b>&", 1.5, 9, 4, NOW - 180, NOW - 7260, 2),
    (Incident("i", "failing", NOW - 180, 3),),
)
RUNNING = DaemonView("running", 42, "0.1.0", NOW - 90, NOW - 9)
CONFIGURED = Configured("/data", {"kraken/BTC/USD": "1h", "kraken/BTC/USD@1m": "1m"}, ())


def overview(records: dict[str, JobRecord] | None = None, **daemon: Any) -> Overview:
    """Return an overview of a daemon that runs, unless told otherwise."""
    seen = see(CONFIGURED, {"kraken/BTC/USD": FAILING} if records is None else records, AlertState(), None, NOW)
    return replace(seen, daemon=replace(RUNNING, **daemon))


@contextmanager
def serving(read: Callable[[], Overview] = overview, listen: str = "127.0.0.1:0") -> Iterator[Exporter]:
    """Serve at a port of its own."""
    server = Exporter(listen, Routes(read, None))
    try:
        yield server
    finally:
        server.close()


def get(server: Exporter, path: str, **headers: str) -> requests.Response:
    """Ask for a path."""
    return requests.get(server.address.rstrip("/") + path, headers=headers, timeout=10)
