"""The settings of alerts."""

from typing import Any

import pytest

from dccd.daemon.config import AlertConfig

URL = "https://example.com/hook"
KEY = "whsec_YSBtYWRlLXVwIGtleSwgZm9yIG5vIHJlYWwgdXNl"


@pytest.mark.parametrize(
    ("settings", "has_one"),
    [
        ({}, False),
        ({"heartbeat_url": URL}, False),
        ({"webhook_url": URL}, True),
        ({"extra_webhooks": [URL]}, True),
        ({"apprise_urls": ["tgram://bot/1"]}, True),
    ],
)
def test_a_destination_is_any_that_receives_alerts(settings: dict[str, Any], has_one: bool) -> None:
    """A heartbeat is none."""
    assert AlertConfig(**settings).has_destination is has_one


def test_every_secret_is_listed_for_those_who_hide_them() -> None:
    """Each setting that its repr leaves out, and no other."""
    alerts = AlertConfig(
        webhook_url=f"{URL}/1",
        extra_webhooks=[f"{URL}/2", f"{URL}/3"],
        apprise_urls=["tgram://bot/1"],
        webhook_secret=KEY,
        heartbeat_url=f"{URL}/4",
        source="shown",
    )
    hidden = [name for name, field in AlertConfig.model_fields.items() if not field.repr]
    values = [getattr(alerts, name) for name in hidden]
    flat = {each for value in values for each in (value if isinstance(value, tuple) else (value,))}
    assert set(alerts.secrets) == flat
    assert AlertConfig().secrets == ()
