"""The health monitor."""

import asyncio
import inspect
import io
import json
import logging
import os
import pathlib
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dccd._compat import override
from dccd.daemon.config import AlertConfig, CollectorConfig, HistoJob, LogConfig, StorageConfig
from dccd.daemon.health import HealthMonitor, JobMetrics, read_metrics
from dccd.daemon.records.model import JobRecord
from dccd.daemon.state import sharing
from dccd.errors import StorageError
from dccd.testing import Answer, ManualClock, WebhookReceiver

KEY = "kraken/BTC/USD"


@pytest.fixture
def monitor(tmp_path: Path) -> Iterator[HealthMonitor]:
    """Return a monitor without alerts."""
    with HealthMonitor(tmp_path, AlertConfig()) as opened:
        yield opened


def alerting(url: str, **settings: object) -> AlertConfig:
    """Return settings that send at once."""
    return AlertConfig.model_validate({"webhook_url": url, "group_window": 0, "source": "host-1", **settings})


def watching(path: Path, alerts: AlertConfig, clock: ManualClock | None = None) -> HealthMonitor:
    """Return a monitor on a clock that does not wait."""
    config = CollectorConfig(storage=StorageConfig(local_path=path), alerts=alerts)
    return HealthMonitor.from_config(config, clock=clock or ManualClock())


def fail(monitor: HealthMonitor, times: int = 3) -> None:
    """Record failures in a row."""
    for _ in range(times):
        monitor.record_failure("kraken", "BTC/USD", error="TimeoutError: no answer")


def titles(receiver: WebhookReceiver) -> list[str]:
    """Return the first lines of the messages that came."""
    return [message.json["text"].splitlines()[0] for message in receiver.messages]


def fault_of(monitor: HealthMonitor) -> str | None:
    """Return why records are in memory only, as it is now."""
    return monitor.persistence_fault


def files_of(path: Path) -> dict[Path, tuple[int, int]]:
    """Return each file and directory with its size and time of change."""
    return {file: (file.stat().st_size, file.stat().st_mtime_ns) for file in [path, *path.rglob("*")]}


def test_the_example_of_the_source_page_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Typed in as it stands there."""
    with tempfile.TemporaryDirectory() as tmp:
        alerts = AlertConfig()  # no webhook
        monitor = HealthMonitor(tmp, alerts)
        monitor.record_success('binance', 'BTC/USDT', rows=120)  # fmt: skip  # noqa: Q000
        monitor.record_success('binance', 'BTC/USDT', rows=95)  # fmt: skip  # noqa: Q000
        monitor.record_failure('kraken', 'ETH/USD')  # fmt: skip  # noqa: Q000
        m = monitor.get_metrics()
        print(m['binance/BTC/USDT'].rows_collected)  # fmt: skip  # noqa: Q000, T201
        print(m['kraken/ETH/USD'].errors_count)  # fmt: skip  # noqa: Q000, T201
    monitor.close()
    assert capsys.readouterr().out == "215\n1\n"


def test_the_example_ends_well_though_nobody_closes_the_monitor() -> None:
    """Its directory is gone by the time the interpreter exits; nothing is said of that."""
    code = """
import tempfile
from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
with tempfile.TemporaryDirectory() as tmp:
    monitor = HealthMonitor(tmp, AlertConfig())
    monitor.record_success("binance", "BTC/USDT", rows=215)
    print(monitor.get_metrics()["binance/BTC/USDT"].rows_collected)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "215\n", "")


def test_a_path_alone_means_the_default_alerts(tmp_path: Path) -> None:
    """The threshold is that of the settings, nothing is sent, and what happens is kept for a monitor that may tell."""
    with HealthMonitor(tmp_path) as monitor:
        assert monitor._engine.alerts == AlertConfig()
        fail(monitor)
        (incident,) = monitor.records[KEY].incidents
        assert (incident.kind, incident.notices) == ("failing", 0)
        assert monitor.flush()


@pytest.mark.parametrize(
    ("settings", "call", "loaded"),
    [("", "", ["pydantic"]), ("from dccd.daemon.config import AlertConfig", ", AlertConfig()", [])],
)
def test_a_monitor_loads_the_settings_only_where_none_are_given(
    tmp_path: Path, settings: str, call: str, loaded: list[str]
) -> None:
    """Nor does recording load anything, as long as there is nobody to tell."""
    code = f"""
import sys
from dccd.daemon.health import HealthMonitor
heavy = {{"apscheduler", "ccxt", "pyarrow", "pydantic", "requests", "tenacity"}}
assert not heavy & set(sys.modules)
{settings}
before = set(sys.modules)
with HealthMonitor(sys.argv[1]{call}) as monitor:
    monitor.record_success("kraken", "BTC/USD")
    monitor.record_failure("kraken", "BTC/USD", error="E: x")
print(*sorted(heavy & (set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == loaded


def test_the_signatures_are_those_of_the_source_page() -> None:
    """Exactly for the class; what methods have beyond the page is keyword-only and has a default."""
    assert list(inspect.signature(HealthMonitor).parameters) == ["local_path", "alerts"]
    for name, page in (
        ("record_success", ["self", "exchange", "pair", "rows"]),
        ("record_failure", ["self", "exchange", "pair"]),
        ("get_metrics", ["self"]),
    ):
        parameters = list(inspect.signature(getattr(HealthMonitor, name)).parameters.values())
        assert [parameter.name for parameter in parameters[: len(page)]] == page
        for parameter in parameters[len(page) :]:
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
            assert parameter.default is not inspect.Parameter.empty
    assert inspect.signature(HealthMonitor.record_success).parameters["rows"].default == 0


def test_the_files_are_where_the_page_says(tmp_path: Path) -> None:
    """The log as soon as the monitor is made, the metrics with the first call; a str will do."""
    with HealthMonitor(str(tmp_path / "new" / "place"), AlertConfig()) as monitor:
        hidden = tmp_path / "new" / "place" / ".dccd"
        assert (hidden / "dccd.log").exists()
        monitor.record_success("kraken", "BTC/USD", 5)
        assert json.loads((hidden / "metrics.json").read_bytes())[KEY]["rows_collected"] == 5
        logging.getLogger("somebody.else").warning("captured")
    assert "captured" in (hidden / "dccd.log").read_text()


def test_metrics_survive_a_restart(tmp_path: Path) -> None:
    """Counters go on where they were."""
    for rows in (120, 95):
        with HealthMonitor(tmp_path, AlertConfig()) as monitor:
            monitor.record_success("kraken", "BTC/USD", rows)
            fail(monitor, 1)
    with HealthMonitor(tmp_path, AlertConfig()) as monitor:
        metrics = monitor.get_metrics()[KEY]
    assert (metrics.rows_collected, metrics.errors_count, metrics.runs, metrics.failures) == (215, 1, 4, 2)


def test_a_snapshot_never_changes(monitor: HealthMonitor) -> None:
    """The dict is the caller's, its values are frozen."""
    monitor.record_success("kraken", "BTC/USD", 1)
    before = monitor.get_metrics()
    monitor.record_success("kraken", "BTC/USD", 1)
    assert before[KEY].rows_collected == 1
    before.clear()
    assert monitor.get_metrics()[KEY].rows_collected == 2
    with pytest.raises(AttributeError):
        monitor.get_metrics()[KEY].rows_collected = 5  # type: ignore[misc]


def test_times_are_those_of_the_clock(tmp_path: Path) -> None:
    """Unix seconds."""
    with watching(tmp_path, AlertConfig(), ManualClock(1_700_000_000)) as monitor:
        monitor.record_success("kraken", "BTC/USD", duration=1.23456, timeframe="1m")
        assert monitor.get_metrics() == {
            f"{KEY}@1m": JobMetrics(
                last_run_at=1_700_000_000, last_success_at=1_700_000_000, last_duration=1.235, runs=1
            )
        }


def test_fifty_failures_are_told_once_and_their_end_once(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """The alert is there though nobody asked for it to be sent."""
    with watching(tmp_path, alerting(receiver.url)) as monitor:
        fail(monitor, 50)
        assert receiver.wait_for(1)
        monitor.record_success("kraken", "BTC/USD", 1)
        assert monitor.flush()
        monitor.record_success("kraken", "BTC/USD", 1)
        assert monitor.flush()
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1", f"[RESOLVED] {KEY} works again on host-1"]


def test_the_threshold_is_that_of_the_settings(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Not one failure earlier; a streak that a success breaks does not count."""
    with watching(tmp_path, alerting(receiver.url, max_consecutive_errors=4)) as monitor:
        fail(monitor, 3)
        monitor.record_success("kraken", "BTC/USD")
        fail(monitor, 3)
        assert monitor.flush()
        assert receiver.messages == ()
        fail(monitor, 1)
        assert monitor.flush()
        assert len(receiver.messages) == 1


def test_a_restart_neither_repeats_nor_loses(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """A streak goes on, an alert that was told stays told, and the end is told by whoever is there."""
    for _ in range(5):
        with watching(tmp_path, alerting(receiver.url)) as monitor:
            fail(monitor, 1)
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]
    with watching(tmp_path, alerting(receiver.url)) as monitor:
        monitor.record_success("kraken", "BTC/USD")
    assert titles(receiver)[1:] == [f"[RESOLVED] {KEY} works again on host-1"]


def test_what_one_process_could_not_send_the_next_one_sends(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Of its own accord, when it is due, under the same identifier."""
    receiver.answer(403)
    with HealthMonitor(tmp_path, alerting(receiver.url)) as monitor:
        fail(monitor)
        assert not monitor.flush()
    assert len(receiver.messages) == 1
    with watching(tmp_path, alerting(receiver.url), ManualClock(time.time() + 301)):
        assert receiver.wait_for(2)
    assert len({message.headers["webhook-id"] for message in receiver.messages}) == 1


def test_without_an_address_nothing_is_sent_and_the_next_one_tells(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """An incident that opened in silence is announced once somebody can be told."""
    with HealthMonitor(tmp_path, AlertConfig()) as monitor:
        fail(monitor, 5)
        assert monitor.flush()
    with watching(tmp_path, alerting(receiver.url)):
        assert receiver.wait_for(1)
    with watching(tmp_path, alerting(receiver.url)):
        pass
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]


def test_a_monitor_without_an_address_acknowledges_nothing(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """What another owes stays owed, through records and closing."""
    receiver.answer(403)
    with HealthMonitor(tmp_path, alerting(receiver.url)) as monitor:
        fail(monitor)
    with HealthMonitor(tmp_path, AlertConfig()) as monitor:
        fail(monitor)
        assert monitor.flush()
    record = json.loads((tmp_path / ".dccd" / "metrics.json").read_bytes())[KEY]
    assert [notice["event"] for notice in record["owed"]] == ["firing"]


def test_two_monitors_on_one_directory_send_once(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """And count together."""
    alerts = alerting(receiver.url)
    with HealthMonitor(tmp_path, alerts) as first, HealthMonitor(tmp_path, alerts) as second:
        for monitor in (first, second, first, second):
            fail(monitor, 1)
        assert receiver.wait_for(1)
        assert first.get_metrics()[KEY].errors_count == second.get_metrics()[KEY].errors_count == 4
    assert len(receiver.messages) == 1


def test_recording_never_waits_for_a_webhook_that_hangs(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Neither when it opens an incident nor while it is being sent."""
    receiver.answer(*[Answer(delay=3600)] * 20)
    with HealthMonitor(tmp_path, alerting(receiver.url, max_consecutive_errors=1, shutdown_timeout=0)) as monitor:
        for number in range(10):
            began = time.monotonic()
            monitor.record_failure("kraken", f"P{number}/USD")
            assert time.monotonic() - began < 0.5
        assert receiver.wait_for(1)
        began = time.monotonic()
        monitor.record_success("kraken", "P0/USD")
        monitor.get_metrics()
        assert time.monotonic() - began < 0.5
        receiver.close()


def test_closing_keeps_to_its_bound_though_a_webhook_hangs(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """What could not be sent stays owed; flush keeps to its own."""
    receiver.answer(*[Answer(delay=3600)] * 20)
    monitor = HealthMonitor(tmp_path, alerting(receiver.url, shutdown_timeout=0.3))
    try:
        fail(monitor)
        assert receiver.wait_for(1)
        began = time.monotonic()
        assert not monitor.flush(timeout=0.2)
        assert time.monotonic() - began < 1.5
    finally:
        began = time.monotonic()
        monitor.close()
        took = time.monotonic() - began
    assert took < 1.5
    record = json.loads((tmp_path / ".dccd" / "metrics.json").read_bytes())[KEY]
    assert len(record["owed"]) == 1


def test_flush_and_close_end_the_window(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Two jobs that failed share the message."""
    with HealthMonitor(tmp_path, alerting(receiver.url, group_window=3600, max_consecutive_errors=1)) as monitor:
        monitor.record_failure("kraken", "A/B")
        monitor.record_failure("kraken", "C/D")
        assert receiver.messages == ()
        assert monitor.flush()
        assert titles(receiver) == ["[2 JOBS] on host-1: 2 firing"]
    with HealthMonitor(tmp_path, alerting(receiver.url, group_window=3600, max_consecutive_errors=1)) as monitor:
        monitor.record_failure("kraken", "E/F")
    assert titles(receiver)[1:] == ["[FIRING] kraken/E/F is failing on host-1"]


def test_closing_twice_does_nothing_and_leaves_the_loggers_as_they_were(tmp_path: Path) -> None:
    """Two monitors on one directory write a line once."""
    before = logging.getLogger().handlers[:], logging.getLogger("dccd").level
    first, second = HealthMonitor(tmp_path, AlertConfig()), HealthMonitor(tmp_path, AlertConfig())
    logging.getLogger("x").warning("only once")
    first.close()
    first.close()
    logging.getLogger("x").warning("still there")
    second.close()
    assert (logging.getLogger().handlers, logging.getLogger("dccd").level) == before
    text = (tmp_path / ".dccd" / "dccd.log").read_text()
    assert (text.count("only once"), text.count("still there")) == (1, 1)


def test_a_failure_recorded_within_a_commit_of_its_own_thread_is_told(
    tmp_path: Path, receiver: WebhookReceiver
) -> None:
    """As a signal handler records it; nothing else has to happen for the alert to go out."""
    alerts = alerting(receiver.url, max_consecutive_errors=1)
    with HealthMonitor(tmp_path, alerts) as monitor:

        def interrupted(record: JobRecord) -> JobRecord:
            monitor.record_failure("kraken", "BTC/USD", error="TimeoutError: no answer")
            return record

        monitor._engine.store.update({"a": interrupted})
        assert receiver.wait_for(1, timeout=10)


def test_a_record_after_closing_counts(tmp_path: Path) -> None:
    """A job may outlive the monitor by a moment."""
    monitor = HealthMonitor(tmp_path, AlertConfig())
    monitor.close()
    monitor.record_success("kraken", "BTC/USD", 7)
    assert read_metrics(tmp_path)[KEY].rows_collected == 7


def test_the_exception_being_handled_is_the_error(monitor: HealthMonitor) -> None:
    """It stays with the caller."""
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - it shall come through
        try:
            _ = 1 // 0
        except ZeroDivisionError:
            monitor.record_failure("kraken", "BTC/USD")
            raise
    assert monitor.get_metrics()[KEY].last_error == "ZeroDivisionError: integer division or modulo by zero"
    monitor.record_failure("kraken", "A/B")
    assert monitor.get_metrics()["kraken/A/B"].last_error is None


class _Mute(Exception):  # noqa: N818 - it is as odd as that
    """Cannot say what it is."""

    @override
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ValueError(), "ValueError"),
        (KeyError("x"), "KeyError: 'x'"),
        (_Mute(), "_Mute"),
        ("as it is", "as it is"),
        (
            ConnectionError("https://hooks.slack.com/services/T/B/s3cret"),
            "ConnectionError: https://hooks.slack.com/***",
        ),
        ("\ud800 \0", "\\ud800 \\x00"),
    ],
)
def test_an_error_is_kept_on_one_line_without_secrets(
    monitor: HealthMonitor, error: BaseException | str, told: str
) -> None:
    """Whatever it is."""
    monitor.record_failure("kraken", "BTC/USD", error=error)
    assert monitor.get_metrics()[KEY].last_error == told
    assert read_metrics(monitor.local_path)[KEY].last_error == told


def test_a_long_error_is_cut(monitor: HealthMonitor) -> None:
    """A page of HTML says no more than its beginning."""
    monitor.record_failure("kraken", "BTC/USD", error="x" * 100_000)
    kept = monitor.get_metrics()[KEY].last_error
    assert kept is not None
    assert len(kept) == 500
    assert kept.endswith("…")


class _Index:
    """An integer as numpy has them."""

    def __index__(self) -> int:
        return 5


class _Broken:
    """An integer that is none after all."""

    def __index__(self) -> int:
        raise OverflowError


@pytest.mark.parametrize(
    ("rows", "counted"), [(0, 0), (5, 5), (_Index(), 5), (-1, 0), (None, 0), (2.5, 0), ("7", 0), (_Broken(), 0)]
)
def test_rows_that_are_no_count_are_none_and_told(
    monitor: HealthMonitor, caplog: pytest.LogCaptureFixture, rows: int, counted: int
) -> None:
    """The success counts all the same."""
    monitor.record_success("kraken", "BTC/USD", rows)
    metrics = monitor.get_metrics()[KEY]
    assert (metrics.rows_collected, metrics.runs) == (counted, 1)
    warned = [record.levelname for record in caplog.records if "is not a number of rows" in record.getMessage()]
    assert warned == ([] if counted or rows == 0 else ["WARNING"])


@pytest.mark.parametrize("duration", [float("nan"), float("inf"), -1.0, "soon", 10**400])
def test_no_duration_stops_the_counting(monitor: HealthMonitor, duration: float) -> None:
    """Neither of this job nor of the others."""
    monitor.record_success("kraken", "BTC/USD", 1, duration=duration)
    monitor.record_success("kraken", "ETH/USD", 2)
    assert monitor.get_metrics()["kraken/ETH/USD"].rows_collected == 2
    assert {key: metrics.rows_collected for key, metrics in read_metrics(monitor.local_path).items()} == {
        KEY: 1,
        "kraken/ETH/USD": 2,
    }


def test_tracking_records_how_a_run_ends(tmp_path: Path) -> None:
    """With the time it took and the rows it had."""
    clock = ManualClock()
    with watching(tmp_path, AlertConfig(), clock) as monitor:
        with monitor.track("kraken", "BTC/USD") as run:
            clock.advance(2.5)
            run.rows = 720
        first = monitor.get_metrics()[KEY]
        with pytest.raises(KeyError), monitor.track("kraken", "BTC/USD"):  # noqa: PT012 - time passes
            clock.advance(1)
            raise KeyError
        second = monitor.get_metrics()[KEY]
    assert (first.rows_collected, first.last_duration, first.errors_count) == (720, 2.5, 0)
    assert (second.rows_collected, second.last_duration, second.last_error) == (720, 1, "KeyError")


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_a_run_that_is_called_off_is_nobodys_failure(monitor: HealthMonitor, end: type[BaseException]) -> None:
    """Nothing is recorded, and the exception goes on."""
    with pytest.raises(end), monitor.track("kraken", "BTC/USD"):
        raise end
    assert monitor.get_metrics() == {}


def test_a_panic_of_an_extension_is_a_failure(monitor: HealthMonitor) -> None:
    """It is no `Exception`, and goes on to the caller all the same."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    for _ in range(2):
        with pytest.raises(panic), monitor.track("kraken", "BTC/USD"):
            raise panic
    assert monitor.get_metrics()[KEY].errors_count == 2


def test_odd_keys_are_one_record_however_they_come(monitor: HealthMonitor) -> None:
    """Recorded clean, and found as the caller writes them."""
    odd = "na\udcefve\x1b[2J\n" + "x" * 300
    monitor.expect("files", odd, every=60)
    monitor.record_failure("files", odd)
    monitor.record_success("files", odd, rows=1)
    with monitor.track("files", odd) as run:
        (tracked,) = monitor.under_way
        run.rows = 2
    assert list(monitor.get_metrics()) == [tracked]
    assert monitor.get_metrics()[f"files/{odd}"].rows_collected == 3


def test_reading_opens_nothing_for_writing(tmp_path: Path) -> None:
    """Not even the directory is made; nor does any logger change."""
    assert read_metrics(tmp_path / "missing") == {}
    assert not (tmp_path / "missing").exists()
    with HealthMonitor(tmp_path, AlertConfig()) as monitor:
        fail(monitor)
    before, handlers = files_of(tmp_path), logging.getLogger().handlers[:]
    assert read_metrics(str(tmp_path))[KEY].errors_count == 3
    assert files_of(tmp_path) == before
    assert logging.getLogger().handlers == handlers


@pytest.mark.parametrize("obstacle", ["data", "data/.dccd", "data/.dccd/dccd.log/x", "data/.dccd/metrics.json/x"])
def test_a_directory_that_cannot_be_used_is_an_error_in_one_line(tmp_path: Path, obstacle: str) -> None:
    """At construction; the loggers stay as they were."""
    target = tmp_path / obstacle
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("in the way")
    before = logging.getLogger().handlers[:]
    with pytest.raises(StorageError) as caught:
        HealthMonitor(tmp_path / "data", AlertConfig())
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "data") in str(caught.value)
    assert logging.getLogger().handlers == before


@pytest.mark.parametrize("place", ["~nobody-has-this-name/data", "null\0byte", "dangling", "circle"])
def test_a_path_that_leads_nowhere_is_an_error_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A home that is not known, what no path may hold, links to nothing or to themselves."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(StorageError) as caught:
        HealthMonitor(place, AlertConfig())
    assert "\n" not in str(caught.value)
    assert "see the system's log" not in str(caught.value)
    assert "cannot be used: " in str(caught.value)


class Broken(logging.Handler):
    """A handler of the program that raises, as none should."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        raise ZeroDivisionError


def test_a_handler_that_raises_does_not_reach_the_job(tmp_path: Path) -> None:
    """Its outcome counts, and nothing says that it does not."""
    broken, root = Broken(), logging.getLogger()
    with HealthMonitor(tmp_path, AlertConfig()) as monitor:
        root.addHandler(broken)
        try:
            monitor.record_failure("kraken", "BTC/USD", error="E: x")
            monitor.record_success("kraken", "ETH/USD", rows=-1, duration=float("nan"))
            (tmp_path / ".dccd" / "metrics.json").write_text("damage")
            monitor.record_success("kraken", "ETH/USD", rows=2)
        finally:
            root.removeHandler(broken)
        assert {key: (job.runs, job.rows_collected) for key, job in monitor.get_metrics().items()} == {
            "kraken/BTC/USD": (1, 0),
            "kraken/ETH/USD": (2, 2),
        }
    assert "could not be recorded" not in (tmp_path / ".dccd" / "dccd.log").read_text()


def test_a_disk_that_goes_away_raises_nothing_and_is_told(tmp_path: Path) -> None:
    """Records wait in memory; the monitor says so and writes them when it is back."""
    data = tmp_path / "data"
    with HealthMonitor(data, AlertConfig()) as monitor:
        monitor.record_success("kraken", "BTC/USD", 1)
        data.rename(tmp_path / "away")
        data.write_text("in the way")
        monitor.record_success("kraken", "BTC/USD", 1)
        assert fault_of(monitor) is not None
        assert monitor.get_metrics()[KEY].rows_collected == 2
        data.unlink()
        (tmp_path / "away").rename(data)
        assert monitor.flush()
        assert fault_of(monitor) is None
    assert read_metrics(data)[KEY].rows_collected == 2


def test_what_a_closing_monitor_could_not_write_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As it is lost with the process."""
    data = tmp_path / "data"
    monitor = HealthMonitor(data, AlertConfig())
    data.rename(tmp_path / "away")
    data.write_text("in the way")
    monitor.record_success("kraken", "BTC/USD", 1)
    monitor.close()
    assert "records are lost with this process" in caplog.text


def test_the_secret_is_nowhere(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """No file, no log of anybody, no repr and no traceback has it, though urllib3 logs what it does."""
    mine, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(mine), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    receiver.answer(500, Answer(reset=True), 302, 404)
    try:
        alerts = alerting(receiver.url, max_consecutive_errors=1)
        shown = [repr(alerts), str(alerts), alerts.model_dump_json(), str(alerts.model_dump())]
        with watching(tmp_path, alerts) as monitor:
            shown += [repr(monitor), str(vars(monitor))]
            for _ in range(4):
                try:
                    raise ConnectionError(f"POST {receiver.url} failed")  # noqa: EM102, TRY003, TRY301 - as libraries do
                except ConnectionError:
                    monitor.record_failure("kraken", "BTC/USD")
                monitor.flush()
            shown.append(repr(monitor.get_metrics()))
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.getLogger("urllib3").setLevel(logging.NOTSET)
    assert "urllib3" in (tmp_path / ".dccd" / "dccd.log").read_text() or "HTTP/1.1" in mine.getvalue()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"s3cret" not in file.read_bytes()
    assert "s3cret" not in mine.getvalue()
    assert not any("s3cret" in text for text in shown)
    assert any("s3cret" in message.path for message in receiver.messages)


def test_an_error_that_recording_meets_shows_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does a settings error."""
    address = "ftp://example.com/s3" + "cret"
    with pytest.raises(ValueError, match="webhook_url") as caught:
        AlertConfig(webhook_url=address)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    with HealthMonitor(tmp_path, alerting("http://127.0.0.1:1/s3cret-hook", shutdown_timeout=0)) as monitor:
        fail(monitor)
    assert "s3cret" not in caplog.text


def test_all_settings_come_from_a_configuration(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Log level and form, thresholds of jobs by their keys."""
    jobs = (
        HistoJob(exchange="kraken", pairs=("BTC/USD",), timeframe="1h"),
        HistoJob(exchange="kraken", pairs=("BTC/USD",), timeframe="1m", max_consecutive_errors=1),
    )
    config = CollectorConfig(
        storage=StorageConfig(local_path=tmp_path),
        alerts=alerting(receiver.url),
        log=LogConfig(level="DEBUG", file="json"),
        histo_jobs=jobs,
    )
    with HealthMonitor.from_config(config, clock=ManualClock()) as monitor:
        monitor.record_failure("kraken", "BTC/USD")
        monitor.record_failure("kraken", "BTC/USD", timeframe="1m")
        monitor.record_success("kraken", "ETH/USD", 3)
        assert monitor.flush()
        assert monitor.local_path == tmp_path
    assert titles(receiver) == [f"[FIRING] {KEY}@1m is failing on host-1"]
    lines = [json.loads(line) for line in (tmp_path / ".dccd" / "dccd.log").read_text().splitlines()]
    assert {"kraken/ETH/USD: 3 rows"} <= {line["message"] for line in lines if line["level"] == "DEBUG"}


def test_a_log_file_that_is_not_wanted_is_not_made(tmp_path: Path) -> None:
    """Nor is any logger touched."""
    before = logging.getLogger().handlers[:], logging.getLogger("dccd").level
    config = CollectorConfig(storage=StorageConfig(local_path=tmp_path), log=LogConfig(file="off"))
    with HealthMonitor.from_config(config):
        assert (logging.getLogger().handlers, logging.getLogger("dccd").level) == before
    assert not (tmp_path / ".dccd" / "dccd.log").exists()


def test_the_directory_stays_though_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is that of the construction."""
    monkeypatch.chdir(tmp_path)
    with HealthMonitor(pathlib.PurePath("data"), AlertConfig()) as monitor:
        os.chdir("/")
        monitor.record_success("kraken", "BTC/USD", 1)
        assert monitor.local_path == tmp_path / "data"
    assert read_metrics(tmp_path / "data")[KEY].rows_collected == 1


def test_many_threads_are_counted_and_told_once(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """Eight of them, on the same job and on their own."""
    with watching(tmp_path, alerting(receiver.url, max_consecutive_errors=10)) as monitor:

        def work(number: int) -> None:
            for _ in range(20):
                monitor.record_failure("kraken", "BTC/USD")
                monitor.record_success("kraken", f"P{number}/USD", 1)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        metrics = monitor.get_metrics()
    assert metrics[KEY].errors_count == 160
    assert [metrics[f"kraken/P{number}/USD"].rows_collected for number in range(8)] == [20] * 8
    assert len(receiver.messages) == 1


_EXITS = {
    "end": "",
    "exit": "sys.exit(3)",
    "error": "raise ZeroDivisionError",
}


@pytest.mark.parametrize("way", _EXITS)
def test_the_end_of_the_interpreter_sends_what_is_owed(tmp_path: Path, receiver: WebhookReceiver, way: str) -> None:
    """However it ends, and though the window has just begun."""
    code = f"""
import sys
from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
monitor = HealthMonitor(sys.argv[1], AlertConfig(webhook_url=sys.stdin.read(), group_window="1h"))
for _ in range(3):
    monitor.record_failure("kraken", "BTC/USD", error="E: x")
{_EXITS[way]}
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], input=receiver.url, capture_output=True, text=True, check=False
    )
    assert len(receiver.messages) == 1
    assert "s3cret" not in done.stderr
    assert done.returncode == {"end": 0, "exit": 3, "error": 1}[way]
    assert read_metrics(tmp_path)[KEY].errors_count == 3


def test_a_kill_after_a_failure_was_recorded_delays_the_alert_only(tmp_path: Path, receiver: WebhookReceiver) -> None:
    """The next monitor sends it."""
    code = """
import os, signal, sys
from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor
monitor = HealthMonitor(sys.argv[1], AlertConfig(webhook_url=sys.stdin.read(), group_window="1h"))
for _ in range(3):
    monitor.record_failure("kraken", "BTC/USD", error="E: x")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, tmp_path], input=receiver.url, text=True, check=False)
    assert receiver.messages == ()
    with watching(tmp_path, alerting(receiver.url)):
        pass
    assert titles(receiver) == [f"[FIRING] {KEY} is failing on host-1"]


def test_recording_from_a_coroutine_by_a_thread_works(monitor: HealthMonitor) -> None:
    """As the notes of the class advise."""

    async def collect() -> None:
        record: Callable[..., None] = monitor.record_success
        await asyncio.gather(*(asyncio.to_thread(record, "kraken", "BTC/USD", rows=1) for _ in range(10)))

    asyncio.run(collect())
    assert monitor.get_metrics()[KEY].rows_collected == 10


def test_a_thousand_monitors_leave_nothing_behind(tmp_path: Path) -> None:
    """No descriptor, thread, handler or store more than before; on one directory and on several."""

    def left() -> dict[str, int]:
        descriptors = Path("/dev/fd")
        return {
            "descriptors": len(list(descriptors.iterdir())) if descriptors.exists() else 0,
            "threads": threading.active_count(),
            "handlers": len(logging.getLogger().handlers),
            "stores": len(sharing._shared),
        }

    before = left()
    for number in range(1000):
        with HealthMonitor(tmp_path / str(number % 3), AlertConfig()) as monitor:
            if number % 100 == 0:
                monitor.record_success("kraken", "BTC/USD", 1)
    # What tests before this one left to end may have ended meanwhile.
    assert {what: count for what, count in left().items() if count > before[what]} == {}


def test_two_monitors_of_a_process_share_a_store(tmp_path: Path) -> None:
    """What one records the other knows at once, and closing one leaves the other alone."""
    with HealthMonitor(tmp_path, AlertConfig()) as first:
        with HealthMonitor(tmp_path / "x" / "..", AlertConfig()) as second:
            second.record_success("kraken", "BTC/USD", 1)
        assert first.get_metrics()[KEY].rows_collected == 1
        first.record_success("kraken", "BTC/USD", 1)
    assert read_metrics(tmp_path)[KEY].rows_collected == 2


@pytest.mark.parametrize("configured", [False, True])
def test_a_monitor_can_be_pickled_for_a_process_of_multiprocessing(tmp_path: Path, *, configured: bool) -> None:
    """What comes out is open on the same directory, however the monitor was made."""
    config = CollectorConfig(storage=StorageConfig(local_path=tmp_path))
    with HealthMonitor.from_config(config) if configured else HealthMonitor(tmp_path) as monitor:
        with pickle.loads(pickle.dumps(monitor)) as other:  # noqa: S301 - our own
            other.record_success("kraken", "BTC/USD", rows=2)
        monitor.record_success("kraken", "BTC/USD", rows=1)
        assert monitor.get_metrics()["kraken/BTC/USD"].rows_collected == 3
