"""Settings from one place, and how those of several are merged."""

from dccd.daemon.config import AlertConfig
from dccd.daemon.config.sources import Source, merge, of_arguments

FILE = Source(
    {"alerts": {"format": "slack"}, "histo_jobs": [{"exchange": "kraken"}]},
    {(): "dccd.toml", ("alerts",): "dccd.toml:1", ("alerts", "format"): "dccd.toml:2"},
)


def test_a_setting_is_found_at_the_closest_key_above_it() -> None:
    """A place that names nothing above it has no line to show."""
    assert FILE.place(("alerts", "format")) == "dccd.toml:2"
    assert FILE.place(("alerts", "source")) == "dccd.toml:1"
    assert FILE.place(("log", "level")) == "dccd.toml"
    assert Source().place(("log", "level")) == ""


def test_the_depth_counts_the_keys_that_are_here() -> None:
    """Through mappings and lists, up to the first key that is missing."""
    assert FILE.depth(("alerts", "format")) == 2
    assert FILE.depth(("alerts", "source")) == 1
    assert FILE.depth(("histo_jobs", 0, "exchange")) == 3
    assert FILE.depth(("histo_jobs", 1, "exchange")) == 1
    assert FILE.depth(("log",)) == 0


def test_a_place_above_overrides_single_settings_and_whole_lists() -> None:
    """The rest of a section stays; neither side is changed."""
    below = {"alerts": {"format": "slack", "source": "x"}, "histo_jobs": [1, 2]}
    merged = merge(below, {"alerts": {"source": "y"}, "histo_jobs": [3], "log": {"level": "INFO"}})
    assert merged == {
        "alerts": {"format": "slack", "source": "y"},
        "histo_jobs": [3],
        "log": {"level": "INFO"},
    }
    assert below == {"alerts": {"format": "slack", "source": "x"}, "histo_jobs": [1, 2]}


def test_a_model_counts_with_what_was_set_and_keeps_its_secrets() -> None:
    """Its defaults override nothing, and a mask never becomes a value."""
    url = "https://example.com/hook/s3cret"
    found = of_arguments({"alerts": AlertConfig(webhook_url=url)})
    assert found.values == {"alerts": {"webhook_url": url}}
    assert found.place(("alerts", "webhook_url")) == "argument alerts"
    assert "s3cret" not in repr(found)
