"""Variables, ``.env`` and directories of secrets, as containers and services have them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.daemon.config.surroundings import Place

from dccd.daemon.config import load_config
from dccd.errors import ConfigError

SECRETS = ("webhook_url", "extra_webhooks", "apprise_urls", "webhook_secret", "heartbeat_url")
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
    """Python makes those; any other directory of that name is one that Docker made of a file that was not there."""
    (place.path / ".env").mkdir()
    assert place.problems() == [".env: cannot be read (Is a directory): give another file"]
    place.write(".env/pyvenv.cfg", "")
    assert place.load().origins == {}


@pytest.mark.parametrize("name", ["dccd.toml", ".env", "run/DCCD_ALERTS__WEBHOOK_URL", "secret"])
@pytest.mark.parametrize("kind", ["named pipe", "socket", "device"])
def test_what_is_no_file_is_refused_at_once(place: Place, name: str, kind: str) -> None:
    """Reading it might never end."""
    path = place.path / name
    path.parent.mkdir(exist_ok=True)
    if kind == "named pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(path))  # its own path may be too long
    else:
        path.symlink_to("/dev/zero")
    if name == "secret":
        place.environ["DCCD_ALERTS__WEBHOOK_URL_FILE"] = str(path)
    (line,) = place.problems()
    assert "cannot be read (" in line
    assert f"it is a {kind}, not a file" in line or name.startswith("run/")


@pytest.mark.parametrize(
    ("line", "url"),
    [
        (f"DCCD_ALERTS__WEBHOOK_URL={URL}/${{TOKEN}}$b", f"{URL}/${{TOKEN}}$b"),
        (f"DCCD_ALERTS__WEBHOOK_URL='{URL}/${{TOKEN}}'", f"{URL}/${{TOKEN}}"),
        (f'export DCCD_ALERTS__WEBHOOK_URL="{URL}/${{HOME:-x}}"\r', f"{URL}/${{HOME:-x}}"),
        (f"DCCD_ALERTS__WEBHOOK_URL = {URL} # a note", URL),
    ],
)
def test_dotenv_is_taken_as_it_is_written(place: Place, line: str, url: str) -> None:
    """A dollar stands for itself: what is not set would become nothing."""
    place.write(".env", f"{line}\n")
    assert place.load().config.alerts.webhook_url == url


def test_quotes_that_are_not_closed_are_told(place: Place) -> None:
    """Also on the line that they swallow."""
    place.write(".env", 'X="one\nDCCD_ALERTS__SOURCE="two"\nDCCD_LOG__LEVEL="INFO\n')
    assert place.problems() == [
        f".env:{number}: {name} cannot be read: close its quotes, or those of a line above"
        for number, name in ((2, "DCCD_ALERTS__SOURCE"), (3, "DCCD_LOG__LEVEL"))
    ]


def test_bytes_that_are_no_text_are_told(place: Place) -> None:
    """A line for each, without the value; a variable of somebody else is left alone."""
    for name in ("DCCD_ALERTS__WEBHOOK_URL", "DCCD_CONFIG", "DCCD_STORAGE__LOCAL_PATH", "OTHER"):
        place.environ[name] = os.fsdecode(b"/d\xe9ta")
    assert place.problems() == [
        f"environment variable {name}: is not UTF-8: write it as text"
        for name in sorted(place.environ)
        if name != "OTHER"
    ]


@pytest.mark.parametrize("setting", SECRETS)
@pytest.mark.parametrize("in_dotenv", [True, False])
def test_a_secret_may_be_in_a_file_that_a_variable_names(place: Place, setting: str, in_dotenv: bool) -> None:
    """Its place is the variable, and what surrounds the secret does not count."""
    name = f"DCCD_ALERTS__{setting.upper()}_FILE"
    secret = "whsec_YSBtYWRlLXVwIGtleSwgZm9yIG5vIHJlYWwgdXNl" if setting == "webhook_secret" else URL
    path = place.write("secret", f"\ufeff {secret}\r\n")
    if in_dotenv:
        place.write(".env", f"{name}={path}\n")
    else:
        place.environ[name] = str(path)
    traced = place.load()
    assert getattr(traced.config.alerts, setting) in (secret, (secret,))
    origin = traced.origins[f"alerts.{setting}"]
    assert place.relative(origin) == (".env:1" if in_dotenv else f"environment variable {name}")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "the file cannot be read (No such file or directory): give the path of a file that holds the secret"),
        (b"\xff", "the file is not UTF-8: write the secret as text"),
        (b" \n", "the file is empty: write the secret into it"),
    ],
)
def test_a_file_that_holds_no_secret_is_told(place: Place, content: bytes | None, problem: str) -> None:
    """By the variable alone, as its value may be the secret in the wrong place."""
    if content is not None:
        place.write("s3cret", content)
    place.environ["DCCD_ALERTS__WEBHOOK_URL_FILE"] = str(place.path / "s3cret")
    assert place.problems() == [f"environment variable DCCD_ALERTS__WEBHOOK_URL_FILE: {problem}"]


def test_a_secret_and_its_file_are_not_set_both(place: Place) -> None:
    """Nobody could tell which of the two counts; those of a higher place count as for any setting."""
    path = place.write("secret", URL)
    place.environ |= {"DCCD_ALERTS__WEBHOOK_URL_FILE": str(path), "DCCD_ALERTS__WEBHOOK_URL": URL}
    (line,) = place.problems()
    assert line.startswith("environment variable DCCD_ALERTS__WEBHOOK_URL_FILE: ")
    assert line.endswith(" DCCD_ALERTS__WEBHOOK_URL is set too: keep one of the two")
    place.write(".env", f"DCCD_ALERTS__WEBHOOK_URL={URL}/below\n")
    del place.environ["DCCD_ALERTS__WEBHOOK_URL"]
    assert place.load().config.alerts.webhook_url == URL


def test_a_misspelt_file_of_a_secret_is_told(place: Place) -> None:
    """So is one of a setting that is no secret."""
    place.environ |= {"DCCD_ALERTS__WEBHOK_URL_FILE": "/x", "DCCD_ALERTS__SOURCE_FILE": "/x"}
    plain, secret = place.problems()
    assert plain.endswith("SOURCE_FILE: no such setting: did you mean DCCD_ALERTS__SOURCE?")
    assert secret.endswith("WEBHOK_URL_FILE: no such setting: did you mean DCCD_ALERTS__WEBHOOK_URL_FILE?")


def test_lists_of_urls_end_where_the_next_begins(place: Place) -> None:
    """A comma may be a part of a URL; numbers and JSON need none."""
    first, second = f"{URL}?x=1,2", "tgram://1/2?to=3,4"
    place.environ["DCCD_ALERTS__EXTRA_WEBHOOKS"] = f"{first}, {URL}/b,"
    place.environ["DCCD_ALERTS__APPRISE_URLS"] = f'["{first}", "{second}"]'
    alerts = place.load().config.alerts
    assert (alerts.extra_webhooks, alerts.apprise_urls) == ((first, f"{URL}/b"), (first, second))
    place.environ["DCCD_ALERTS__APPRISE_URLS_FILE"] = str(place.write("urls", f"{second}\n{first}\n"))
    del place.environ["DCCD_ALERTS__APPRISE_URLS"]
    assert place.load().config.alerts.apprise_urls == (second, first)


def test_items_of_a_list_may_be_numbered_variables(place: Place) -> None:
    """In the order of the numbers; a secret may be in a file."""
    place.environ |= {
        "DCCD_ALERTS__EXTRA_WEBHOOKS__10": f"{URL}?x=1,2",
        "DCCD_ALERTS__EXTRA_WEBHOOKS__2_FILE": str(place.write("secret", URL)),
        "DCCD_HISTO_JOBS__0__EXCHANGE": "kraken",
        "DCCD_HISTO_JOBS__0__PAIRS__0": "BTC/USD",
        "DCCD_HISTO_JOBS__0__PAIRS__1": "ETH/USD",
    }
    config = place.load().config
    assert config.alerts.extra_webhooks == (URL, f"{URL}?x=1,2")
    assert config.histo_jobs[0].pairs == ("BTC/USD", "ETH/USD")
    place.environ["DCCD_ALERTS__EXTRA_WEBHOOKS"] = URL
    (line,) = place.problems()
    assert "EXTRA_WEBHOOKS: alerts.extra_webhooks: holds the whole list, and environment variable DCCD_" in line


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ('"/data"', "is in quotes"),
        ("/data'", "is in quotes"),
        ("/data\r", "ends with a carriage return"),
        ("/data ", "begins or ends with a blank"),
        (" data", "begins or ends with a blank"),
        ("s3://bucket/data", "is an address"),
        ("file:/data", "is an address"),
        ("${HOME}/data", "is not expanded"),
        ("/da\x1bta", "without control characters"),
    ],
)
@pytest.mark.parametrize("variable", ["DCCD_STORAGE__LOCAL_PATH", "DCCD_CONFIG", "DCCD_SECRETS_DIR"])
def test_a_path_that_was_written_wrongly_is_told(place: Place, variable: str, written: str, told: str) -> None:
    """In one line, where a directory of that name would be made or sought below the working directory."""
    place.environ[variable] = written
    (line,) = place.problems()
    assert line.startswith(f"environment variable {variable}: ")
    assert told in line


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


def test_json_that_is_nested_too_deeply_is_told(place: Place) -> None:
    """What reads settings goes down by recursion."""
    place.environ["DCCD_ALERTS"] = '{"a": ' * 500 + "1" + "}" * 500
    assert place.problems() == ["environment variable DCCD_ALERTS: alerts: is nested too deeply to be read"]
