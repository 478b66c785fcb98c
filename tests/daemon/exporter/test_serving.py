"""The exporter: metrics that Prometheus reads, probes, and an HTTP server that nobody can hold up."""

import json
import logging
import os
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from dccd.candles import CandleStore, Coverage, Month, Series, Span
from dccd.daemon.config import CollectorConfig, ServerConfig, StorageConfig
from dccd.daemon.exporter import Exporter, exposition, open_exporter, write_textfile
from dccd.daemon.exporter.addresses import is_loopback, split_address
from dccd.daemon.exporter.chart import bars, chart
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.exporter.server import Reply
from dccd.daemon.records.model import Expectation, Incident, JobMetrics, JobRecord
from dccd.daemon.state.silences import AlertState
from dccd.daemon.status.assess import Place, see
from dccd.daemon.status.view import DaemonView, Overview
from dccd.errors import MissingExtraError, StorageError
from dccd.testing import ManualClock

NOW = 1_700_000_000.0
FAILING = JobRecord(
    JobMetrics(NOW - 60, NOW - 7200, 500, 3, "E: <b>&", 1.5, 9, 4, NOW - 180, NOW - 7260, 2),
    (Incident("i", "failing", NOW - 180, 3),),
)
PLACE = Place("/data", {"kraken/BTC/USD": "1h", "kraken/BTC/USD@1m": "1m"}, ())


def overview(records: dict[str, JobRecord] | None = None, **daemon: Any) -> Overview:
    """Return what is seen of a daemon that runs, unless told otherwise."""
    seen = see(PLACE, {"kraken/BTC/USD": FAILING} if records is None else records, AlertState(), None, NOW)
    known: dict[str, Any] = {
        "state": "running",
        "pid": 42,
        "version": "0.1.0",
        "started_at": NOW - 90,
        "ticked_at": NOW - 9,
    }
    return Overview(
        seen.at,
        seen.local_path,
        DaemonView(**{**known, **daemon}),
        seen.jobs,
        seen.destinations,
        seen.notices_owed,
        seen.next_try_at,
    )


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """Return the samples of an exposition by name and values of labels, in the order of their names."""
    families = text_string_to_metric_families(text.decode())
    return {
        (each.name, *(each.labels[name] for name in sorted(each.labels))): each.value
        for family in families
        for each in family.samples
    }


# Metrics


def test_metrics_have_conventional_names_and_units() -> None:
    """What is known of a job, labelled by exchange, pair and timeframe; times are timestamps in seconds."""
    watched = replace(FAILING, expected=Expectation(3600.0, 1800.0, NOW - 9e5, max_age=12_600.0))
    found = samples(exposition(overview({"kraken/BTC/USD": watched})))
    job = ("kraken", "BTC/USD", "1h")
    assert found["dccd_job_interval_seconds", *job] == 3600
    assert found["dccd_job_max_age_seconds", *job] == 12_600
    assert found["dccd_job_last_run_timestamp_seconds", *job] == NOW - 60
    assert found["dccd_job_last_success_timestamp_seconds", *job] == NOW - 7200
    assert found["dccd_job_newest_timestamp_seconds", *job] == NOW - 7260
    assert found["dccd_job_rows_total", *job] == 500
    assert found["dccd_job_runs_total", *job] == 9
    assert found["dccd_job_failures_total", *job] == 4
    assert found["dccd_job_consecutive_failures", *job] == 3
    assert found["dccd_job_rows_missing", *job] == 2
    assert found["dccd_job_last_duration_seconds", *job] == 1.5
    assert found["dccd_job_silenced", *job] == 0
    states = ("alerted", "failing", "ok")
    assert [found["dccd_job_state", "kraken", "BTC/USD", state, "1h"] for state in states] == [1, 0, 0]
    assert found["dccd_incidents_open", "failing"] == 1
    assert found["dccd_incidents_open", "old data"] == 0
    assert found["dccd_build_info", "0.1.0"] == 1
    assert found["dccd_daemon_running",] == 1
    assert found["dccd_last_tick_timestamp_seconds",] == NOW - 9
    assert found["dccd_persistence_degraded",] == 0
    assert found["dccd_notices_owed",] == 0


def test_what_is_not_known_is_left_out() -> None:
    """A job that never ran has no last success; 0 would be 1970."""
    found = samples(exposition(overview({}, state="unseen", ticked_at=None, started_at=None)))
    job = ("kraken", "BTC/USD", "1h")
    assert ("dccd_job_max_age_seconds", *job) not in found
    assert ("dccd_job_last_success_timestamp_seconds", *job) not in found
    assert ("dccd_last_tick_timestamp_seconds",) not in found
    assert found["dccd_job_state", "kraken", "BTC/USD", "never", "1h"] == 1
    assert found["dccd_daemon_running",] == 0


def test_no_two_samples_have_the_same_labels() -> None:
    """A record that is left of another configuration may be of the same series: the configured job is shown."""
    left = JobRecord(JobMetrics(NOW, NOW, rows_collected=7))
    text = exposition(overview({"kraken/BTC/USD": FAILING, "kraken/BTC/USD@1h": left}))
    lines = [line for line in text.decode().splitlines() if line.startswith("dccd_job_rows_total")]
    assert sorted(lines) == [
        'dccd_job_rows_total{exchange="kraken",pair="BTC/USD",timeframe="1h"} 500.0',
        'dccd_job_rows_total{exchange="kraken",pair="BTC/USD",timeframe="1m"} 0.0',
    ]


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line; the page and the probes do without it."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingExtraError, match=r"\[metrics\]"):
        exposition(overview())
    reply = Routes(overview, None)("/metrics")
    assert reply is not None
    assert (reply.status, str(reply.body).count("\n")) == (503, 1)


def test_a_textfile_is_replaced_in_one_step_and_others_may_read_it(tmp_path: Path) -> None:
    """Whatever the umask, as node_exporter runs as another user; a directory that is not there is told."""
    path = tmp_path / "dccd.prom"
    write_textfile(path, b"old 1\n")
    before = os.umask(0o077)
    try:
        write_textfile(path, exposition(overview()))
    finally:
        os.umask(before)
    assert b"dccd_build_info" in path.read_bytes()
    assert sys.platform == "win32" or stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StorageError, match="no such directory"):
        write_textfile(tmp_path / "nowhere" / "dccd.prom", b"")


# Routes


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


def test_each_path_answers_with_its_media_type() -> None:
    """And what is none is not found, however it is written."""
    with serving() as server:
        assert get(server, "/metrics").headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert get(server, "/").headers["Content-Type"] == "text/html; charset=utf-8"
        assert get(server, "/status.json").json()["daemon"]["pid"] == 42
        assert get(server, "/healthz").text == "ok\n"
        assert get(server, "/readyz").text == "ok\n"
        for path in ("/..%2f..%2fetc/passwd", "/metrics/", "/metrics/x", "/static/x", "/%00"):
            assert get(server, path).status_code == 404, path


@pytest.mark.parametrize(
    ("daemon", "healthy", "ready"),
    [
        ({}, 200, 200),
        ({"ticked_at": NOW - 600}, 503, 503),
        ({"persistence": "the disk is full"}, 200, 503),
    ],
)
def test_probes_tell_a_daemon_that_hangs_from_one_that_cannot_write(
    daemon: dict[str, Any], healthy: int, ready: int
) -> None:
    """A restart helps the first; it would cost the other the records that it keeps in memory."""
    with serving(lambda: overview(**daemon)) as server:
        assert get(server, "/healthz").status_code == healthy
        assert get(server, "/readyz").status_code == ready


def test_records_that_cannot_be_read_are_told_without_a_traceback() -> None:
    """With status 503, and no secret that the error may hold."""

    def damaged() -> Overview:
        msg = "metrics.json is damaged: https://hooks.slack.com/services/s3cret"
        raise StorageError(msg)

    with serving(damaged) as server:
        answer = get(server, "/status.json")
    assert answer.status_code == 503
    assert answer.text == "metrics.json is damaged: https://hooks.slack.com/***\n"


def test_a_fault_of_our_own_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The answer gives nothing away."""

    def broken() -> Overview:
        raise ZeroDivisionError

    with serving(broken) as server:
        answer = get(server, "/")
    assert (answer.status_code, answer.text) == (500, "an error; see the log\n")
    assert "could not be answered" in caplog.text


# The server


def ask(server: Exporter, request: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
    with socket.create_connection((host, port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while part := connection.recv(65_536):
                answer += part
        except ConnectionResetError:
            pass
    return answer


def status_of(answer: bytes) -> int:
    """Return the status of an answer."""
    return int(answer.split(b" ", 2)[1])


def test_every_answer_has_the_headers_that_protect_it() -> None:
    """The page lets its own style and script run, by their hashes; everything else lets nothing run."""
    with serving() as server:
        page, metrics, missing = get(server, "/"), get(server, "/metrics"), get(server, "/nothing")
    for answer in (page, metrics, missing):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Server"] == "dccd"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "script-src 'sha256-" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "script-src" not in metrics.headers["Content-Security-Policy"]


def test_head_answers_without_a_body() -> None:
    """With the length that GET would have."""
    with serving() as server:
        answer = ask(server, b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status_of(answer) == 200
    assert b"Content-Length: 3" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"])
def test_only_get_and_head_are_answered(method: str) -> None:
    """It is read-only."""
    with serving() as server:
        answer = ask(server, f"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi".encode())
    assert status_of(answer) == 405
    assert b"Allow: GET, HEAD" in answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:9464", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:9464", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example@localhost", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_on_loopback_only_names_of_loopback_are_answered(host: str, status: int) -> None:
    """A foreign page whose name was made to point here gets nothing."""
    with serving() as server:
        assert status_of(ask(server, f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())) == status


def test_elsewhere_any_name_is_answered() -> None:
    """Nobody knows which names the machine has; a load balancer may give none."""
    with serving(listen="0.0.0.0:0") as server:
        port = split_address(server.address.removeprefix("http://").rstrip("/"))[1]
        answer = requests.get(f"http://127.0.0.1:{port}/healthz", headers={"Host": "dccd.internal"}, timeout=10)
        balancer = HTTPConnection("127.0.0.1", port, timeout=10)
        balancer.putrequest("GET", "/healthz", skip_host=True)
        balancer.endheaders()
        assert balancer.getresponse().read() == b"ok\n"
        balancer.close()
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 90 + b"Host: localhost\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 110 + b"Host: localhost\r\n\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"GET http://[aaaa HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
    ids=["large", "many", "too many", "long line", "TLS", "version", "no address"],
)
def test_a_request_has_limits(request_: bytes, status: int) -> None:
    """Beyond them the answer is short, and does not repeat what was sent."""
    with serving() as server:
        answer = ask(server, request_)
    assert answer.startswith(b"HTTP/1.0 ")
    assert status_of(answer) == status
    assert b"aaaa" not in answer
    assert b"yyyy" not in answer


def test_a_slow_client_is_dropped_and_holds_nobody_up() -> None:
    """It sends a byte now and then, so that no single wait is long; others are answered meanwhile."""
    clock = ManualClock()
    server = Exporter("127.0.0.1:0", lambda _: Reply("ok\n"), clock=clock)
    try:
        host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
        with socket.create_connection((host, port), timeout=20) as slow:
            slow.sendall(b"GET / HT")
            assert get(server, "/").text == "ok\n"
            clock.advance(11)
            with suppress(ConnectionResetError):
                assert slow.recv(1) == b""
    finally:
        server.close()


def test_connections_beyond_the_limit_are_dropped_at_once() -> None:
    """And when some have ended, there is room again."""
    held = threading.Event()
    with serving() as server:
        host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
        waiting = [socket.create_connection((host, port), timeout=20) for _ in range(8)]
        for connection in waiting:
            connection.sendall(b"GET / HT")
        with pytest.raises(requests.ConnectionError):
            get(server, "/healthz")
        for connection in waiting:
            connection.close()
        for _ in range(200):
            try:
                assert get(server, "/healthz").text == "ok\n"
                break
            except requests.ConnectionError:
                held.wait(0.02)
        else:
            pytest.fail("there is no room again")


def test_closing_waits_for_no_client() -> None:
    """Not for one that never asks, nor for an answer that is being made."""
    begun, held = threading.Event(), threading.Event()

    def slow(_: str) -> Reply:
        begun.set()
        held.wait(30)
        return Reply("late")

    server = Exporter("127.0.0.1:0", slow)
    host, port = split_address(server.address.removeprefix("http://").rstrip("/"))
    with socket.create_connection((host, port)) as idle, socket.create_connection((host, port)) as busy:
        busy.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(20)
        closed = threading.Thread(target=server.close)
        closed.start()
        closed.join(10)
        assert not closed.is_alive()
        held.set()
        idle.settimeout(10)
        assert idle.recv(1) == b""


def test_loopback_is_known_by_address_and_name() -> None:
    """Any other name may lead anywhere."""
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost", "Localhost."))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.evil"))


# With the daemon


def config(tmp_path: Path, listen: str | None) -> CollectorConfig:
    """Return a configuration that serves at an address."""
    return CollectorConfig(storage=StorageConfig(local_path=tmp_path), server=ServerConfig(listen=listen))


def test_it_is_off_by_default(tmp_path: Path) -> None:
    """Nothing listens where nobody asked for it."""
    assert open_exporter(config(tmp_path, None), overview) is None


def test_an_address_that_is_taken_is_an_error_in_the_log_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Collection goes on: a page is worth less than the data."""
    with serving() as other:
        listen = other.address.removeprefix("http://").rstrip("/")
        assert open_exporter(config(tmp_path, listen), overview) is None
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert listen in record.getMessage()
    assert "set another address" in record.getMessage()
    assert record.exc_info is None


def test_metrics_that_lack_their_extra_are_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And not only to Prometheus, whose operator may be another."""
    caplog.set_level(logging.INFO, "dccd")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    server = open_exporter(config(tmp_path, "127.0.0.1:0"), overview)
    assert server is not None
    server.close()
    assert f"the status page: {server.address}; metrics need prometheus_client" in caplog.text
    assert "metrics and" not in caplog.text


def test_an_address_that_others_reach_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At the start, as nothing asks for a password."""
    server = open_exporter(config(tmp_path, "0.0.0.0:0"), overview)
    assert server is not None
    server.close()
    assert "no password" in caplog.text


@pytest.mark.parametrize("listen", ["9464", "127.0.0.1", ":9464", "127.0.0.1:99999", "http://127.0.0.1:1", "a b:1", ""])
def test_what_is_no_address_is_refused(listen: str) -> None:
    """Before anything runs."""
    with pytest.raises(ValueError, match="not an address to listen on"):
        ServerConfig(listen=listen)


# What is stored

DAY = 86_400_000
DAILY = Series("kraken", "BTC/USD", "1d")


def test_months_that_follow_each_other_are_one_bar() -> None:
    """One with candles missing, or a hole between months, begins a new one."""
    months = (
        Month("1970-01", 31, 0, 30 * DAY),
        Month("1970-02", 28, 31 * DAY, 58 * DAY),
        Month("1970-03", 30, 59 * DAY, 89 * DAY),
        Month("1970-05", 31, 120 * DAY, 150 * DAY),
    )
    found = bars(Span(DAILY, months))
    assert [(bar.start // DAY, bar.end // DAY, bar.missing) for bar in found] == [
        (0, 59, 0),
        (59, 90, 1),
        (120, 151, 0),
    ]
    text = chart([Span(DAILY, months)], 151 * 86_400.0)
    assert "1 missing within months, 1 gap between months" in text
    assert text.count("<rect") == 3


def test_a_pair_with_markup_in_its_name_is_escaped_in_the_chart() -> None:
    """A source of one's own may name pairs as it likes."""
    span = Span(Series("mine", '<svg onload="x">/USD', "1d"), (Month("1970-01", 1, 0, 0),))
    assert "<svg onload" not in chart([span], 0.0)


def test_coverage_comes_from_the_files(tmp_path: Path) -> None:
    """Rows, first and last; a file that is damaged is left out and left alone, and one that changed is read again."""
    store = CandleStore(tmp_path, fsync=False)
    store.write(DAILY, [(day * DAY, 1.0, 1.0, 1.0, 1.0, 1.0) for day in (0, 1, 3, 40)])
    coverage = Coverage(tmp_path)
    (span,) = coverage.spans()
    assert span == Span(DAILY, (Month("1970-01", 3, 0, 3 * DAY), Month("1970-02", 1, 40 * DAY, 40 * DAY)))
    assert [span.missing(month) for month in span.months] == [1, 0]
    store.write(DAILY, [(2 * DAY, 1.0, 1.0, 1.0, 1.0, 1.0)])
    damaged = next(tmp_path.rglob("1970-02.parquet"))
    damaged.write_bytes(b"damage")
    (span,) = coverage.spans()
    assert span.months == (Month("1970-01", 4, 0, 3 * DAY),)
    assert damaged.read_bytes() == b"damage"


def test_the_page_shows_what_is_stored(tmp_path: Path) -> None:
    """Or says that there is nothing, or nothing to look with."""
    routes = Routes(overview, Coverage(tmp_path).spans)
    assert "No candles yet" in str((routes("/") or Reply("")).body)
    CandleStore(tmp_path, fsync=False).write(DAILY, [(0, 1.0, 1.0, 1.0, 1.0, 1.0)])
    assert "kraken BTC/USD 1d: 1970-01-01 to 1970-01-02, 1 candles" in str((routes("/") or Reply("")).body)
    assert "pyarrow is needed" in str((Routes(overview, None)("/") or Reply("")).body)


def test_json_is_what_status_prints() -> None:
    """The same names."""
    reply = Routes(overview, None)("/status.json")
    assert reply is not None
    assert list(json.loads(reply.body)) == [
        "at",
        "local_path",
        "daemon",
        "jobs",
        "destinations",
        "notices_owed",
        "next_try_at",
    ]
