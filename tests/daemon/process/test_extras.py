"""Optional dependencies that a configuration needs."""

import sys
from collections.abc import Callable

import pytest

from dccd.daemon.config import AlertConfig, CollectorConfig, ServerConfig
from dccd.daemon.process import missing_extras

URL = "https://hooks.example.com/s3cret"
ALL = CollectorConfig(
    alerts=AlertConfig(webhook_url=URL, apprise_urls=("tgram://s3cret/1",)), server=ServerConfig(listen="127.0.0.1:0")
)
Without = Callable[..., None]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("all_proxy", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Return what takes modules away for as long as a test takes."""

    def take(*modules: str) -> None:
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)

    return take


def test_what_is_installed_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor what nobody asked for."""
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:1080")
    assert missing_extras(ALL) == []


def test_each_extra_that_is_missing_is_told_by_what_needs_it(without: Without, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what will not work; where nothing needs it, it is not missing."""
    monkeypatch.setenv("ALL_PROXY", "socks5h://user:s3cret@127.0.0.1:1080")
    without("apprise", "prometheus_client", "socks")
    lines = missing_extras(ALL)
    assert [line.split(":")[0] for line in lines] == [
        "alerts.apprise_urls",
        "server.listen",
        "the SOCKS proxy in ALL_PROXY",
    ]
    assert all("is not installed, so " in line and "s3cret" not in line for line in lines)
    assert missing_extras(CollectorConfig()) == []


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"HTTPS_PROXY": "socks5://127.0.0.1:1080"}, "HTTPS_PROXY"),
        ({"https_proxy": "socks4a://127.0.0.1:1080"}, "https_proxy"),
        ({"HTTPS_PROXY": "http://127.0.0.1:3128", "ALL_PROXY": "socks5://127.0.0.1:1080"}, None),
        ({"HTTP_PROXY": "socks5://127.0.0.1:1080"}, None),
        ({"ALL_PROXY": "socks5://127.0.0.1:1080", "NO_PROXY": "localhost,example.com"}, None),
        ({"ALL_PROXY": "http://127.0.0.1:3128"}, None),
    ],
)
def test_a_proxy_counts_if_alerts_go_through_it(
    without: Without, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str | None
) -> None:
    """As requests chooses one."""
    without("socks")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    lines = missing_extras(CollectorConfig(alerts=AlertConfig(heartbeat_url=URL)))
    assert [line.split(":")[0] for line in lines] == ([] if told is None else [f"the SOCKS proxy in {told}"])
