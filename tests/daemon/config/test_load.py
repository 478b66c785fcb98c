"""Which place each setting is taken from, with the environment of this process."""

import json
import os
from pathlib import Path

import pytest

from dccd.daemon.config import load_config
from dccd.errors import ConfigError

HIDDEN = "https://example.com/hook/s3cret-token"


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))


def written(text: str, name: str = "dccd.toml") -> Path:
    """Return a file in the working directory."""
    path = Path.cwd() / name
    path.write_text(text, encoding="utf-8")
    return path


def test_arguments_go_before_environment_before_files_before_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting by setting."""
    written("[alerts]\nmax_consecutive_errors = 4\nrecovery_threshold = 4\nrepeat_interval = '4h'\ngroup_window = 4\n")
    written("[tool.dccd.alerts]\ngroup_window = 3\noutbox_ttl = '3d'\n", "pyproject.toml")
    written("DCCD_ALERTS__RECOVERY_THRESHOLD=5\nDCCD_ALERTS__REPEAT_INTERVAL=5h\n", ".env")
    monkeypatch.setenv("DCCD_ALERTS__REPEAT_INTERVAL", "6h")
    alerts = load_config(alerts={"max_consecutive_errors": 7}).alerts
    assert alerts.max_consecutive_errors == 7
    assert alerts.repeat_interval == 6 * 3600
    assert alerts.recovery_threshold == 5
    assert alerts.group_window == 4
    assert alerts.outbox_ttl == 3 * 86_400
    assert alerts.send_resolved


def test_the_file_is_the_argument_else_the_variable_else_the_one_at_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's is the last resort."""
    files = {name: tmp_path / f"{name}.toml" for name in ("argument", "variable")}
    (tmp_path / "home" / "dccd").mkdir(parents=True)
    files |= {"here": Path("dccd.toml"), "user": tmp_path / "home" / "dccd" / "dccd.toml"}
    for name, path in files.items():
        path.write_text(f"[alerts]\nsource = '{name}'\n")
    monkeypatch.setenv("DCCD_CONFIG", str(files["variable"]))
    assert load_config(files["argument"]).alerts.source == "argument"
    assert load_config().alerts.source == "variable"
    monkeypatch.delenv("DCCD_CONFIG")
    assert load_config().alerts.source == "here"
    files["here"].unlink()
    assert load_config().alerts.source == "user"


def test_jobs_come_from_a_file_or_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tables or as JSON."""
    written('[[histo_jobs]]\nexchange = "kraken"\npairs = ["BTC/USD"]\nstart = 2024-01-01\n')
    (job,) = load_config().histo_jobs
    assert (job.exchange, job.pairs, job.timeframe) == ("kraken", ("BTC/USD",), "1h")
    assert job.start is not None
    assert job.start.isoformat() == "2024-01-01T00:00:00+00:00"
    jobs = [{"exchange": "binance", "pairs": "BTC/USDT, ETH/USDT", "timeframe": 60}]
    monkeypatch.setenv("DCCD_HISTO_JOBS", json.dumps(jobs))
    (job,) = load_config().histo_jobs
    assert (job.exchange, job.pairs, job.timeframe) == ("binance", ("BTC/USDT", "ETH/USDT"), "1m")


def test_a_relative_place_is_relative_to_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And absolute once loaded; systemd's directory is the default."""
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "dccd.toml"
    path.write_text('[storage]\nlocal_path = "data"\n')
    assert load_config(path).storage.local_path == tmp_path / "etc" / "data"
    assert load_config(storage={"local_path": "here"}).storage.local_path == Path.cwd() / "here"
    assert load_config().storage.local_path.is_absolute()
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/dccd:/other")
    assert load_config().storage.local_path == Path("/var/lib/dccd")
    assert load_config(path).storage.local_path == tmp_path / "etc" / "data"


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_file_that_cannot_be_read_is_an_error(name: str) -> None:
    """Nobody runs on defaults who named a file."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(name)


def test_a_secret_is_in_no_repr_no_dump_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """From wherever it came."""
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", HIDDEN)
    config = load_config()
    assert config.alerts.webhook_url == HIDDEN
    for text in (repr(config), str(config.alerts), str(config.model_dump()), config.model_dump_json()):
        assert "s3cret" not in text
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", HIDDEN.replace("https", "gopher"))
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert "s3cret" not in f"{caught.value}{caught.value.__cause__}"
    monkeypatch.setenv("DCCD_ALERTS", "{" + HIDDEN)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert "s3cret" not in f"{caught.value}{caught.value.__cause__}"


def test_loading_changes_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it need one."""
    written("DCCD_ALERTS__SOURCE=x\n", ".env")
    before = dict(os.environ)
    load_config()
    assert dict(os.environ) == before
