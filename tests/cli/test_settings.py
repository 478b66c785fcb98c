"""The commands about the configuration."""

import json
from pathlib import Path

import pytest
from tests.cli.command import Command

from dccd.daemon.config.describe import settings


def test_a_file_is_begun_and_can_be_used_at_once(dccd: Command, tmp_path: Path) -> None:
    """The next command that it names finds nothing wrong with it."""
    code, said, _ = dccd("init")
    assert (code, said) == (0, "dccd.toml is written: put in your exchange and pairs, then run dccd validate\n")
    assert (tmp_path / "dccd.toml").stat().st_mode & 0o777 == 0o600
    code, said, _ = dccd("validate")
    assert code == 0
    assert "kraken/BTC/USD  every 1h\n" in said


def test_an_existing_file_is_left_alone(dccd: Command, tmp_path: Path) -> None:
    """Also one that is no configuration."""
    (tmp_path / "dccd.toml").write_text("precious")
    code, _, said = dccd("init")
    assert (code, said) == (1, "dccd: dccd.toml exists and was not changed: move it away, or name another file\n")
    assert (tmp_path / "dccd.toml").read_text() == "precious"
    assert dccd("init", "other.toml")[0] == 0
    assert dccd("init", "missing/dccd.toml")[0] == 1


def test_each_setting_is_shown_with_its_source(dccd: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable, a line of a file, a default; a secret masked."""
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/s3cret")
    monkeypatch.setenv("DCCD_HISTO_JOBS__0__EXCHANGE", "kraken")
    monkeypatch.setenv("DCCD_HISTO_JOBS__0__PAIRS", "BTC/USD,ETH/USD")
    (tmp_path / "dccd.toml").write_text('[alerts]\nrepeat_interval = "2h"\n')
    code, said, err = dccd("validate")
    assert (code, err) == (0, "")
    rows = {
        line.split()[0]: line.split(maxsplit=1)[1].split("  ")
        for line in said.split("\n\n", maxsplit=1)[0].splitlines()
    }
    shown = {name: (parts[0], parts[-1].strip()) for name, parts in rows.items()}
    assert set(shown) == {".".join(map(str, each.path)).replace(".0.", "[0].") for each in settings()}
    assert shown["alerts.webhook_url"] == ("***", "environment variable DCCD_ALERTS__WEBHOOK_URL")
    assert shown["alerts.repeat_interval"] == ("2h", "dccd.toml:2")
    assert shown["alerts.format"] == ("auto", "default")
    assert shown["histo_jobs[0].pairs"] == ("BTC/USD, ETH/USD", "environment variable DCCD_HISTO_JOBS__0__PAIRS")
    assert "s3cret" not in said
    assert "alerts: slack" in said


def test_a_duration_is_shown_as_it_is(dccd: Command, tmp_path: Path) -> None:
    """Not rounded to its largest units."""
    given = {"group_window": 0.5, "repeat_interval": 1_234_567.5, "outbox_ttl": "90m", "shutdown_timeout": 0}
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in given.items())
    (tmp_path / "dccd.toml").write_text(f"[alerts]\n{lines}[[histo_jobs]]\nexchange = 'kraken'\npairs = 'A/B'\n")
    said = dccd("validate")[1]
    shown = {line.split()[0]: line.split()[1] for line in said.splitlines() if line.startswith("alerts.")}
    assert [shown[f"alerts.{key}"] for key in given] == ["0.5s", "1234567.5s", "90m", "0s"]


def test_a_variable_of_somebody_else_is_named_once(
    dccd: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Validating loads the configuration once."""
    monkeypatch.setenv("DCCD_HISTO_JOBS__0__EXCHANGE", "kraken")
    monkeypatch.setenv("DCCD_HISTO_JOBS__0__PAIRS", "BTC/USD")
    monkeypatch.setenv("DCCD_IMAGE_TAG", "x")
    assert dccd("validate")[0] == 0
    assert len(caplog.records) == 1


def test_an_exchange_that_is_not_known_is_told_with_its_place(dccd: Command, tmp_path: Path) -> None:
    """And a close name."""
    (tmp_path / "dccd.toml").write_text('[[histo_jobs]]\nexchange = "krakn"\npairs = ["BTC/USD"]\n')
    code, said, err = dccd("validate")
    assert (code, said) == (78, "")
    (line,) = err.splitlines()
    assert line.startswith("dccd: dccd.toml:2: histo_jobs[0].exchange: ")
    assert "kraken" in line


def test_every_variable_is_listed(dccd: Command) -> None:
    """Within 80 columns, with those that are no settings."""
    code, said, _ = dccd("env")
    assert code == 0
    assert {each.variable for each in settings()} | {"DCCD_CONFIG", "DCCD_SECRETS_DIR"} <= set(said.split())
    assert max(map(len, said.splitlines())) <= 80
    assert "DCCD_ALERTS__REPEAT_INTERVAL\n    duration, 0s to 365d; default 4h\n    Time between" in said


def test_the_schema_is_printed(dccd: Command) -> None:
    """As JSON and nothing else."""
    code, said, _ = dccd("schema")
    assert code == 0
    assert json.loads(said)["title"] == "CollectorConfig"


def test_a_configuration_of_2_x_is_carried_over(dccd: Command, tmp_path: Path) -> None:
    """The new file can be used, only its owner reads it, and what becomes of the data is said."""
    (tmp_path / "config.yml").write_text(
        "histo_jobs: [{exchange: kraken, pairs: [BTC/USD], span: 60}]\n"
        "alerts: {webhook_url: 'https://hooks.slack.com/services/T0/B0/s3cret'}\nsettings: {timezone: UTC}\n"
    )
    code, said, _ = dccd("migrate", "config.yml")
    assert code == 0
    assert "settings.timezone was left out" in said
    assert f"Metrics carry over: {tmp_path / 'data' / 'crypto' / '.dccd' / 'metrics.json'}" in said
    assert "CANDLES DO NOT CARRY OVER" in said
    assert "s3cret" not in said
    assert (tmp_path / "dccd.toml").stat().st_mode & 0o777 == 0o600
    code, said, _ = dccd("validate")
    assert code == 0
    assert "kraken/BTC/USD  every 1m\n" in said
    assert dccd("migrate", "config.yml")[0] == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "config.yml cannot be read (No such file or directory): give the config.yml of dccd 2.x"),
        (b"\xff\xfe", "config.yml: is not UTF-8"),
        (b"a: [", "config.yml: is not YAML (line 1, "),
        (b"a: 1", "config.yml: is no configuration of dccd 2.x"),
    ],
)
def test_what_cannot_be_carried_over_is_told(
    dccd: Command, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """In a line, and nothing is written."""
    if content is not None:
        (tmp_path / "config.yml").write_bytes(content)
    code, said, err = dccd("migrate", "config.yml")
    assert (code, said) == (78, "")
    assert err.startswith(f"dccd: {problem}")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "dccd.toml").exists()


def test_jobs_are_shown_with_the_keys_of_their_records(dccd: Command, tmp_path: Path) -> None:
    """Whatever their order is; without records that of the file counts, and nothing is made."""
    jobs = "".join(
        f"[[histo_jobs]]\nexchange = 'kraken'\npairs = 'A/B'\ntimeframe = '{each}'\n" for each in ("1m", "1h")
    )
    (tmp_path / "dccd.toml").write_text(f"[storage]\nlocal_path = 'data'\n{jobs}")
    assert "kraken/A/B  every 1m\nkraken/A/B@1h  every 1h\n" in dccd("validate")[1]
    assert not (tmp_path / "data").exists()
    (tmp_path / "data" / ".dccd").mkdir(parents=True)
    (tmp_path / "data" / ".dccd" / "metrics.json").write_text(json.dumps({"kraken/A/B": {"timeframe": "1h"}}))
    assert "kraken/A/B@1m  every 1m\nkraken/A/B  every 1h\n" in dccd("validate")[1]
