"""A configuration of dccd 2.x, carried over."""

import tomllib
from pathlib import Path

import pytest

from dccd.daemon.config.migration import migrate
from dccd.daemon.config.models import CollectorConfig
from dccd.errors import ConfigError

HOME = Path("/srv/collector")
JOB = "histo_jobs:\n  - {exchange: binance, pairs: [BTC/USDT, ETH/USDT], span: 3600}\n"


def carried(text: str) -> CollectorConfig:
    """Return the new configuration."""
    return CollectorConfig.model_validate(tomllib.loads(migrate(text, HOME).toml))


def test_jobs_and_alerts_are_carried_over() -> None:
    """A span in seconds is a timeframe; where nothing was left out, nothing is noted."""
    text = f"{JOB}alerts: {{webhook_url: 'https://hooks.slack.com/services/T0/B0/x', max_consecutive_errors: 5}}\n"
    config = carried(text)
    [job] = config.histo_jobs
    assert (job.exchange, job.pairs, job.timeframe) == ("binance", ("BTC/USDT", "ETH/USDT"), "1h")
    assert (config.alerts.webhook_url, config.alerts.max_consecutive_errors) == (
        "https://hooks.slack.com/services/T0/B0/x",
        5,
    )
    assert migrate(text, HOME).notes == ()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", "/srv/collector/data/crypto"),
        ("settings: {data_path: old}\n", "/srv/collector/old"),
        ("settings: {data_path: /mnt/old}\n", "/mnt/old"),
        ("settings: {data_path: old}\nstorage: {local_path: /mnt/new}\n", "/mnt/new"),
        ("storage: {local_path: ''}\n", "/srv/collector/data/crypto"),
        ("settings: {data_path: ~/old}\n", "/of/mine/old"),
        ("storage: {local_path: ~/old}\n", "/srv/collector/~/old"),
    ],
)
def test_the_data_stay_where_they_were(text: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own default is written out, relative to where it was started; ~ was the home directory in one of the two."""
    monkeypatch.setenv("HOME", "/of/mine")
    assert carried(f"{text}{JOB}").storage.local_path.as_posix() == path


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("settings: {timezone: UTC}\n", "settings.timezone was left out: there is no such setting"),
        ("settings: {ui_auth_token: s3cret}\n", "settings.ui_auth_token was left out: there is no such setting"),
        ("storage: {sync_interval: 60}\n", "storage.sync_interval was left out: there is no such setting"),
        ("stream_jobs: [{exchange: okx}]\n", "stream_jobs was left out: dccd collects closed candles, no streams"),
        ("https://s3cret: 1\n", "*** was left out: there is no such setting"),
        (
            "alerts: {webhook_url: no-address/s3cret}\n",
            "alerts.webhook_url was left out: not an http:// or https:// URL",
        ),
        (
            "alerts: {max_consecutive_errors: -5}\n",
            "alerts.max_consecutive_errors was left out: should be greater than or equal to 1",
        ),
    ],
)
def test_what_has_no_place_is_named(text: str, note: str) -> None:
    """Each by its name and with the reason, never with a secret."""
    assert migrate(f"{text}{JOB}", HOME).notes == (note,)


@pytest.mark.parametrize(
    ("job", "note"),
    [
        ("3", "histo_jobs[1] was left out: it should be a mapping"),
        (
            "{exchange: kraken, pairs: [BTCUSD], span: 60}",
            "histo_jobs[1].pairs[0] was left out: a pair is written BASE/QUOTE (BTC/USDT)",
        ),
        (
            "{exchange: binance, pairs: [BTC/USDT], span: 3600}",
            "histo_jobs[1]: pairs that were listed before were left out",
        ),
        (
            "{exchange: binance, pairs: [BTC/USDT], span: 60}",
            "histo_jobs[1]: the metrics of BTC/USDT go on with its first job, and those at 1m begin anew",
        ),
        (
            "{exchange: coinbase, pairs: [BTC/USD], span: 60}",
            "histo_jobs[1]: coinbase is coinbaseexchange now, so the metrics of its pairs begin anew",
        ),
    ],
)
def test_a_job_that_cannot_go_as_it_is_is_named(job: str, note: str) -> None:
    """The others are carried over."""
    made = migrate(f"{JOB}  - {job}\n", HOME)
    assert made.notes == (note,)
    assert CollectorConfig.model_validate(tomllib.loads(made.toml)).histo_jobs[0].exchange == "binance"


def test_a_pair_that_cannot_go_leaves_the_others() -> None:
    """Misspelt, or listed twice in one job."""
    text = "histo_jobs: [{exchange: kraken, pairs: [A/B, CD, A/B, E/F], span: 60}]\n"
    [job] = carried(text).histo_jobs
    assert job.pairs == ("A/B", "E/F")
    assert migrate(text, HOME).notes == (
        "histo_jobs[0].pairs[1] was left out: a pair is written BASE/QUOTE (BTC/USDT)",
        "histo_jobs[0]: pairs that were listed before were left out",
    )


@pytest.mark.parametrize("key", ["span", "exchange", "pairs"])
def test_a_job_that_lacks_something_is_named(key: str) -> None:
    """With the key, as 2.x called it."""
    parts = {"exchange": "kraken", "pairs": "[BTC/USD]", "span": "60"}
    del parts[key]
    job = ", ".join(f"{name}: {value}" for name, value in parts.items())
    [note] = migrate(f"{JOB}  - {{{job}}}\n", HOME).notes
    left = "histo_jobs[1].pairs[0] was left out: " if key == "pairs" else f"histo_jobs[1] was left out: {key}: "
    assert note.startswith(left)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no configuration of dccd 2.x"),
        ("[1, 2]", "is no configuration of dccd 2.x"),
        ("a: 1", "is no configuration of dccd 2.x"),
        ("a: [1", "is not YAML (line 1, column "),
        ("!!python/object/apply:os.system ['true']", "is not YAML (line 1, column 1)"),
        ("\x00", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("histo_jobs: 3", "histo_jobs: should be a list"),
        ("histo_jobs: []", "histo_jobs: no job can be carried over: there is none"),
        ("histo_jobs: [x]", "histo_jobs: no job can be carried over: histo_jobs[0] was left out"),
        (f"{JOB}alerts: 3", "alerts: should be a mapping"),
        (f"{JOB}settings: {{data_path: 3}}", "settings.data_path: should be a path"),
        (f"{JOB}settings: {{data_path: ~no-such-user/x}}", "settings.data_path: should be a path"),
        (f"{JOB}storage: {{local_path: 3}}", "storage.local_path: should be a path"),
        ("stream_jobs: [{exchange: okx}]", "histo_jobs: no job can be carried over: there are stream_jobs only"),
    ],
)
def test_what_is_no_such_configuration_is_refused(text: str, problem: str) -> None:
    """In a line."""
    with pytest.raises(ConfigError) as refused:
        migrate(text, HOME)
    assert str(refused.value).startswith(problem)
    assert "\n" not in str(refused.value)


def test_odd_signs_survive() -> None:
    """Quotes, backslashes and what is not ASCII are written as TOML has them."""
    assert carried(f"settings: {{data_path: '/mnt/a\"b\\c é 😀'}}\n{JOB}").storage.local_path.name == 'a"b\\c é 😀'
