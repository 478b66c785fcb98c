"""Where alerts go."""

import pytest

from dccd.daemon.alerts.destinations import Destination, alerts_line, destinations_of
from dccd.daemon.config import AlertConfig


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://HOOKS.SLACK.COM./services/T/B/x", "slack"),
        ("https://hooks.slack-gov.com/services/T/B/x", "slack"),
        ("https://discord.com/api/webhooks/1/x", "discord"),
        ("https://ptb.discord.com/api/webhooks/1/x", "discord"),
        ("https://discordapp.com/api/v10/webhooks/1/x", "discord"),
        ("https://hooks.slack.com.example.org/services/x", "generic"),
        ("https://notslack.com/services/x", "generic"),
        ("https://example.com/hooks.slack.com", "generic"),
        ("http://127.0.0.1:8080/", "generic"),
    ],
)
def test_the_host_of_an_address_tells_the_service(url: str, service: str) -> None:
    """Not what merely looks like it; an explicit format goes first."""
    assert Destination(url).service == service
    assert Destination(url, "discord").service == "discord"


def test_a_destination_shows_no_secret() -> None:
    """Neither in its repr nor in its identifier, which is short and its own."""
    one, other = Destination("https://example.com/s3cret"), Destination("https://example.com/s3cret2")
    assert "s3cret" not in f"{one!r} {one.id} {[one]}"
    assert one.id == Destination("https://example.com/s3cret").id != other.id
    assert len(one.id) == 12


def test_destinations_are_those_that_are_configured() -> None:
    """None, or one."""
    assert destinations_of(AlertConfig()) == ()
    (slack,) = destinations_of(AlertConfig(webhook_url="https://hooks.slack.com/services/x"))
    assert slack.service == "slack"


def test_a_url_named_twice_is_one_destination() -> None:
    """The first of the two counts, with its format; Apprise gets its own addresses."""
    found = destinations_of(
        AlertConfig(
            webhook_url="https://example.com/a",
            format="slack",
            extra_webhooks=["https://example.com/b", "https://example.com/a"],
            apprise_urls=["json://example.com"],
        )
    )
    assert [(each.url, each.service) for each in found] == [
        ("https://example.com/a", "slack"),
        ("https://example.com/b", "generic"),
        ("json://example.com", "apprise"),
    ]


def test_one_line_says_where_alerts_go() -> None:
    """By service and without the URL; a destination that is gone is marked, and none at all is OFF."""
    alerts = AlertConfig(webhook_url="https://hooks.slack.com/services/s3cret", extra_webhooks=["https://a.example/s"])
    gone = {destinations_of(alerts)[0].id}
    assert alerts_line(alerts) == "alerts: slack, generic"
    assert alerts_line(alerts, gone) == "alerts: slack (GONE, set a new address), generic"
    assert alerts_line(AlertConfig()) == "alerts: OFF, set DCCD_ALERTS__WEBHOOK_URL"
