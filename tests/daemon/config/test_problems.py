"""What is told about a configuration that cannot be used: each problem, on a line, with its place and no value."""

import json
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.daemon.config.surroundings import Place

from dccd.daemon.config import load_config
from dccd.daemon.config.names import KeyPath, leaves, variable_of
from dccd.errors import ConfigError

SECRET = "https://example.com/hook/s3cret-token"
JOB = '[[histo_jobs]]\nexchange = "kraken"\npairs = ["BTC/USD"]\n'
ALERT_KEYS = (
    "webhook_url, max_consecutive_errors, extra_webhooks, apprise_urls, format, webhook_secret, heartbeat_url, "
    "recovery_threshold, repeat_interval, send_resolved, group_window, outbox_ttl, shutdown_timeout, source"
)
DURATION = "should be seconds, or a number with s, m, h, d or w (30s, 10m, 4h, 2d)"
TIMEFRAME = "should be a timeframe of 4 weeks at most: 1m, 5m, 1h, 1d, 1w, or whole seconds"
DATE = "should be a date and time (2026-01-01T00:00:00Z)"
JOBS = "should be a list: begin each job with [[histo_jobs]], or write [{...}] in JSON"
EXCHANGE = "an exchange name is letters, digits, '.', '_' and '-' (binance, kraken)"


@dataclass
class Bad:
    """Something wrong, and the line it gets."""

    told: str
    toml: str | bytes = ""
    project: str = ""
    dotenv: str | bytes = ""
    environ: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str | bytes] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)

    def lines(self, place: Place) -> list[str]:
        """Return what is told."""
        files = {"dccd.toml": self.toml, "pyproject.toml": self.project, ".env": self.dotenv}
        for name, text in files.items() | {(f"run/{name}", text) for name, text in self.secrets.items()}:
            if text:
                place.write(name, text)
        place.environ |= self.environ
        return place.problems(**self.arguments)


def variable(name: str, value: str, told: str) -> Bad:
    """Return a bad variable."""
    return Bad(f"environment variable DCCD_{name}: {told}", environ={f"DCCD_{name}": value})


def meant(name: str, meant: str) -> Bad:
    """Return a misspelt variable."""
    return variable(name, SECRET, f"no such setting: did you mean DCCD_{meant}?")


def alerts(line: str, told: str) -> Bad:
    """Return a bad line below [alerts]."""
    return Bad(f"dccd.toml:2: alerts.{told}", toml=f"[alerts]\n{line}\n")


def job(line: str, told: str) -> Bad:
    """Return a bad line of a job."""
    return Bad(f"dccd.toml:4: histo_jobs[0].{told}", toml=f"{JOB}{line}\n")


def syntax(text: str | bytes, told: str) -> Bad:
    """Return what is no TOML."""
    return Bad(f"dccd.toml:{told}", toml=text)


TABLE = [
    # TOML that is none
    syntax("this is no TOML", "1:6: is not TOML: expected '=' after a key in a key/value pair"),
    syntax("[alerts\nx = 1", "1:8: is not TOML: expected ']' at the end of a table declaration"),
    syntax("[log]\nlevel =", "2:8: is not TOML: invalid value"),
    syntax(f'[alerts]\nwebhook_url = "{SECRET}\n', "2:53: is not TOML: illegal character '\\n'"),
    syntax(f"[alerts]\nwebhook_url = {SECRET}\n", "2:15: is not TOML: invalid value"),
    syntax("[log]\n[log]\n", "2:5: is not TOML: cannot declare ('log',) twice"),
    syntax(f'["{SECRET}"]\n["{SECRET}"]\n', "2:41: is not TOML: cannot declare ('***',) twice"),
    syntax("a = " + "[" * 9999, " is nested too deeply to be read"),
    syntax("a = " + "9" * 5000, " holds a number of thousands of digits"),
    syntax("[log]\nlevel = 'INFO'\nlevel = 'INFO'\n", "3:15: is not TOML: cannot overwrite a value"),
    syntax(b"[alerts]\nsource = '\xe9'\n", "2: is not UTF-8: save the file as UTF-8"),
    syntax("[log]\nlevel = 'INFO'".encode("utf-16"), "1: is not UTF-8: save the file as UTF-8"),
    Bad("pyproject.toml:1:12: is not TOML: invalid initial character for a key part", project="[tool.dccd."),
    # keys that are none
    alerts(f"webhok_url = '{SECRET}'", "webhok_url: no such setting: did you mean alerts.webhook_url?"),
    alerts(f"webhook-url = '{SECRET}'", "webhook-url: no such setting: did you mean alerts.webhook_url?"),
    alerts("level = 'INFO'", "level: no such setting: it belongs below [log]"),
    alerts("pairs = []", "pairs: no such setting: it belongs below [[histo_jobs]]"),
    alerts("colour = 'red'", f"colour: no such setting: expected one of {ALERT_KEYS}"),
    alerts(f"'{SECRET}' = 1", f"***: no such setting: expected one of {ALERT_KEYS}"),
    job("time_frame = '1h'", "time_frame: no such setting: did you mean histo_jobs[0].timeframe?"),
    job("local_path = 'x'", "local_path: no such setting: it belongs below [storage]"),
    Bad("dccd.toml:1: alert: no such setting: did you mean alerts?", toml="[alert]\nsource = 'x'\n"),
    Bad(
        "pyproject.toml:3: log.levl: no such setting: did you mean log.level?",
        project="[tool.other]\n[tool.dccd.log]\nlevl = 'INFO'\n",
    ),
    Bad("pyproject.toml:2: tool.dccd should be a table of settings", project="[tool]\ndccd = 1\n"),
    Bad("argument alert: alert: no such setting: did you mean alerts?", arguments={"alert": {}}),
    # values that are none
    alerts(f"webhook_url = 'ftp://{SECRET}'", "webhook_url: not an http:// or https:// URL"),
    alerts("webhook_url = 'https://'", "webhook_url: not an http:// or https:// URL"),
    alerts("webhook_url = 'https://a.b/\\u0007'".replace("'", '"'), "webhook_url: not an http:// or https:// URL"),
    alerts("webhook_url = 5", "webhook_url: should be a text"),
    alerts(f"extra_webhooks = ['{SECRET}', 'x']", "extra_webhooks[1]: not an http:// or https:// URL"),
    alerts("extra_webhooks = 5", "extra_webhooks: should be a list"),
    alerts("extra_webhooks = '[\"s3cret'", "extra_webhooks: should be a JSON list, or a text with commas"),
    alerts("max_consecutive_errors = 0", "max_consecutive_errors: should be greater than or equal to 1"),
    alerts("max_consecutive_errors = 1_000_001", "max_consecutive_errors: should be less than or equal to 1000000"),
    alerts("max_consecutive_errors = 2.5", "max_consecutive_errors: should be a whole number"),
    alerts("max_consecutive_errors = 's3cret'", "max_consecutive_errors: should be a whole number"),
    alerts("max_consecutive_errors = true", "max_consecutive_errors: should be a whole number"),
    alerts(f"repeat_interval = '{SECRET}'", f"repeat_interval: {DURATION}"),
    alerts("repeat_interval = -1", f"repeat_interval: {DURATION}"),
    alerts("repeat_interval = nan", f"repeat_interval: {DURATION}"),
    alerts(f"repeat_interval = {'9' * 400}", f"repeat_interval: {DURATION}"),
    alerts("repeat_interval = '2000d'", "repeat_interval: should be less than or equal to 31536000"),
    alerts("repeat_interval = []", f"repeat_interval: {DURATION}"),
    alerts("send_resolved = 's3cret'", "send_resolved: should be true or false"),
    alerts(
        "webhook_secret = 's3cret'",
        "webhook_secret: not a Standard Webhooks key: whsec_ and the base64 of 24 to 64 random bytes",
    ),
    alerts("source = ''", "source: should have at least 1 character"),
    Bad("dccd.toml:1: log.level: should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'", toml="log.level = 'debug'\n"),
    Bad("dccd.toml:1: alerts: should be a table of settings", toml="alerts = 's3cret'\n"),
    Bad(f"dccd.toml:1: histo_jobs: {JOBS}", toml="histo_jobs = 's3cret'\n"),
    Bad(f"dccd.toml:1: histo_jobs: {JOBS}", toml="[histo_jobs]\nexchange = 'kraken'\npairs = ['A/B']\n"),
    Bad("dccd.toml:2: storage.local_path: should be a path", toml="[storage]\nlocal_path = ''\n"),
    Bad("dccd.toml:2: storage.local_path: should be a path", toml="[storage]\nlocal_path = 5\n"),
    Bad(
        "dccd.toml:2: storage.local_path: the home directory is not known: give a full path",
        toml="[storage]\nlocal_path = '~no-such-user/x'\n",
    ),
    Bad(
        "dccd.toml:2: server.listen: not an address to listen on: host and port, 127.0.0.1:9464 or [::1]:9464",
        toml="[server]\nlisten = '9464'\n",
    ),
    Bad("dccd.toml:1: histo_jobs[0].exchange: is missing", toml="[[histo_jobs]]\npairs = ['A/B']\n"),
    Bad("dccd.toml:1: histo_jobs[0].pairs: is missing", toml="[[histo_jobs]]\nexchange = 'kraken'\n"),
    Bad(f"dccd.toml:2: histo_jobs[0].exchange: {EXCHANGE}", toml="[[histo_jobs]]\nexchange = 'a/b'\npairs = ['A/B']\n"),
    Bad(
        "dccd.toml:3: histo_jobs[0].pairs[1]: a pair is written BASE/QUOTE (BTC/USDT)",
        toml="[[histo_jobs]]\nexchange = 'kraken'\npairs = [\n  'A/B',\n  'CD',\n]\n",
    ),
    Bad(
        "dccd.toml:3: histo_jobs[0].pairs: should have at least 1 item",
        toml="[[histo_jobs]]\nexchange = 'kraken'\npairs = []\n",
    ),
    Bad(
        "dccd.toml:3: histo_jobs[0].pairs: A/B is listed twice: remove one",
        toml="[[histo_jobs]]\nexchange = 'kraken'\npairs = 'A/B, C/D, A/B'\n",
    ),
    Bad(
        "dccd.toml:6: histo_jobs[1].pairs: kraken BTC/USD 1h is listed twice, in histo_jobs[0] too: remove one",
        toml=f"{JOB}{JOB}timeframe = 3600\n",
    ),
    job("timeframe = '1M'", f"timeframe: {TIMEFRAME}"),
    job("timeframe = 0", f"timeframe: {TIMEFRAME}"),
    job("timeframe = '5w'", f"timeframe: {TIMEFRAME}"),
    job("timeframe = 1.5", f"timeframe: {TIMEFRAME}"),
    job(f"start = '{SECRET}'", f"start: {DATE}"),
    job("start = '0001-01-01T00:00:00+01:00'", "start: should be a time within the years 1 to 9999 of UTC"),
    job(f"base_url = '{SECRET[8:]}'", "base_url: not an http:// or https:// URL"),
    job("base_url = 'https://u:s3cret@x'", "base_url: should hold no user name and no password, because it is shown"),
    job("max_age = '1h'", "max_age: should be two candles of 1h at least, or it would alert all the time"),
    # variables
    meant("ALERTS_WEBHOOK_URL", "ALERTS__WEBHOOK_URL"),
    meant("ALERTS___WEBHOOK_URL", "ALERTS__WEBHOOK_URL"),
    meant("ALERTS__WEBHOK_URL", "ALERTS__WEBHOOK_URL"),
    meant("STORAGE__WEBHOOK_URL", "ALERTS__WEBHOOK_URL"),
    meant("WEBHOOK_URL", "ALERTS__WEBHOOK_URL"),
    meant("HISTO_JOBS_2_PAIRS", "HISTO_JOBS__2__PAIRS"),
    meant("HISTO_JOBS__2__PAIR", "HISTO_JOBS__2__PAIRS"),
    meant("HISTO_JOBS__00__PAIRS", "HISTO_JOBS__0__PAIRS"),
    meant("HISTO_JOBS__PAIRS", "HISTO_JOBS__0__PAIRS"),
    meant("HISTOJOBS", "HISTO_JOBS"),
    meant("CONFG", "CONFIG"),
    meant("SECRET_DIR", "SECRETS_DIR"),
    variable("LOG__COLOUR", SECRET, "no such setting: expected one of level, console, file"),
    variable("ALERTS__REPEAT_INTERVAL", SECRET, f"alerts.repeat_interval: {DURATION}"),
    variable("ALERTS", "{" + SECRET, "alerts: should be a JSON object"),
    variable("ALERTS", "[" * 99999, "alerts: should be a JSON object"),
    variable("ALERTS", "5", "alerts: should be a table of settings"),
    variable("HISTO_JOBS", SECRET, "histo_jobs: should be a JSON list"),
    variable("HISTO_JOBS", '{"exchange": "a"}', f"histo_jobs: {JOBS}"),
    variable("HISTO_JOBS", '[{"exchange": "a"}]', "histo_jobs[0].pairs: is missing"),
    variable("HISTO_JOBS__7__EXCHANGE", "a", "histo_jobs[0].pairs: is missing"),
    variable("CONFIG", "no.toml", "no.toml cannot be read (No such file or directory): give the path of a TOML file"),
    variable(
        "CONFIG",
        "~no-such-user/x",
        "~no-such-user/x cannot be read (No such file or directory): give the path of a TOML file",
    ),
    variable(
        "SECRETS_DIR", "/no/dir", "/no/dir cannot be read (No such file or directory): give a directory of secrets"
    ),
    variable(
        "SECRETS_DIR",
        "~no-such-user/x",
        "~no-such-user/x cannot be read (No such file or directory): give a directory of secrets",
    ),
    Bad(
        "environment variable DCCD_HISTO_JOBS: histo_jobs: holds all jobs, and environment variable "
        "DCCD_HISTO_JOBS__0__PAIRS is set too: keep one of the two forms",
        environ={"DCCD_HISTO_JOBS": '[{"exchange": "a", "pairs": "A/B"}]', "DCCD_HISTO_JOBS__0__PAIRS": "A/B"},
    ),
    # .env
    Bad(f".env:2: alerts.group_window: {DURATION}", dotenv=f"X=1\nexport DCCD_ALERTS__GROUP_WINDOW='{SECRET}'\n"),
    Bad(
        ".env:1: no such setting: did you mean DCCD_ALERTS__WEBHOOK_URL?",
        dotenv=f"DCCD_ALERTS_WEBHOOK_URL={SECRET}\n",
    ),
    Bad(".env:1: DCCD_ALERTS__SOURCE has no value: write DCCD_ALERTS__SOURCE=value", dotenv="DCCD_ALERTS__SOURCE\n"),
    Bad(".env: is not UTF-8: save the file as UTF-8", dotenv=b"X=\xff\n"),
    # secrets
    Bad(
        "secret file run/dccd_alerts__webhook_url: alerts.webhook_url: not an http:// or https:// URL",
        secrets={"dccd_alerts__webhook_url": SECRET[8:]},
    ),
    Bad(
        "secret file run/DCCD_ALERTS_WEBHOOK_URL: no such setting: did you mean DCCD_ALERTS__WEBHOOK_URL?",
        secrets={"DCCD_ALERTS_WEBHOOK_URL": SECRET},
    ),
    Bad(
        "secret file run/DCCD_ALERTS__WEBHOOK_URL: is not UTF-8: write the secret as text",
        secrets={"DCCD_ALERTS__WEBHOOK_URL": b"\xff\xfe"},
    ),
    # arguments
    Bad(
        "argument alerts: alerts.format: should be 'auto', 'slack', 'discord', 'teams', 'mattermost', 'rocketchat' or "
        "'generic'",
        arguments={"alerts": {"format": SECRET}},
    ),
]


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.told[:60])
def test_a_mistake_gets_one_line(bad: Bad, place: Place) -> None:
    """It says where, what, and what was expected, and never the value."""
    lines = bad.lines(place)
    assert lines == [bad.told]
    assert "s3cret" not in lines[0]


def test_the_table_is_long() -> None:
    """So that it stays one."""
    assert len(TABLE) >= 40


def test_all_problems_are_told_at_once(place: Place) -> None:
    """A broken file does not hide a misspelt variable, nor that a wrong argument."""
    place.write("dccd.toml", "[alerts\n")
    place.write("pyproject.toml", "[tool.dccd.log]\nlevel = 1\nfile = 'x'\n")
    place.write(".env", "DCCD_LOGLEVEL=x\nDCCD_LOG_LEVEL=x\nDCCD_ALERTS__GROUP_WINDOW=x\n")
    place.write("run/DCCD_LOG__CONSOLE", "x")
    place.environ |= {"DCCD_ALERTS": "{", "DCCD_STORAGE__LOCAL_PTH": "/"}
    assert place.problems(schedule={"delay": -1}) == [
        "environment variable DCCD_ALERTS: alerts: should be a JSON object",
        "environment variable DCCD_STORAGE__LOCAL_PTH: no such setting: did you mean DCCD_STORAGE__LOCAL_PATH?",
        ".env:1: no such setting: did you mean DCCD_LOG__LEVEL?",
        ".env:2: no such setting: did you mean DCCD_LOG__LEVEL?",
        f".env:3: alerts.group_window: {DURATION}",
        "dccd.toml:1:8: is not TOML: expected ']' at the end of a table declaration",
        f"argument schedule: schedule.delay: {DURATION}",
        "pyproject.toml:2: log.level: should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
        "pyproject.toml:3: log.file: should be 'text', 'json' or 'off'",
        "secret file run/DCCD_LOG__CONSOLE: log.console: should be 'auto', 'text', 'json' or 'off'",
    ]


SHOWN = {("alerts", "source"), ("storage", "local_path")}  # a text that may be anything, and may be shown
PASTED = ["s3cret-token", SECRET, f"{SECRET[8:]}/x", f'["{SECRET}", "x/y"]', f'{{"{SECRET}": 1}}', "s3cret/T0@"]
UNKNOWN: list[KeyPath] = [("alerts", "no_such"), ("no_such",), ("histo_jobs", 0, "no_such")]


def paste(place: Place, setting: KeyPath, value: str, source: str) -> dict[str, Any]:
    """Put a value where a setting may stand; return the arguments to load with."""
    name, section, key = variable_of(setting), str(setting[0]), str(setting[-1])
    tree: dict[str, Any] = {section: [{key: value}] if 0 in setting else {key: value}}
    if source == "variable":
        place.environ[name] = value
    elif source == "section":
        place.environ[variable_of((section,))] = json.dumps(tree[section])
    elif source == ".env":
        place.write(".env", f"{name}='{value}'\n")
    elif source == "secret":
        place.write(f"run/{name}", value)
    elif source == "toml":
        header = f"[[{section}]]\n" if 0 in setting else f"[{section}]\n"
        place.write("dccd.toml", f"{header}{key} = '{value}'\n")
    elif source == "syntax":
        place.write("dccd.toml", f"[{section}]\n{key} = '{value}\n")
    return tree if source == "argument" else {}


@given(
    st.sampled_from([*leaves(), *UNKNOWN]),
    st.sampled_from(PASTED),
    st.sampled_from(["argument", "variable", "section", ".env", "secret", "toml", "syntax"]),
)
def test_a_secret_in_any_wrong_place_is_not_told(setting: KeyPath, value: str, source: str) -> None:
    """Wherever a webhook address was pasted."""
    with TemporaryDirectory() as directory:
        place = Place(Path(directory).resolve())
        arguments = paste(place, setting, value, source)
        try:
            told = "" if setting in SHOWN else repr(place.load(**arguments))
        except ConfigError as error:
            told = "".join(traceback.format_exception(error)) + repr((error.__context__, error.__cause__))
    assert "s3cret" not in told


def test_a_traceback_that_shows_variables_shows_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From the environment, a file or an argument, as error trackers and rich print them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCCD_ALERTS__WEBHOOK_URL", SECRET)
    (tmp_path / "dccd.toml").write_text(f"[alerts]\nheartbeat_url = '{SECRET}'\nformat = 'x'\n")
    arguments: dict[str, Any] = {"alerts": {"extra_webhooks": [SECRET]}}
    with pytest.raises(ConfigError) as caught:
        load_config(**arguments)
    frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]  # the first is this one
    assert frames
    assert "s3cret" not in repr([frame.f_locals for frame, _ in frames])


def test_a_variable_of_somebody_else_is_named_in_one_warning(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """And none of its values."""
    place.environ |= {"DCCD_IMAGE_TAG": "s3cret", "DCCD_VERSION": "2", "DCCD_REPLICAS": "1", "OTHER": "x"}
    place.write(".env", "DCCD_STACK=1\nOTHER=2\n")
    place.write("run/DCCD_DATABASE_PASSWORD", "s3cret")
    assert place.load().origins == {}
    [record] = caplog.records
    assert place.relative(record.getMessage()) == (
        "no settings of dccd, and ignored: environment variable DCCD_IMAGE_TAG, environment variable DCCD_REPLICAS, "
        "environment variable DCCD_VERSION, .env:1, secret file run/DCCD_DATABASE_PASSWORD"
    )
