"""A data directory that 0.1.0 wrote, in the hands of this version."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from tests.cli.command import Command

from dccd._compat import override
from dccd.candles import CandleStore, Gap, Series
from dccd.daemon.alerts.destinations import destinations_of
from dccd.daemon.config import AlertConfig, CollectorConfig, load_config
from dccd.daemon.health import HealthMonitor, JobMetrics, read_metrics
from dccd.daemon.records import Expectation, Incident, JobKey, JobRecord, Notice, Presence
from dccd.daemon.state import Silence, read_alert_state, read_presence
from dccd.testing import ManualClock, WebhookReceiver

WRITTEN = Path(__file__).parent / "fixtures" / "data-0.1.0"
NOON: Final = 1_795_176_000.0  # of 2026-11-20, UTC
ONE: Final = NOON + 3600  # after all that is recorded
MINUTE: Final = 60.0
A, B = "0d152e3f9e56", "4bdfab60fc86"
C: Final = "cb9f5f4a787b"  # gone
NO_ANSWER: Final = "TimeoutError: no answer in 10 s"
RESET: Final = "ConnectionError: connection reset by peer"
REFUSED: Final = "SourceRefusedError: binance: NO/SUCH 1h: binance does not list NO/SUCH"
SETTINGS: Final = """
[storage]
local_path = "data"

[alerts]
webhook_url = "https://alerts.example.org/a"
extra_webhooks = ["https://alerts.example.net/b", "https://alerts.example.com/c"]
group_window = 0
source = "example"

[[histo_jobs]]
exchange = "binance"
pairs = ["BTC/USDT"]

[[histo_jobs]]
exchange = "binance"
pairs = ["BTC/USDT"]
timeframe = "1m"

[[histo_jobs]]
exchange = "kraken"
pairs = ["BTC/USD"]
timeframe = "1d"

[[histo_jobs]]
exchange = "binance"
pairs = ["NO/SUCH"]
"""


def minutes(count: float) -> float:
    """Return the time so many minutes after noon."""
    return NOON + count * MINUTE


METRICS: Final = {
    "binance/BTC/USDT": JobMetrics(
        NOON + 5.25, NOON + 5.25, 57, last_duration=0.25, runs=1, newest_at=NOON, rows_missing=3
    ),
    "binance/BTC/USDT@1m": JobMetrics(
        minutes(32) + 5.25,
        minutes(32) + 5.25,
        88,
        last_duration=0.25,
        runs=2,
        newest_at=minutes(32),
        rows_missing=1,
    ),
    "kraken/BTC/USD": JobMetrics(
        NOON + 5.75, NOON + 5.75, 29, last_duration=0.25, runs=1, newest_at=NOON - 43_200, rows_missing=2
    ),
    "binance/NO/SUCH": JobMetrics(
        minutes(32) + 5.25, None, 0, 2, REFUSED, last_duration=0.0, runs=2, failures=2, failing_since=NOON + 5.75
    ),
    "kraken/ETH/USD": JobMetrics(
        minutes(1), None, 0, 3, NO_ANSWER, last_duration=10.0, runs=3, failures=3, failing_since=minutes(1)
    ),
    "okx/BTC/USDT": JobMetrics(
        minutes(1),
        minutes(1),
        215,
        last_error=NO_ANSWER,
        last_duration=0.5,
        runs=3,
        failures=1,
        newest_at=NOON,
        rows_missing=2,
    ),
    "okx/ETH/USDT": JobMetrics(
        minutes(5), minutes(1), 60, 4, RESET, last_duration=10.0, runs=5, failures=4, failing_since=minutes(1)
    ),
    "okx/ADA/USDT": JobMetrics(
        minutes(31.5), None, 0, 4, NO_ANSWER, last_duration=10.0, runs=4, failures=4, failing_since=minutes(1)
    ),
    "okx/XRP/USDT": JobMetrics(minutes(5), minutes(5), 7, 0, NO_ANSWER, last_duration=0.5, runs=4, failures=3),
    "bitstamp/BTC/USD": JobMetrics(
        minutes(14), minutes(14), 14, 0, NO_ANSWER, last_duration=0.75, runs=5, failures=3, rows_missing=3
    ),
    "gemini/BTC/USD": JobMetrics(minutes(2), minutes(2), 10, runs=1, newest_at=NOON - 10_800),
    "bitfinex/BTC/USD": JobMetrics(minutes(5), minutes(5), 30, last_duration=2.0, runs=1),
    "okx/SOL/USDT": JobMetrics(
        minutes(12), None, 0, 3, NO_ANSWER, last_duration=10.0, runs=3, failures=3, failing_since=minutes(12)
    ),
    "okx/LTC/USDT": JobMetrics(minutes(14), minutes(14), 8, 0, NO_ANSWER, last_duration=0.75, runs=5, failures=3),
    "gemini/ETH/USD": JobMetrics(minutes(20), minutes(20), 5, last_duration=1.5, runs=1),
    "coinbase/BTC/USD": JobMetrics(
        minutes(50),
        None,
        0,
        3,
        "OSError: no route to the exchange",
        last_duration=10.0,
        runs=3,
        failures=3,
        failing_since=minutes(50),
    ),
    "coinbase/ETH/USD": JobMetrics(),
}

INCIDENTS: Final = {
    "okx/ETH/USDT": Incident(
        "failing-1a1f8d4d460-4", "failing", minutes(1), failures=4, notices=1, noticed_at=minutes(1)
    ),
    "okx/ADA/USDT": Incident(
        "failing-1a1f8d4d460-3", "failing", minutes(1), failures=4, notices=2, noticed_at=minutes(31.5)
    ),
    "okx/XRP/USDT": Incident("failing-1a1f8d4d460-3", "failing", minutes(1), 3, 1, 1, minutes(1)),
    "gemini/BTC/USD": Incident("old-data-1a1f8d6a920-1", "old data", NOON - 10_800, notices=1, noticed_at=minutes(3)),
    "bitfinex/BTC/USD": Incident("stale-1a1f8f1ab30-1", "stale", minutes(5), notices=1, noticed_at=minutes(32.5)),
    "okx/SOL/USDT": Incident(
        "failing-1a1f8dee680-3", "failing", minutes(12), failures=3, notices=1, noticed_at=minutes(12)
    ),
    "gemini/ETH/USD": Incident("overrun-1a1f8f1ab30-1", "overrun", minutes(25), notices=1, noticed_at=minutes(32.5)),
    "coinbase/BTC/USD": Incident("failing-1a1f901b0c0-3", "failing", minutes(50), failures=3),
}

# Notice, event, who has it, failed tries by who has not; B was down from 12:10 on, and all was killed at 12:32.
OWED: Final[dict[str, list[tuple[str, str, tuple[str, ...], dict[str, int]]]]] = {
    "binance/BTC/USDT@1m": [("stale-1a1f8d6a920-1.2", "resolved", (), {})],
    "kraken/ETH/USD": [("failing-1a1f8d4d460-3.2", "resolved", (A,), {B: 2})],
    "okx/ADA/USDT": [("failing-1a1f8d4d460-3.2", "repeat", (A,), {B: 1})],
    "bitstamp/BTC/USD": [("failing-1a1f8d4d460-3.2", "resolved", (A,), {B: 2})],
    "bitfinex/BTC/USD": [("stale-1a1f8f1ab30-1.1", "firing", (), {})],
    "okx/SOL/USDT": [("failing-1a1f8dee680-3.1", "firing", (A,), {B: 2})],
    "okx/LTC/USDT": [
        ("failing-1a1f8dee680-3.1", "firing", (A,), {B: 3}),
        ("failing-1a1f8dee680-3.2", "resolved", (A,), {B: 2}),
    ],
    "gemini/ETH/USD": [("overrun-1a1f8f1ab30-1.1", "firing", (), {})],
}

EXPECTED: Final = {
    "binance/BTC/USDT": Expectation(3600, 1800, NOON - 5, 12_600, scheduled=True),
    "binance/BTC/USDT@1m": Expectation(60, 60, NOON - 5, 480, scheduled=True),
    "kraken/BTC/USD": Expectation(86_400, 43_200, NOON - 5, 302_400, scheduled=True),
    "binance/NO/SUCH": Expectation(3600, 1800, NOON - 5, 12_600, scheduled=True),
    "gemini/BTC/USD": Expectation(3600, 1800, minutes(2), 7200),
    "bitfinex/BTC/USD": Expectation(600, 300, minutes(5)),
    "gemini/ETH/USD": Expectation(300, 60, minutes(20)),
    "coinbase/ETH/USD": Expectation(86_400, 43_200, minutes(50)),
}


class Wire(HTTPAdapter):
    """Brings what goes to the addresses of the settings to a receiver, under the same paths."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        super().__init__()
        self.receiver = receiver

    @override
    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        path = urlsplit(str(request.url)).path
        request.url = urlsplit(self.receiver.url)._replace(path=path).geturl()
        return super().send(request, *args, **kwargs)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a copy of what 0.1.0 wrote."""
    return Path(shutil.copytree(WRITTEN, tmp_path / "data"))


@pytest.fixture
def config(data: Path, monkeypatch: pytest.MonkeyPatch) -> CollectorConfig:
    """Return the settings that it was written with, from a file beside it."""
    monkeypatch.chdir(data.parent)
    Path("dccd.toml").write_text(SETTINGS, encoding="utf-8")
    return load_config(Path("dccd.toml"))


@pytest.fixture
def session(receiver: WebhookReceiver) -> Iterator[requests.Session]:
    """Return a session whose requests reach the receiver."""
    with requests.Session() as made:
        made.trust_env = False
        made.mount("https://alerts.example.", Wire(receiver))
        yield made


@pytest.fixture
def status(
    config: CollectorConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """Return what ``dccd status --json`` prints."""
    code, out, err = Command(monkeypatch, capsys)("status", "--json")
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def records_of(data: Path) -> dict[str, JobRecord]:
    """Return all records, as a monitor that tells nobody sees them."""
    with HealthMonitor(data, AlertConfig()) as monitor:
        return monitor.records


def content_of(data: Path) -> dict[str, tuple[bytes, int]]:
    """Return what is in each file of a directory, and when it was changed."""
    files = [path for path in data.rglob("*") if path.is_file()]
    return {str(path.relative_to(data)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_the_metrics_of_each_job_are_read(data: Path) -> None:
    """Without a monitor and with one."""
    assert read_metrics(data) == METRICS
    with HealthMonitor(data, AlertConfig()) as monitor:
        assert monitor.get_metrics() == METRICS


def test_incidents_stay_open(data: Path) -> None:
    """With the identifiers, counts and notices that they had; one was opened while there was nobody to tell."""
    records = records_of(data)
    assert {key: record.incidents for key, record in records.items() if record.incidents} == {
        key: (incident,) for key, incident in INCIDENTS.items()
    }
    assert not any(record.extra for record in records.values())


def test_each_record_stays_with_its_timeframe(data: Path, config: CollectorConfig) -> None:
    """Though the jobs change their order with the upgrade; the first start writes down whose the plain keys are."""
    turned = config.model_copy(update={"histo_jobs": config.histo_jobs[::-1]})
    with HealthMonitor.from_config(turned) as monitor:
        claimed = {(job.exchange, pair, job.timeframe): key for key, job, pair in monitor.claim(turned.histo_jobs)}
    known = {key: JobKey.parse(key) for key in METRICS}
    assert claimed["binance", "BTC/USDT", "1h"] == "binance/BTC/USDT"
    assert claimed["binance", "BTC/USDT", "1m"] == "binance/BTC/USDT@1m"
    there = {key: record.timeframe for key, record in records_of(data).items()}
    assert {key for key, timeframe in there.items() if timeframe} == {
        key for key in claimed.values() if key not in known or known[key].timeframe is None
    }
    assert read_metrics(data) == METRICS


def test_what_is_owed_stays_owed_to_those_who_have_not_got_it(data: Path) -> None:
    """To both destinations what fell due just before the end, to the one that was down the rest."""
    owed = {key: record.owed for key, record in records_of(data).items() if record.owed}
    assert {
        key: [(notice.id, notice.event, notice.told, notice.tries) for notice in notices]
        for key, notices in owed.items()
    } == OWED


def test_a_notice_is_read_with_all_it_says(data: Path) -> None:
    """One of a job that was removed, which is bound to the message that the destination may have got."""
    (notice,) = records_of(data)["kraken/ETH/USD"].owed
    assert notice == Notice(
        "failing-1a1f8d4d460-3",
        2,
        "resolved",
        minutes(14),
        "failing",
        minutes(1),
        failures=3,
        error=NO_ANSWER,
        removed=True,
        messages={A: "msg_98334c9bdcdb47d29b4661aca83b64b8", B: "msg_bb08f5fad5d843408ceb6cafdaa2ee86"},
        told=(A,),
        tries={B: 2},
        next_try_at={B: minutes(41.5)},
    )


def test_what_is_owed_is_sent_to_those_who_have_not_got_it(
    config: CollectorConfig, session: requests.Session, receiver: WebhookReceiver
) -> None:
    """What was tried before goes out under its old identifier, so that nobody takes it for news twice."""
    with HealthMonitor.from_config(config, session=session, clock=ManualClock(ONE)) as monitor:
        assert monitor.flush()
        assert not any(record.owed for record in monitor.records.values())
    told: dict[str, list[tuple[str, str]]] = {}
    for message in receiver.messages:
        told.setdefault(message.path, []).extend((job["job"], job["event"]) for job in message.json["data"]["jobs"])
    to_both = [
        ("binance/BTC/USDT@1m", "resolved"),
        ("bitfinex/BTC/USD", "firing"),
        ("coinbase/BTC/USD", "firing"),
        ("gemini/ETH/USD", "firing"),
    ]
    to_b = [
        ("bitstamp/BTC/USD", "resolved"),
        ("kraken/ETH/USD", "resolved"),
        ("okx/ADA/USDT", "repeat"),
        ("okx/LTC/USDT", "resolved"),
        ("okx/SOL/USDT", "firing"),
    ]
    assert {path: sorted(events) for path, events in told.items()} == {"/a": to_both, "/b": sorted(to_both + to_b)}
    assert {message.headers["webhook-id"] for message in receiver.messages if message.path == "/b"} >= {
        "msg_b5623454e291471b8fb41f650507baae",
        "msg_bb08f5fad5d843408ceb6cafdaa2ee86",
    }


def test_what_is_expected_of_jobs_is_read(data: Path) -> None:
    """By the scheduler and by programs; of a job that was removed nothing is."""
    expected = {key: record.expected for key, record in records_of(data).items() if record.expected is not None}
    assert expected == EXPECTED


def test_silences_hold_as_long_as_they_should(data: Path, status: dict[str, Any]) -> None:
    """Of the two one has ended, and the other holds until 2100."""
    state = read_alert_state(data)
    replaced = Silence(datetime(2100, 1, 1, tzinfo=UTC).timestamp(), "the line is being replaced")
    assert state.silences == {"okx/ETH/USDT": replaced, "okx/BTC/USDT": Silence(minutes(45))}
    assert state.silent(ONE) == {"okx/ETH/USDT": replaced}
    (job,) = (job for job in status["jobs"] if job["key"] == "okx/ETH/USDT")
    assert (job["silenced_until"], job["silence_reason"]) == (replaced.until, replaced.reason)


def test_a_destination_that_is_gone_stays_gone(data: Path, config: CollectorConfig, status: dict[str, Any]) -> None:
    """The identifiers of destinations are what they were."""
    assert [destination.id for destination in destinations_of(config.alerts)] == [A, B, C]
    assert read_alert_state(data).gone == {C: "HTTP 410 Gone"}
    assert {place["address"]: place["gone"] for place in status["destinations"]} == {
        "https://alerts.example.org/***": False,
        "https://alerts.example.net/***": False,
        "https://alerts.example.com/***": True,
    }


def test_what_the_daemon_said_is_read(data: Path, status: dict[str, Any]) -> None:
    """It was killed, so that nobody holds its lock."""
    assert read_presence(data) == Presence(
        4242,
        "0.1.0",
        NOON - 5,
        minutes(32.5),
        "running",
        jobs=4,
        next_runs={
            "binance/BTC/USDT": ONE + 5,
            "binance/BTC/USDT@1m": minutes(33) + 5,
            "kraken/BTC/USD": NOON + 43_205,
            "binance/NO/SUCH": ONE + 5,
        },
        destinations=tuple(f"https://alerts.example.{domain}/***" for domain in ("org", "net", "com")),
        address="http://127.0.0.1:9464/",
        reloaded_at=minutes(14),
    )
    daemon = status["daemon"]
    assert (daemon["state"], daemon["pid"], daemon["version"]) == ("died", 4242, "0.1.0")


def test_the_status_shows_each_job(status: dict[str, Any]) -> None:
    """Those of the settings and those of which there is but a record; what is owed is counted."""
    jobs = {job["key"]: job for job in status["jobs"]}
    assert set(jobs) == set(METRICS)
    assert {key for key, job in jobs.items() if job["configured"]} == {
        "binance/BTC/USDT",
        "binance/BTC/USDT@1m",
        "binance/NO/SUCH",
        "kraken/BTC/USD",
    }
    assert {key for key, job in jobs.items() if job["state"] == "alerted"} == set(INCIDENTS)
    assert {key for key, job in jobs.items() if job["state"] == "failing"} == {"binance/NO/SUCH", "kraken/ETH/USD"}
    assert {key for key, job in jobs.items() if job["state"] == "never"} == {"coinbase/ETH/USD"}
    assert {key: job["notices_owed"] for key, job in jobs.items() if job["notices_owed"]} == {
        key: len(notices) for key, notices in OWED.items()
    }
    assert status["notices_owed"] == 9


def test_a_job_that_is_refused_keeps_its_error(status: dict[str, Any]) -> None:
    """As the exchange does not list the pair."""
    (job,) = (job for job in status["jobs"] if job["key"] == "binance/NO/SUCH")
    assert (job["state"], job["errors_count"], job["last_error"]) == ("failing", 2, REFUSED)
    assert (job["failing_since"], job["incidents"]) == (NOON + 5.75, [])


def ms(text: str) -> int:
    """Return a time in UTC as the open time of a candle."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


HOURS, MINUTES, DAYS = (
    Series("binance", "BTC/USDT", "1h"),
    Series("binance", "BTC/USDT", "1m"),
    Series("kraken", "BTC/USD", "1d"),
)


@pytest.mark.parametrize(
    ("series", "rows", "ends", "gaps"),
    [
        (
            HOURS,
            57,
            (
                (ms("2026-11-18"), 19413.53, 19432.94, 19181.9, 19201.1, 8.2),
                (ms("2026-11-20T11:00"), 20855.47, 21068.9, 20834.61, 21047.85, 34.03),
            ),
            [Gap(ms("2026-11-19T03:00"), ms("2026-11-19T05:00"), 3)],
        ),
        (
            MINUTES,
            88,
            (
                (ms("2026-11-20T11:00"), 20855.47, 20876.33, 20827.58, 20848.43, 90.86),
                (ms("2026-11-20T12:31"), 21220.15, 21254.49, 21198.93, 21233.26, 6.98),
            ),
            [
                Gap(ms("2026-11-20T11:20"), ms("2026-11-20T11:22"), 3),
                Gap(ms("2026-11-20T12:15"), ms("2026-11-20T12:15"), 1),
            ],
        ),
        (
            DAYS,
            29,
            (
                (ms("2026-10-20"), 13339.59, 13464.34, 13326.25, 13450.89, 88.6),
                (ms("2026-11-19"), 13865.2, 14425.69, 13851.33, 14411.28, 34.06),
            ),
            [Gap(ms("2026-10-31"), ms("2026-11-01"), 2)],
        ),
    ],
    ids=["1h", "1m", "1d"],
)
def test_candles_are_read_and_what_is_missing_between_them_stays_missing(
    data: Path, series: Series, rows: int, ends: tuple[tuple[float, ...], ...], gaps: list[Gap]
) -> None:
    """One gap lies where two months meet."""
    store = CandleStore(data, read_only=True)
    assert store.series() == [HOURS, MINUTES, DAYS]
    columns = [column.to_pylist() for column in store.read(series).columns]
    candles = [(round(opened.timestamp() * 1000), *numbers) for opened, *numbers in zip(*columns, strict=True)]
    assert (len(candles), (candles[0], candles[-1])) == (rows, ends)
    assert store.gaps(series) == gaps
    assert store.last(series) == ends[-1][0]


def test_a_series_goes_on_after_its_last_candle(data: Path) -> None:
    """In the file of its month, which keeps the candles that it had."""
    store = CandleStore(data, fsync=False)
    before = store.read(DAYS).to_pylist()
    assert store.write(DAYS, [(ms("2026-11-20"), 14411.28, 14500.0, 14400.0, 14450.0, 1.0)]) == 1
    after = store.read(DAYS).to_pylist()
    assert after[:-1] == before
    assert after[-1]["close"] == 14450.0


def test_looking_changes_no_file(
    data: Path, config: CollectorConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither its bytes nor its time, and none comes or goes."""
    before = content_of(data)
    read_metrics(data)
    assert content_of(data) == before
    read_presence(data)
    read_alert_state(config.storage.local_path)
    for series in CandleStore(data, read_only=True).series():
        CandleStore(data, read_only=True).gaps(series)
    for command in (("status",), ("status", "--json"), ("silences",)):
        assert Command(monkeypatch, capsys)(*command)[0] == 0
    assert content_of(data) == before


def test_a_record_of_one_job_leaves_the_others_as_they_are(data: Path) -> None:
    """What was counted goes on from where it was."""
    before = records_of(data)
    with HealthMonitor(data, AlertConfig()) as monitor:
        monitor.record_success("okx", "BTC/USDT", 5)
        assert monitor.persistence_fault is None
    after = records_of(data)
    changed = after.pop("okx/BTC/USDT").metrics
    assert (changed.rows_collected, changed.runs, changed.failures) == (220, 4, 1)
    del before["okx/BTC/USDT"]
    assert after == before


def test_the_log_goes_on_after_its_last_line(data: Path) -> None:
    """What was rolled over stays where it is."""
    log, older = (data / ".dccd" / name for name in ("dccd.log", "dccd.log.1"))
    before, rolled = log.read_text(encoding="utf-8"), older.read_bytes()
    with HealthMonitor(data, AlertConfig()) as monitor:
        monitor.record_failure("okx", "BTC/USDT", error=NO_ANSWER)
    after = log.read_text(encoding="utf-8")
    assert after.startswith(before)
    assert after.removeprefix(before).endswith(
        f" WARNING dccd.daemon.health: okx/BTC/USDT failed, 1 in a row: {NO_ANSWER}\n"
    )
    assert older.read_bytes() == rolled
