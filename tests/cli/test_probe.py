"""The health check and metrics, as other programs call them."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cli.command import Command

from dccd.daemon.records.model import Presence
from dccd.daemon.state.presence import Claim


def test_a_daemon_that_cannot_write_is_seen_from_outside(dccd: Command, data: Path) -> None:
    """It lives and ticks; what it says of itself is as old as the fault, and a probe fails for the right reason."""
    resource = pytest.importorskip("resource", reason="no limits to the size of files on this system")
    now = time.time()
    said = Presence(os.getpid(), "0.1.0", now - 900, now - 600, "running")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Claim(data) as claim:
        claim.report(said)
        assert dccd("healthcheck")[1].startswith(f"hung: pid {os.getpid()}, last tick 10m")
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            claim.report(replace(said, ticked_at=now))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        code, out, _ = dccd("healthcheck")
        assert (code, out) == (
            1,
            f"records are kept in memory only: {data}/.dccd/daemon.json cannot be written: see its disk\n",
        )
        assert "IN MEMORY ONLY" in dccd("status")[1]
        claim.report(replace(said, ticked_at=now))
        assert dccd("healthcheck")[0] == 0
    assert dccd("healthcheck")[1] == "not running (died)\n"


def test_a_tick_ahead_of_the_clock_proves_nothing(dccd: Command, data: Path) -> None:
    """The clock was set back: a daemon that works ticks again soon, and one that hangs is taken for no other."""
    now = time.time()
    with Claim(data) as claim:
        claim.report(Presence(os.getpid(), "0.1.0", now, now + 7200, "running"))
        assert dccd("healthcheck") == (1, f"hung: pid {os.getpid()}, last tick ahead of the clock\n", "")
        claim.report(Presence(os.getpid(), "0.1.0", now, now + 30, "running"))  # two clocks of one machine differ less
        code, out, _ = dccd("healthcheck")
        assert code == 0
        assert "last tick 0s ago" in out


@pytest.mark.usefixtures("data")
def test_a_probe_without_a_daemon_fails(dccd: Command) -> None:
    """In a line."""
    assert dccd("healthcheck") == (1, "not running (unseen)\n", "")


@pytest.mark.usefixtures("data")
def test_metrics_go_to_stdout_or_to_a_file(dccd: Command, tmp_path: Path) -> None:
    """The same ones."""
    code, out, err = dccd("metrics")
    assert (code, err) == (0, "")
    assert 'dccd_job_consecutive_failures{exchange="kraken",pair="BTC/USD",timeframe=""} 3.0' in out
    assert dccd("metrics", "--textfile", str(tmp_path / "dccd.prom")) == (0, "", "")
    assert (tmp_path / "dccd.prom").read_text().startswith("# HELP dccd_build_info")


@pytest.mark.usefixtures("data")
def test_metrics_without_their_extra_name_it_in_one_line(dccd: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is printed that a scraper could take for metrics."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    code, out, err = dccd("metrics")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "[metrics]" in err
