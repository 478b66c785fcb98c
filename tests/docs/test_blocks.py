"""Blocks that are neither typed nor loaded: what stands there is what the code makes, and no block is left unseen."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime
from fnmatch import fnmatch
from importlib.util import find_spec
from logging import makeLogRecord
from pathlib import Path

import pytest
import yaml

import dccd
from dccd.cli.alerts import set_silence
from dccd.cli.board import as_text, board
from dccd.daemon import CollectorConfig, HealthMonitor, run_once
from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.messages import Message
from dccd.daemon.alerts.wording import lines
from dccd.daemon.config.describe import settings
from dccd.daemon.logs import TextFormatter
from dccd.daemon.records.model import Incident, JobMetrics, JobRecord, Notice, Presence
from dccd.daemon.records.notices import Item
from dccd.daemon.state.presence import Claim
from dccd.daemon.state.silences import AlertState, Silence, read_alert_state
from dccd.daemon.status.assess import Configured, see
from dccd.testing import LoopbackExchange, WebhookReceiver

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "source"
BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:   .*\n|\n)+)|::\n\n((?:   .*\n|\n)+)", re.MULTILINE)
HOUR = 3600
HERE = {
    ("files.rst", ".dccd/metrics.json"),
    ("files.rst", "{"),
    ("files.rst", "2026-11-23T23:13:17.316Z WARNING"),
    ("files.rst", "[FIRING]"),
    ("files.rst", "[7 JOBS]"),
    ("watch.rst", "STATE"),
    ("watch.rst", "scrape_configs"),
    ("deploy.rst", "LoadCredential="),
    ("concepts.rst", "cli "),
    ("embed.rst", "from dccd import"),
}


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """Yield language and text of each block of a page."""
    for language, text, literal in BLOCK.findall(path.read_text(encoding="utf-8")):
        yield language or "text", re.sub(r"^   ", "", text or literal, flags=re.MULTILINE).strip("\n")


def shown(page: str, beginning: str) -> str:
    """Return the block of a page that begins so."""
    assert (page, beginning) in HERE
    [text] = [text for _, text in blocks(SOURCE / page) if text.startswith(beginning)]
    return text


def test_every_block_is_run_or_compared() -> None:
    """What is typed and TOML by their own tests, all others here."""
    unseen = [
        (path.name, text)
        for path in SOURCE.glob("*.rst")
        for language, text in blocks(path)
        if language not in {"console", "toml"}
        and path.name != "migrate.rst"  # with what is typed there
        and not any(path.name == page and text.startswith(beginning) for page, beginning in HERE)
    ]
    assert not unseen


def test_what_is_typed_and_not_run_is_of_a_few_kinds() -> None:
    """Of what needs a network, a daemon of Docker or another environment only the form can be checked."""
    kinds = [
        r"python3 -m venv \.venv",
        r"\. \.venv/bin/activate",
        r"docker (build|run|exec) .*",
        r"make \w+",
        r"cd /",
        r"sudo -u dccd .*dccd status",
    ]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for path in SOURCE.glob("*.rst"):
        for language, text in blocks(path):
            typed = re.findall(r"^\$ (.*)$", text, re.MULTILINE) if language == "console" else []
            for command in typed:
                if installed := re.fullmatch(r"pip install '\.\[([\w,]+)\]'", command):
                    assert set(installed[1].split(",")) <= set(extras)
                elif not re.match(r"(dccd|export) ", command):
                    assert any(re.fullmatch(kind, command) for kind in kinds), f"{path.name}: {command}"


def test_the_messages_are_worded_so() -> None:
    """The beginning of an incident two hours later, and its end."""
    began = datetime.fromisoformat("2026-11-23T22:15Z").timestamp()
    error = "TimeoutError: no answer"
    firing = Notice("i", 1, "firing", began, "failing", began, 3, error, began - HOUR, began - 1.25 * HOUR)
    over = began + 3 * HOUR
    resolved = Notice("i", 2, "resolved", over, "failing", began, 4, error, None, began + 2.75 * HOUR, 2)
    said = [
        "\n".join(lines(Message("m", (Item("kraken/BTC/USD", (notice,)),)), "host", began + 2 * HOUR))
        for notice in (firing, resolved)
    ]
    assert "\n\n".join(said) == shown("files.rst", "[FIRING]")


def test_a_message_on_many_jobs_is_worded_so() -> None:
    """Six that broke together, one of them in its own way, and one that is well again."""
    began = datetime.fromisoformat("2026-11-23T22:15Z").timestamp()
    error = "TimeoutError: no answer"
    items = [
        Item(
            f"kraken/{coin}/USD",
            (
                Notice(
                    "i",
                    1,
                    "resolved" if coin == "LTC" else "firing",
                    began,
                    "failing",
                    began,
                    3,
                    "E: odd" if coin == "ETH" else error,
                ),
            ),
        )
        for coin in ("ADA", "BTC", "DOT", "ETH", "LTC", "SOL", "XRP")
    ]
    said = lines(Message("m", tuple(items)), "host", began + 2 * HOUR)
    assert "\n".join(said) == shown("files.rst", "[7 JOBS]")


def test_the_status_is_shown_so() -> None:
    """On a terminal of 80 columns, while a daemon runs."""
    now = 1_795_000_000.0
    two_days, next_run = now - 49 * HOUR, now + 25
    records = {
        "binance/BTC/USDT": JobRecord(JobMetrics(now - 40, now - 40, 500, newest_at=now - 65)),
        "binance/ETH/USDT": JobRecord(
            JobMetrics(
                now - 40,
                two_days,
                500,
                212,
                "SourceUnavailableError: binance: ETH/USDT 1m: ExchangeNotAvailable: binance 503 Service Unavailable",
                newest_at=two_days,
            ),
            (Incident("i", "failing", two_days, 212), Incident("j", "old data", two_days + 60, 0)),
            owed=(Notice("i", 1, "firing", now - 60, "failing", two_days, next_try_at={SLACK.id: now + 240}),),
        ),
        "kraken/BTC/USD": JobRecord(
            JobMetrics(now - 40, now - 66 * 60, 720, 1, "TimeoutError: no answer in 10 s", newest_at=now - 68 * 60)
        ),
    }
    presence = Presence(
        4242, "0.1.0", now - 74 * HOUR, now - 12, "running", 3, dict.fromkeys(records, next_run), alive=True
    )
    place = Configured("/var/lib/dccd", dict.fromkeys(records, "1m"), (SLACK,))
    overview = see(place, records, AlertState(), presence, now)
    assert as_text(board(overview, 80), 80) == shown("watch.rst", "STATE")


SLACK = Destination("https://hooks.slack.com/services/T0/B0/x")


def test_a_record_of_the_log_looks_so() -> None:
    """Time, level, logger, message."""
    text = "kraken/BTC/USD failed, 1 in a row: TimeoutError: no answer"
    record = makeLogRecord(
        {
            "name": "dccd.daemon.health",
            "levelname": "WARNING",
            "msg": text,
            "created": datetime.fromisoformat("2026-11-23T23:13:17.316Z").timestamp(),
        }
    )
    assert TextFormatter().format(record) == shown("files.rst", "2026-11-23T23:13:17.316Z WARNING")


def test_alerts_json_is_read_so(tmp_path: Path) -> None:
    """A silence and a destination that is gone."""
    (tmp_path / ".dccd").mkdir()
    (tmp_path / ".dccd" / "alerts.json").write_text(shown("files.rst", "{"), encoding="utf-8")
    silences = {"kraken/BTC/USD": Silence(1795485329.5, "maintenance", 1795478129.5)}
    assert read_alert_state(tmp_path) == AlertState(silences, {"f0245beee669": "HTTP 410 Gone"})


def test_every_file_that_is_made_is_listed(tmp_path: Path) -> None:
    """By collecting, by failing, by a silence and by a daemon."""
    with LoopbackExchange() as exchange, WebhookReceiver() as webhook:
        job = {"exchange": "kraken", "pairs": ["BTC/USD"], "base_url": exchange.url}
        config = CollectorConfig.model_validate(
            {"storage": {"local_path": tmp_path}, "alerts": {"webhook_url": webhook.url}, "histo_jobs": [job]}
        )
        with HealthMonitor.from_config(config) as monitor, Claim(tmp_path) as claim:
            run_once(config, monitor)
            for _ in range(3):
                monitor.record_failure("kraken", "BTC/USD")
            set_silence(tmp_path, "kraken/BTC/USD", "1h", "")
            claim.report(Presence(1, "0.1.0", 0.0, 0.0, "running"))
    listed = [line.split()[0] for line in shown("files.rst", ".dccd/metrics.json").splitlines()]
    listed = [re.sub(r"\d{4}-\d\d", "????-??", name) for name in listed]
    made = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [name for name in made if not any(fnmatch(name, pattern) for pattern in [*listed, "*.lock"])]
    assert not [pattern for pattern in listed if not any(fnmatch(name, pattern) for name in made)]


def test_what_a_daemon_says_of_itself_is_told() -> None:
    """Each field of daemon.json is in its table, and no other."""
    text = (SOURCE / "files.rst").read_text(encoding="utf-8")
    table = text[text.index("daemon.json\n---") : text.index("dccd.log\n---")]
    told = [name for line in re.findall(r"^   \* - (``.*)$", table, re.MULTILINE) for name in re.findall(r"\w+", line)]
    assert set(told) == {field.name for field in fields(Presence)} - {"alive"}


def test_the_records_of_the_log_are_those_of_the_code() -> None:
    """Word for word; `...` stands for a value, and two values are named."""
    text = (SOURCE / "files.rst").read_text(encoding="utf-8")
    table = text[text.index(".. _log-records:") : text.index("Parquet\n---")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in Path(dccd.__file__).parent.rglob("*.py"))
    told = re.findall(r"^   \* - ``(.*)``$", table, re.MULTILINE)
    parts = {part.strip(" ,:") for line in told for part in re.split(r"\.\.\.|^started|stale", line)}
    assert len(told) > 10
    assert not [part for part in parts if part not in code]


def test_the_house_stands_as_on_the_page() -> None:
    """The page shows each room, and each on a floor above those shown below it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    floors = [{name.strip(" ()").removeprefix("dccd.") for name in layer.split("|")} for layer in layers]
    before = -1
    missing = {room for floor in floors for room in floor if not room.startswith("_")}
    for line in shown("concepts.rst", "cli ").splitlines():
        rooms = re.split(r"\s{2,}", line)[0].split(" | ")
        missing.difference_update(rooms)
        places = {next(number for number, floor in enumerate(floors) if room in floor) for room in rooms}
        assert len(places) == 1, line
        assert min(places) > before, line
        before = max(places)
    assert not missing


def test_a_change_begins_in_a_module_that_there_is() -> None:
    """Each room named in the table of where to put what can be opened."""
    text = (SOURCE / "concepts.rst").read_text(encoding="utf-8")
    table = text[text.index(".. _where-to-put-what:") : text.index("All names are below")]
    named = re.findall(r"``((?:daemon|cli|candles|lake|exchanges|disk|http)\.[\w.]+|errors|redact)``", table)
    assert len(named) > 20
    assert not [name for name in named if find_spec(f"dccd.{name}") is None]


def test_prometheus_is_told_of_a_file_that_there_is() -> None:
    """The scrape configuration is YAML, and its rules have the name of ours."""
    config = yaml.safe_load(shown("watch.rst", "scrape_configs"))
    [job] = config["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:9464"]
    assert [Path(path).name for path in config["rule_files"]] == ["alerts.yml"]
    assert (ROOT / "deploy" / "prometheus" / "alerts.yml").is_file()


def test_the_credential_of_systemd_is_a_setting() -> None:
    """Named as its variable would be, in small letters."""
    name = shown("deploy.rst", "LoadCredential=").partition("=")[2].partition(":")[0]
    assert name.upper() in {each.variable for each in settings()}


def test_the_scheduler_runs_in_a_program_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program of the page, with an exchange on loopback."""
    monkeypatch.chdir(tmp_path)
    with LoopbackExchange() as exchange:
        job = {"exchange": "kraken", "pairs": ["BTC/USD"], "base_url": exchange.url}
        text = f'storage.local_path = "data"\nhisto_jobs = [{", ".join(_inline(job))}]\n'
        (tmp_path / "dccd.toml").write_text(text, encoding="utf-8")
        exec(compile(shown("embed.rst", "from dccd import"), "embed.rst", "exec"), {})  # noqa: S102 - our own text
    assert (tmp_path / "data" / ".dccd" / "metrics.json").is_file()


def _inline(job: Mapping[str, object]) -> list[str]:
    return ["{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in job.items()) + "}"]
