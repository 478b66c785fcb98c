"""Variables, ``.env`` and directories of secrets, as containers and services have them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.daemon.config.surroundings import Place

from dccd.daemon.config import load_config
from dccd.errors import ConfigError

URL = "https://example.com/hook/s3cret-token"


def mounted(directory: Path, secrets: dict[str, str]) -> None:
    """Lay out a directory as Kubernetes does, whose update is one change of a link."""
    stamped = directory / "..2026_11_24_02_00_00.123456789"
    stamped.mkdir(parents=True)
    (directory / "..data").symlink_to(stamped.name)
    for name, text in secrets.items():
        (stamped / name).write_text(text)
        (directory / name).symlink_to(Path("..data", name))


def test_a_secret_of_kubernetes_is_read_through_its_links(place: Place) -> None:
    """Its own directories are no secrets."""
    mounted(
        place.path / "secrets", {"DCCD_ALERTS__WEBHOOK_URL": f"{URL}\n", "dccd_alerts__heartbeat_url": f"{URL}/beat"}
    )
    place.environ["DCCD_SECRETS_DIR"] = str(place.path / "secrets")
    traced = place.load()
    assert traced.config.alerts.webhook_url == URL
    assert traced.config.alerts.heartbeat_url == f"{URL}/beat"
    assert place.relative(traced.origins["alerts.webhook_url"]) == "secret file secrets/DCCD_ALERTS__WEBHOOK_URL"


def test_files_of_others_in_run_secrets_are_left_alone(place: Place) -> None:
    """Nobody reads them, whatever they hold, and a directory that is not there is no mistake."""
    assert place.load().config.alerts.webhook_url is None
    place.write("run/db_password", b"\xff\xfe")
    (place.path / "run" / "kubernetes.io").mkdir()
    (place.path / "run" / "loop").symlink_to("loop")
    place.write("run/dccd_alerts__webhook_url", f"\ufeff{URL}\r\n")
    assert place.load().config.alerts.webhook_url == URL


def test_credentials_of_systemd_are_read(place: Place) -> None:
    """They go before ``/run/secrets``; a directory of them that this user may not see is no mistake."""
    place.write("credentials/dccd_alerts__webhook_url", URL)
    place.write("run/dccd_alerts__webhook_url", f"{URL}/other")
    place.environ["CREDENTIALS_DIRECTORY"] = str(place.path / "credentials")
    assert place.load().config.alerts.webhook_url == URL
    place.environ["CREDENTIALS_DIRECTORY"] = str(place.path / "nothing")
    assert place.load().config.alerts.webhook_url == f"{URL}/other"


def test_a_secret_file_of_a_setting_goes_before_one_of_its_section(place: Place) -> None:
    """However they are spelt."""
    place.write("run/dccd_alerts", '{"source": "section", "format": "slack"}')
    place.write("run/DCCD_ALERTS__SOURCE", "own")
    alerts = place.load().config.alerts
    assert (alerts.source, alerts.format) == ("own", "slack")


def test_a_secret_that_cannot_be_read_is_told(place: Place) -> None:
    """A directory, a broken link, a loop, a way out of the directory."""
    run = place.path / "run"
    (run / "DCCD_ALERTS__WEBHOOK_URL").mkdir(parents=True)
    (run / "DCCD_ALERTS__HEARTBEAT_URL").symlink_to("nothing")
    (run / "DCCD_ALERTS__FORMAT").symlink_to("DCCD_ALERTS__FORMAT")
    (run / "DCCD_ALERTS__SOURCE").symlink_to(place.write("elsewhere", "s3cret"))
    os.mkfifo(run / "DCCD_LOG__LEVEL")
    format_, *others = place.problems()
    assert format_.startswith("secret file run/DCCD_ALERTS__FORMAT: cannot be read (")
    assert others == [
        "secret file run/DCCD_ALERTS__HEARTBEAT_URL: cannot be read (no file, or a broken link)",
        "secret file run/DCCD_ALERTS__SOURCE: cannot be read (it links to a place outside of its directory)",
        "secret file run/DCCD_ALERTS__WEBHOOK_URL: cannot be read (no file, or a broken link)",
        "secret file run/DCCD_LOG__LEVEL: cannot be read (no file, or a broken link)",
    ]


def test_dotenv_may_name_the_file_and_the_directory_of_secrets(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment goes before it."""
    place.write("etc/mine.toml", "[log]\nlevel = 'DEBUG'\n")
    place.write("etc/other.toml", "[log]\nlevel = 'ERROR'\n")
    place.write("chosen/dccd_alerts__source", "chosen")
    place.write(".env", f"DCCD_CONFIG={place.path}/etc/mine.toml\nDCCD_SECRETS_DIR={place.path}/chosen\n")
    traced = place.load()
    assert (traced.config.log.level, traced.config.alerts.source) == ("DEBUG", "chosen")
    place.environ["DCCD_CONFIG"] = str(place.path / "etc" / "other.toml")
    assert place.load().config.log.level == "ERROR"
    monkeypatch.setenv("HOME", str(place.path))
    place.environ["DCCD_CONFIG"] = "~/etc/mine.toml"
    assert place.load().config.log.level == "DEBUG"
    place.write(".env", "DCCD_CONFIG=no.toml\n")
    del place.environ["DCCD_CONFIG"]
    assert place.problems() == [
        ".env:1: no.toml cannot be read (No such file or directory): give the path of a TOML file"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read all files")
def test_a_file_that_may_not_be_read_is_told(place: Place) -> None:
    """So are .env and a secret."""
    for name in (".env", "dccd.toml", "run/DCCD_LOG__LEVEL"):
        place.write(name, "x").chmod(0)
    assert ["(Permission denied)" in line for line in place.problems()] == [True] * 3


def test_a_directory_that_may_not_be_searched_has_no_files(tmp_path: Path) -> None:
    """As when an administrator asks for the status as another user, from a directory of his own."""
    code = """
import os, sys
from dccd.daemon.config import load_config  # before the interpreter itself cannot be read any more
import encodings.utf_8_sig, dotenv.main
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
else:
    os.chmod(".", 0)
print(load_config().storage.local_path)
"""
    environment = {**os.environ, "HOME": "/nowhere", "XDG_DATA_HOME": "/data"}
    for name in (".env", "dccd.toml", "pyproject.toml"):
        (tmp_path / name).write_text("[")
    tmp_path.chmod(0o700)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    tmp_path.chmod(0o700)
    assert (done.stdout, done.stderr) == ("/data/dccd\n", "")


def test_a_process_without_a_home_needs_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is no more than a number."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 1_234_567)
    with pytest.raises(ConfigError) as refused:
        load_config()
    assert str(refused.value) == "storage.local_path: the home directory is not known: give a full path"
    assert load_config(storage={"local_path": "/data"}).storage.local_path == Path("/data")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/dccd")
    assert load_config().storage.local_path == Path("/var/lib/dccd")


def test_a_virtual_environment_called_dotenv_is_no_file(place: Place) -> None:
    """Python makes those."""
    (place.path / ".env").mkdir()
    assert place.load().origins == {}


def test_jobs_may_be_numbered_variables(place: Place) -> None:
    """In the order of the numbers, gaps or not; pairs are JSON or have commas."""
    place.environ |= {
        "DCCD_HISTO_JOBS__10__EXCHANGE": "kraken",
        "DCCD_HISTO_JOBS__10__PAIRS": "BTC/USD,ETH/USD",
        "DCCD_HISTO_JOBS__2__EXCHANGE": "binance",
        "DCCD_HISTO_JOBS__2__PAIRS": '["BTC/USDT"]',
        "DCCD_HISTO_JOBS__2__TIMEFRAME": "60",
        "DCCD_HISTO_JOBS__2__START": "2026-01-01",
    }
    traced = place.load()
    first, second = traced.config.histo_jobs
    assert (first.exchange, first.pairs, first.timeframe) == ("binance", ("BTC/USDT",), "1m")
    assert (second.exchange, second.pairs, second.timeframe) == ("kraken", ("BTC/USD", "ETH/USD"), "1h")
    assert traced.origins["histo_jobs[1].pairs"] == "environment variable DCCD_HISTO_JOBS__10__PAIRS"


def test_a_wrong_numbered_job_is_told_by_its_variable(place: Place) -> None:
    """Each of its problems."""
    place.environ |= {"DCCD_HISTO_JOBS__5__PAIRS": "BTCUSD", "DCCD_HISTO_JOBS__7__EXCHANGE": "a"}
    of_fifth = "environment variable DCCD_HISTO_JOBS__5__PAIRS: histo_jobs[0]"
    assert place.problems() == [
        f"{of_fifth}.exchange: is missing",
        f"{of_fifth}.pairs[0]: a pair is written BASE/QUOTE (BTC/USDT)",
        "environment variable DCCD_HISTO_JOBS__7__EXCHANGE: histo_jobs[1].pairs: is missing",
    ]


def test_the_jobs_of_a_higher_place_replace_all_of_a_lower(place: Place) -> None:
    """Numbered, JSON or tables."""
    place.write("dccd.toml", "[[histo_jobs]]\nexchange = 'c'\npairs = ['A/B', 'C/D']\n")
    place.write(".env", 'DCCD_HISTO_JOBS=[{"exchange": "b", "pairs": "A/B"}]\n')
    assert [job.exchange for job in place.load().config.histo_jobs] == ["b"]
    place.environ |= {"DCCD_HISTO_JOBS__0__EXCHANGE": "a", "DCCD_HISTO_JOBS__0__PAIRS": "A/B"}
    assert [job.exchange for job in place.load().config.histo_jobs] == ["a"]
    assert place.load(histo_jobs=()).config.histo_jobs == ()
