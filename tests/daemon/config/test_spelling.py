"""Suggestions for names that are no settings."""

import pytest
from tests.daemon.config.surroundings import Place

from dccd.daemon.config.names import KeyPath, leaves, variable_of

SECRET = "https://example.com/hook/s3cret-token"


@pytest.mark.parametrize("setting", [path for path in leaves() if len(path) > 1], ids=variable_of)
def test_a_single_underscore_is_seen_in_any_name(setting: KeyPath, place: Place) -> None:
    """It is the commonest mistake, and would be silent."""
    name = variable_of(setting)
    wrong = name.replace("__", "_")
    place.environ[wrong] = SECRET
    assert place.problems() == [f"environment variable {wrong}: no such setting: did you mean {name}?"]


LINKS = [
    *("DCCD_SERVICE_HOST", "DCCD_SERVICE_PORT", "DCCD_SERVICE_PORT_HTTP", "DCCD_PORT", "DCCD_PORT_9464_TCP"),
    *("DCCD_PORT_9464_TCP_PROTO", "DCCD_PORT_9464_TCP_PORT", "DCCD_PORT_9464_TCP_ADDR", "DCCD_METRICS_PORT_53_UDP"),
    *("DCCD_METRICS_SERVICE_HOST", "DCCD_ALERTS_SERVICE_PORT", "DCCD_A_B_PORT_1_SCTP_ADDR"),
]


def test_what_kubernetes_sets_for_services_is_no_mistake(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Of any service whose name starts with dccd."""
    place.environ |= dict.fromkeys(LINKS, "tcp://10.0.0.1:9464")
    assert place.load().origins == {}
    assert not caplog.records
    place.environ["DCCD_ALERTS_FORMAT"] = "slack"
    assert len(place.problems()) == 1
