"""The names of settings, dotted and as variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.config import CollectorConfig, HistoJob, settings
from dccd.daemon.config.names import (
    KeyPath,
    Nested,
    dotted,
    leaves,
    nested,
    plain,
    secret_of,
    secrets,
    setting_of,
    variable_of,
)


@pytest.mark.parametrize("path", list(leaves()), ids=variable_of)
def test_a_variable_leads_back_to_its_setting(path: KeyPath) -> None:
    """In any case of its letters."""
    assert setting_of(variable_of(path)) == path
    assert setting_of(variable_of(path).lower()) == path


@pytest.mark.parametrize(
    "variable",
    ["DCCD_", "DCCD_ALERTS__", "DCCD_ALERTS__0__FORMAT", "DCCD_HISTO_JOBS__PAIRS", "DCCD_HISTO_JOBS__01__PAIRS"],
)
def test_a_variable_of_no_setting_leads_nowhere(variable: str) -> None:
    """A section alone needs its list index, and a plain section has none."""
    assert setting_of(variable) is None


def test_a_secret_may_be_in_a_file() -> None:
    """Each, and nothing else; jobs have none, or there would be more to know."""
    secret = {each.path for each in settings() if each.secret}
    assert secrets() == secret
    assert all(len(path) == 2 for path in secret)
    for path in leaves():
        name = variable_of(path)
        assert secret_of(f"{name}_FILE") == (name if path in secret else None)
        assert secret_of(name) is None


def test_the_model_below_a_key_is_known() -> None:
    """One of a list is told from one alone, and a plain setting has none."""
    fields = CollectorConfig.model_fields
    assert nested(fields["histo_jobs"]) == Nested(HistoJob, many=True)
    alerts = nested(fields["alerts"])
    assert alerts is not None
    assert not alerts.many
    assert nested(alerts.model.model_fields["format"]) is None


@given(st.text(min_size=1))
def test_a_name_that_may_be_a_secret_is_hidden(name: str) -> None:
    """Only letters, digits and three signs are shown, and not too many of them."""
    shown = plain(name)
    assert shown in {name, "***"}
    if ":" in name or "/" in name or len(name) > 64:
        assert shown == "***"
    assert dotted(("alerts", name)) == f"alerts.{shown}"
