"""The tables of the documentation: complete, and as the code has it."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import typer.main
from bs4 import BeautifulSoup
from typer.core import TyperGroup

import dccd.candles
import dccd.clock
import dccd.daemon
import dccd.errors
import dccd.testing
import dccd.units
from dccd.cli import EX_BUSY, EX_CONFIG, EX_FAILED
from dccd.cli.app import app
from dccd.daemon.alerts.messages import Message
from dccd.daemon.alerts.wording import lines
from dccd.daemon.config.describe import settings
from dccd.daemon.records.model import Event, Expectation, Incident, JobMetrics, Kind, Notice
from dccd.daemon.records.notices import Item
from dccd.daemon.status.view import (
    DaemonState,
    DaemonView,
    DestinationView,
    IncidentView,
    JobView,
    Overview,
)

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "source"


def test_every_setting_is_in_the_table_of_its_section(site: Path) -> None:
    """With its type and its default, and no setting that there is not."""
    page = BeautifulSoup((site / "settings.html").read_text(encoding="utf-8"), "html.parser")
    told = {
        str(lines[0]): lines[1:]
        for cell in page.select("tr td:first-child")
        if (lines := [line.get_text() for line in cell.select(".line")])
    }
    assert list(told) == [each.variable for each in settings()]
    for each in settings():
        kind, default = told[each.variable]
        assert kind == each.type
        if each.required:
            assert default == "required"
        elif each.default is None:
            assert default == "not set by default"
        else:
            assert default == f"default {each.default.strip(chr(34))}"


def test_every_command_has_a_section(site: Path) -> None:
    """With each of its options."""
    page = BeautifulSoup((site / "commands.html").read_text(encoding="utf-8"), "html.parser")
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    for name, command in group.commands.items():
        section = page.select_one(f"section#{name}")
        assert section is not None, name
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert option in section.get_text(), f"{name} {option}"


def test_the_table_of_metrics_json_is_complete() -> None:
    """Every field of a record that a caller sees is told, first those that are always there."""
    text = (SOURCE / "files.rst").read_text(encoding="utf-8")
    table = text[text.index(".. _metrics-json:") : text.index("dccd.log\n--------")]
    told = re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE)
    names = [field.name for field in fields(JobMetrics)]
    assert told[: len(names)] == names
    inner = {field.name for kind in (Expectation, Incident, Notice) for field in fields(kind)} - {"extra"}
    assert inner <= set(re.findall(r"``(\w+)``", table))


def test_the_reference_lists_every_public_name() -> None:
    """A name that is exported has a page."""
    text = (SOURCE / "reference.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (\w+)$", text, re.MULTILINE)) | set(
        re.findall(r"^\.\. py:data:: (\w+)$", text, re.MULTILINE)
    )
    modules = (dccd.daemon, dccd.candles, dccd.testing, dccd.errors, dccd.units)
    assert {name for module in modules for name in module.__all__} - listed == set()


def test_the_runbook_tells_of_every_notice() -> None:
    """By the words that it begins with, so that a search for them leads there."""
    text = (SOURCE / "runbook.rst").read_text(encoding="utf-8")
    told = re.findall(r"^``(\[.*)``\n-+$", text, re.MULTILINE)
    beginnings: list[tuple[Event, str]] = [
        *(("firing", kind) for kind in Kind),
        ("repeat", "failing"),
        ("resolved", "failing"),
        ("firing", "test"),
    ]
    for event, kind in beginnings:
        notice = Notice("i", 1, event, 0.0, kind, 0.0)
        [beginning, *_] = lines(Message("m", (Item("a/b", (notice,)),)), "here", 0.0)
        assert any(beginning.startswith(heading.replace("...", "a/b")) for heading in told), beginning
    notice = Notice("i", 1, "firing", 0.0, "failing", 0.0)
    [beginning, *_] = lines(Message("m", (Item("a/b", (notice,)),) * 3), "here", 0.0)
    assert any(beginning.startswith(heading) for heading in told)


def test_each_test_of_a_promise_exists() -> None:
    """As the page on concepts names them, and it names them all."""
    text = (SOURCE / "concepts.rst").read_text(encoding="utf-8")
    there = {path.name for path in (ROOT / "tests" / "faults").glob("test_*.py")}
    assert set(re.findall(r"``(test_\w+\.py)``", text)) == there


def test_the_exit_codes_are_those_of_the_command() -> None:
    """Each code that the command has a name for is told."""
    text = (SOURCE / "commands.rst").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^   \* - (\d+)$", text, re.MULTILINE)}
    assert told == {0, EX_FAILED, 2, EX_BUSY, EX_CONFIG, 130}


def test_every_field_of_the_status_is_told() -> None:
    """As `dccd status --json` prints them, those of a job, an incident, the daemon and a destination, too."""
    text = (SOURCE / "watch.rst").read_text(encoding="utf-8")
    table = text[text.index("Field of ``--json``") : text.index("In a browser\n---")]
    told = re.findall(r"``(\w+)``", table)
    shown = {
        field.name for kind in (Overview, JobView, IncidentView, DaemonView, DestinationView) for field in fields(kind)
    }
    assert re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE) == [field.name for field in fields(Overview)]
    assert shown <= set(told)
    assert set(told) - shown <= {*get_args(DaemonState), "null"}
