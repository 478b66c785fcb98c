"""The commands about alerts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.command import Command

from dccd.daemon.config import AlertConfig
from dccd.daemon.health import HealthMonitor, read_metrics
from dccd.daemon.state.silences import read_alert_state
from dccd.disk.locks import file_lock
from dccd.testing import Answer, WebhookReceiver

pytestmark = pytest.mark.usefixtures("data")

KEY = "kraken/BTC/USD"


def state_of(said: str, key: str = KEY) -> str:
    """Return the state that ``dccd status`` shows of a job."""
    return next(line.split()[0] for line in said.splitlines() if f" {key} " in line)


@pytest.mark.parametrize("as_json", [pytest.param(True, id="json"), pytest.param(False, id="commas")])
def test_a_test_alert_goes_to_every_destination(
    dccd: Command, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """Each says in words what it answered; the message says that it is a test."""
    with WebhookReceiver() as other:
        monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", receiver.url)
        urls = [other.url, f"{other.url}-more"]
        monkeypatch.setenv("DCCD_ALERTS__EXTRA_WEBHOOKS", json.dumps(urls) if as_json else ",".join(urls))
        code, out, err = dccd("test-alert")
        assert len(other.messages) == 2
    assert (code, err) == (0, "")
    assert out == "generic (http://127.0.0.1/***): delivered\n" * 3
    text = receiver.messages[0].json["text"]
    assert "test" in text.splitlines()[0]
    assert "nothing is wrong" in text


def test_a_test_alert_that_one_refuses_exits_1(
    dccd: Command, data: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others get it all the same; no destination is given up for it, and nothing is written."""
    before = sorted(data.rglob("*"))
    with WebhookReceiver() as other:
        receiver.answer(403)
        monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", receiver.url)
        monkeypatch.setenv("DCCD_ALERTS__EXTRA_WEBHOOKS", json.dumps([other.url]))
        code, out, err = dccd("test-alert")
        assert len(other.messages) == 1
    assert (code, err) == (1, "")
    first, second = out.splitlines()
    assert first == "generic (http://127.0.0.1/***): not delivered: HTTP 403 Forbidden"
    assert second.endswith(": delivered")
    assert "s3cret" not in out
    assert sorted(data.rglob("*")) == before


@pytest.mark.parametrize(
    ("form", "answer", "words"),
    [
        ("slack", Answer(200, "no_service"), "HTTP 200, but not Slack's ok"),
        ("generic", Answer(302, headers={"Location": "/elsewhere"}), "HTTP 302 Found"),
        ("discord", Answer(401), "HTTP 401 Unauthorized"),
        ("teams", Answer(499), "HTTP 499"),
    ],
)
def test_what_a_destination_answers_is_put_into_words(
    dccd: Command,
    receiver: WebhookReceiver,
    monkeypatch: pytest.MonkeyPatch,
    *,
    form: str,
    answer: Answer,
    words: str,
) -> None:
    """In the format that was set."""
    receiver.answer(answer)
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("DCCD_ALERTS__FORMAT", form)
    code, out, _ = dccd("test-alert")
    assert (code, out) == (1, f"{form} (http://127.0.0.1/***): not delivered: {words}\n")


def test_a_test_alert_without_a_destination_says_how_to_set_one(dccd: Command) -> None:
    """And exits 1: nobody would be told."""
    code, out, err = dccd("test-alert")
    assert (code, err) == (1, "")
    assert "DCCD_ALERTS__WEBHOOK_URL" in out


def test_a_silenced_job_says_so_in_the_status_and_counts_on(dccd: Command, data: Path) -> None:
    """Until the silence is ended."""
    code, out, _ = dccd("silence", KEY, "--for", "2h", "--reason", "upgrade of the line")
    assert (code, out) == (0, f"{KEY} is silenced for 2h; its failures are still counted\n")
    assert state_of(dccd("status")[1]) == "ALERTED,SILENCED"
    assert state_of(dccd("status")[1], "kraken/ETH/USD") == "OK"
    code, out, _ = dccd("silences")
    assert code == 0
    (line,) = out.splitlines()
    assert line.startswith(f"{KEY}  for another ")
    assert line.endswith("  upgrade of the line")
    with HealthMonitor(data, AlertConfig()) as monitor:
        monitor.record_failure("kraken", "BTC/USD")
    assert read_metrics(data)[KEY].errors_count == 4
    assert dccd("unsilence", KEY)[:2] == (0, f"the silence of {KEY} is over\n")
    assert dccd("silences")[:2] == (0, "no job is silenced\n")
    assert state_of(dccd("status")[1]) == "ALERTED"


def test_a_silence_may_be_made_longer_or_shorter(dccd: Command, data: Path) -> None:
    """The last word counts."""
    for duration in ("2h", "1d", "30m"):
        assert dccd("silence", KEY, "--for", duration)[0] == 0
    (silence,) = read_alert_state(data).silences.values()
    assert "30m" in dccd("silences")[1] or "29m" in dccd("silences")[1]
    assert silence.reason == ""


@pytest.mark.parametrize("duration", ["soon", "-1h", "", "1h30", "0", "0s", "9" * 400 + "d", "1e3"])
def test_a_silence_of_no_duration_is_an_error_in_one_line(dccd: Command, data: Path, duration: str) -> None:
    """Nothing is silenced then."""
    code, out, err = dccd("silence", KEY, f"--for={duration}")
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith("dccd: --for: ")
    assert read_alert_state(data).silences == {}


@pytest.mark.parametrize("command", [("silence", "krakn/BTC/USD", "--for", "2h"), ("forget", "krakn/BTC/USD")])
def test_a_job_that_is_not_known_is_an_error_that_names_those_that_are(
    dccd: Command, data: Path, command: tuple[str, ...]
) -> None:
    """In one line."""
    code, out, err = dccd(*command)
    assert (code, out) == (1, "")
    (line,) = err.splitlines()
    assert line.startswith(f"dccd: {data} has no record of 'krakn/BTC/USD'; it has: ")
    assert KEY in line
    assert set(read_metrics(data)) == {KEY, "kraken/ETH/USD"}


def test_a_silence_that_is_not_there_cannot_be_ended(dccd: Command) -> None:
    """The line says where to look."""
    code, out, err = dccd("unsilence", KEY)
    assert (code, out) == (1, "")
    assert err == f"dccd: {KEY} is not silenced; dccd silences lists the jobs that are\n"


def test_a_forgotten_job_is_gone_from_the_status(dccd: Command, data: Path) -> None:
    """With its incidents and what is owed of it; the others stay."""
    code, out, _ = dccd("forget", KEY)
    assert (code, out) == (0, f"{KEY} is forgotten; its candles stay\n")
    assert set(read_metrics(data)) == {"kraken/ETH/USD"}
    assert KEY not in dccd("status")[1]
    assert set(json.loads((data / ".dccd" / "metrics.json").read_bytes())) == {"kraken/ETH/USD"}


def test_a_record_that_could_not_be_dropped_is_not_said_to_be(
    dccd: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in memory would end with the command."""
    monkeypatch.setattr("dccd.daemon.state.store.LOCK_TIMEOUT_SECONDS", 0.01)
    with file_lock(data / ".dccd" / "metrics.json.lock", 1):
        code, out, err = dccd("forget", KEY)
    assert (code, out) == (1, "")
    assert f"dccd: {KEY} was not forgotten: another process holds the lock" in err
    assert KEY in read_metrics(data)


def test_a_monitor_that_is_open_sees_that_a_job_was_forgotten(dccd: Command, data: Path) -> None:
    """And counts from nothing."""
    with HealthMonitor(data, AlertConfig()) as monitor:
        assert monitor.get_metrics()[KEY].errors_count == 3
        assert dccd("forget", KEY)[0] == 0
        assert KEY not in monitor.get_metrics()
        monitor.record_failure("kraken", "BTC/USD")
        assert monitor.get_metrics()[KEY].errors_count == 1


@pytest.mark.parametrize(
    "command", [("silence", KEY, "--for", "2h"), ("silences",), ("unsilence", KEY), ("forget", KEY)]
)
def test_a_directory_without_records_is_no_reason_for_a_traceback(
    dccd: Command, data: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """An error is one line; nothing is made there."""
    (tmp_path / "dccd.toml").write_text('[storage]\nlocal_path = "nowhere"\n')
    code, out, err = dccd(*command)
    if command == ("silences",):
        assert (code, out, err) == (0, "no job is silenced\n", "")
    else:
        assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", [("silence", KEY, "--for", "2h"), ("forget", KEY)])
def test_records_that_are_damaged_are_an_error_in_one_line(dccd: Command, data: Path, command: tuple[str, ...]) -> None:
    """They are left as they are."""
    (data / ".dccd" / "metrics.json").write_bytes(b"damage")
    code, out, err = dccd(*command)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "damaged" in err
    assert (data / ".dccd" / "metrics.json").read_bytes() == b"damage"


def test_silence_wants_to_know_for_how_long(dccd: Command) -> None:
    """Wrong usage exits 2."""
    code, _, err = dccd("silence", KEY)
    assert code == 2
    assert "--for" in err


def test_the_commands_work_as_processes_of_their_own(data: Path) -> None:
    """As typed in."""
    for arguments, said in (
        (("silence", KEY, "--for", "2h"), "is silenced for 2h"),
        (("status",), "ALERTED,SILENCED"),
        (("forget", KEY), "is forgotten"),
    ):
        command = [sys.executable, "-m", "dccd", *arguments]
        env = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert said in done.stdout


def test_a_destination_that_was_gone_and_takes_a_test_is_there_again(
    dccd: Command, data: Path, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever put the webhook back tries it, and needs to do no more."""
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", receiver.url)
    receiver.answer(410, 410)
    with HealthMonitor(data, AlertConfig(webhook_url=receiver.url)) as monitor:
        monitor.flush()
    assert read_alert_state(data).gone
    assert dccd("test-alert")[0] == 1
    assert read_alert_state(data).gone
    assert dccd("test-alert")[0] == 0
    assert not read_alert_state(data).gone


def test_a_reason_is_kept_clean_and_an_odd_key_of_an_older_version_is_found_as_it_is_shown(
    dccd: Command, data: Path
) -> None:
    """The record has the key as its caller wrote it then."""
    path = data / ".dccd" / "metrics.json"
    records = json.loads(path.read_bytes())
    path.write_text(json.dumps(records | {"evil\x1b[2J/x": records[KEY]}))
    reason = "https://me:s3cret@host/ \x1b[2J\n[RESOLVED]" + "x" * 300
    assert dccd("silence", r"evil\x1b[2J/x", "--for", "2h", "--reason", reason)[0] == 0
    (silence,) = read_alert_state(data).silences.values()
    assert silence.reason.startswith(r"https://***@host/ \x1b[2J [RESOLVED]x")
    assert len(silence.reason) == 200
    for command in ("silences", "status"):
        code, out, _ = dccd(command)
        assert (code, "\x1b" in out) == (0, False)
        assert r"evil\x1b[2J/x" in out
    assert dccd("forget", r"evil\x1b[2J/x")[0] == 0
    assert "evil" not in path.read_text()


def test_a_terminal_without_a_character_gets_an_escape(data: Path) -> None:
    """Not an error."""
    with HealthMonitor(data, AlertConfig()) as monitor:
        monitor.record_failure("ünï", "😀", error="…")
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(
        [sys.executable, "-m", "dccd", "status"], env=env, capture_output=True, check=True, timeout=60
    )
    assert rb"\xfcn\xef/\U0001f600" in shown.stdout
