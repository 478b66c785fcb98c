"""The alert rules and the dashboard: they ask for metrics that there are, and do what they say."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dccd.daemon.exporter import exposition
from dccd.daemon.state.silences import AlertState
from dccd.daemon.status.assess import Configured, see

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"


def exported() -> set[str]:
    """Return the names of the metrics that an exporter may have, as they are declared."""
    text = exposition(see(Configured("/data", {"kraken/BTC/USD": "1h"}, ()), {}, AlertState(), None, 0.0)).decode()
    return {name for name, _ in re.findall(r"^# TYPE (dccd_\w+) (\w+)$", text, re.MULTILINE)}


def rules() -> list[dict[str, Any]]:
    """Return the alert rules."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    content: Any = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in content["groups"] for rule in group["rules"]]


def queries(value: Any) -> Iterator[str]:
    """Yield the queries of a dashboard."""
    if isinstance(value, list):
        for each in value:
            yield from queries(each)
    elif isinstance(value, dict):
        yield from (text for name, text in value.items() if name in {"expr", "query"} and isinstance(text, str))
        for each in value.values():
            yield from queries(each)


def named(text: str) -> set[str]:
    """Return the metrics of ours that a query names."""
    return set(re.findall(r"\bdccd_\w+", text))


def test_each_rule_asks_for_metrics_that_there_are() -> None:
    """And says how bad it is, what it is, and what to do."""
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found) > 5
    for rule in found:
        assert named(rule["expr"]) <= exported(), rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    """Each panel has its own place and data."""
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
    asked = {name for query in queries(dashboard) for name in named(query)}
    assert len(asked) > 10
    assert asked <= exported()
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(places)
    assert all(panel["targets"] for panel in dashboard["panels"])


def test_the_guide_lists_the_metrics_that_there_are() -> None:
    """All of them, and no other."""
    text = (ROOT / "docs" / "source" / "watch.rst").read_text(encoding="utf-8")
    assert set(re.findall(r"^   \* - ``(dccd_\w+)", text, re.MULTILINE)) == exported()


@pytest.mark.parametrize("command", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_is_content_with_the_rules(command: tuple[str, ...]) -> None:
    """Their form, and when each of them fires."""
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run(
        [promtool, *command], cwd=DEPLOY / "prometheus", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
