"""What the documentation claims: its examples run, its tables are complete, its pages have the shape they should."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup, Tag
from pydantic_core import PydanticUndefined

import dccd.candles
import dccd.clock
import dccd.daemon
import dccd.errors
import dccd.testing
import dccd.units
from dccd.candles import check_exchange
from dccd.cli.app import app
from dccd.cli.demo import play
from dccd.daemon.config import AlertConfig, HistoJob, LogConfig, StorageConfig, load_config
from dccd.daemon.metrics import JobMetrics
from dccd.units import parse_duration

if TYPE_CHECKING:
    from pydantic import BaseModel

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "docs" / "source"
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Read here, because each test runs without variables of that prefix.
SHARED = Path(os.environ.get("DCCD_TEST_SHARED") or ROOT.parent / "shared")
PAGE = Path("generated", "dccd.daemon.health.HealthMonitor.html")
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(SOURCE.glob("*.rst"))]


# The README


def blocks(language: str) -> list[str]:
    """Return the blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Return what the README types at a prompt, continued lines joined."""
    text = "\n".join(blocks("console")).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


def test_the_python_of_the_readme_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a comment says `prints`."""
    monkeypatch.chdir(tmp_path)
    [block] = blocks("python")
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text
    expected = re.findall(r"# prints (.*)$", block, re.MULTILINE)
    assert expected
    assert capsys.readouterr().out.splitlines() == expected


def test_make_run_prints_the_lines_the_readme_shows() -> None:
    """In the order shown; numbers and times differ from run to run, `...` stands for lines left out."""
    [block] = [block for block in blocks("console") if block.startswith("$ make run")]
    shown = [re.sub(r"\d+", "0", line) for line in block.splitlines()[1:] if line != "..."]
    said: list[str] = []
    play(said.append)
    rest = iter(re.sub(r"\d+", "0", re.sub(r" +", " ", "\n".join(said))).splitlines())
    missing = [line for line in shown if re.sub(r" +", " ", line) not in rest]  # `in` moves the iterator on
    assert len(shown) > 3
    assert not missing


def test_environment_variables_alone_are_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the README sets before `dccd start` loads, and its exchange exists."""
    monkeypatch.chdir(tmp_path)
    [command] = [command for command in commands() if "DCCD_" in command]
    words = shlex.split(command)
    settings = [word.partition("=") for word in words if word.startswith("DCCD_")]
    assert words[len(settings) :] == ["dccd", "start"]
    for name, _, value in settings:
        monkeypatch.setenv(name, value)
    config = load_config()
    assert [key for key, _, _ in config.jobs_by_key()] == ["kraken/BTC/USD", "kraken/ETH/USD"]
    assert config.alerts.webhook_url
    assert config.storage.local_path.parts[1:] == ("var", "lib", "dccd")
    for job in config.histo_jobs:
        check_exchange(job.exchange)


def toml_examples() -> list[str]:
    """Return every TOML file that the README and the guides show."""
    pattern = re.compile(r"^\.\. code-block:: toml\n\n((?:   .*\n|\n)+)", re.MULTILINE)
    shown = [match for path in SOURCE.glob("*.rst") for match in pattern.findall(path.read_text(encoding="utf-8"))]
    return [*blocks("toml"), *(re.sub(r"^   ", "", text, flags=re.MULTILINE) for text in shown)]


@pytest.mark.parametrize("text", toml_examples())
def test_each_file_shown_is_a_configuration(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads, its exchanges exist, and it sets something."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dccd.toml"
    path.write_text(text, encoding="utf-8")
    config = load_config()
    assert set(tomllib.loads(text)) <= config.model_fields_set
    assert config.histo_jobs
    for job in config.histo_jobs:
        check_exchange(job.exchange)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_each_command_named_exists(path: Path) -> None:
    """`dccd ...`, `make ...` and `tools/dev.py ...`, at a prompt or in the text."""
    text = path.read_text(encoding="utf-8")
    typed = "\n".join(_typed(text))
    ours = {info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands}
    assert set(re.findall(r"(?<![\w./-])dccd ([a-z][a-z-]*)\b(?! *=)", typed)) <= ours
    targets = set(re.findall(r"^([a-z]+(?: [a-z]+)*):$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", typed)) <= {target for line in targets for target in line.split()}
    scripts = set(re.findall(r"tools/dev\.py ([a-z]+)", typed))
    assert all(
        f'add_parser("{script}"' in (ROOT / "tools" / "dev.py").read_text(encoding="utf-8") for script in scripts
    )


def _typed(text: str) -> list[str]:
    return [quoted or prompted for quoted, prompted in re.findall(r"`+([^`\n]+)`+|^\s*\$ (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_nothing_is_installed_by_the_name_of_another_project(path: Path) -> None:
    """On the public index `dccd` is not ours: every installation is from a checkout."""
    installed = re.findall(r"pip install +(\S+)", path.read_text(encoding="utf-8"))
    assert all(what.strip("`'\"").startswith(".") for what in installed)


def test_each_link_of_the_readme_leads_to_a_file() -> None:
    """And every page of the site but the landing page is linked."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert not [link for link in links if not (ROOT / link).is_file()]
    pages = {f"docs/source/{path.name}" for path in SOURCE.glob("*.rst")} - {
        "docs/source/index.rst",
        "docs/source/changelog.rst",
    }
    assert pages <= set(links)


# Tables


def rows(page: str) -> dict[str, str]:
    """Return the settings that the tables of a page tell, with their defaults."""
    text = (SOURCE / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^   \* - \| ``(\w+)``\n +\| (.*)$", text, re.MULTILINE))


def documented_settings() -> Iterator[tuple[str, object]]:
    """Yield each setting as it is written, with its default."""
    models: list[tuple[str, type[BaseModel]]] = [
        ("DCCD_STORAGE__", StorageConfig),
        ("DCCD_ALERTS__", AlertConfig),
        ("DCCD_LOG__", LogConfig),
        ("", HistoJob),
    ]
    for prefix, model in models:
        for name, field in model.model_fields.items():
            yield (f"{prefix}{name.upper()}" if prefix else name), field.default


def test_the_tables_of_settings_are_complete() -> None:
    """Every setting is there and no other, with its default where that is a plain value."""
    told = rows("deploy.rst")
    settings = dict(documented_settings())
    assert set(told) == set(settings)
    for name, default in settings.items():
        if default is None or default is PydanticUndefined or default == ():
            assert told[name] == "required" or told[name].startswith("default: "), name
            continue
        text = told[name].removeprefix("default ``").removesuffix("``")
        if isinstance(default, bool):
            assert json.loads(text) is default, name
        elif isinstance(default, float):
            assert parse_duration(text) == default, name
        else:
            assert text == str(default), name


def test_the_table_of_metrics_json_is_complete() -> None:
    """Every field of a record that a caller sees is told, first those that are always there."""
    text = (SOURCE / "files.rst").read_text(encoding="utf-8")
    table = text[text.index(".. _metrics-json:") : text.index("dccd.log\n--------")]
    told = re.findall(r"^   \* - ``(\w+)``$", table, re.MULTILINE)
    names = [field.name for field in fields(JobMetrics)]
    assert told[: len(names)] == names


def test_the_reference_lists_every_public_name() -> None:
    """A name that is exported has a page."""
    text = (SOURCE / "reference.rst").read_text(encoding="utf-8")
    listed = set(re.findall(r"^   (\w+)$", text, re.MULTILINE)) | set(
        re.findall(r"^\.\. py:data:: (\w+)$", text, re.MULTILINE)
    )
    modules = (dccd.daemon, dccd.candles, dccd.testing, dccd.errors, dccd.units)
    assert {name for module in modules for name in module.__all__} - listed == set()


# The site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once, from a copy, so that no page is written into the checkout."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(SOURCE, root / "docs" / "source", ignore=shutil.ignore_patterns("generated"))
    shutil.copy(ROOT / "CHANGELOG.md", root)
    out = root / "html"
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(root / "docs" / "source"), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def page(site: Path) -> Tag:
    """Return what the page of HealthMonitor says, without headers and menus."""
    soup = BeautifulSoup((site / PAGE).read_text(encoding="utf-8"), "html.parser")
    return one(soup, "article")


@pytest.fixture(scope="session")
def source_page() -> str:
    """Return the page that ours has the shape of."""
    found = sorted((SHARED / "reference").glob("*.txt")) if SHARED.is_dir() else []
    pages = [text for path in found if (text := path.read_text(encoding="utf-8")).startswith("HealthMonitor")]
    if not pages:
        pytest.skip(f"the source page is not in {SHARED.name}/reference")
    return pages[0]


def one(tag: Tag, selector: str) -> Tag:
    """Return the first element that a selector finds."""
    found = tag.select_one(selector)
    assert found is not None, selector
    return found


def text_of(tag: Tag) -> str:
    """Return the text of an element on one line, without the signs of permalinks."""
    return " ".join(tag.get_text().replace("¶", "").split())


def method(page: Tag, name: str) -> Tag:
    """Return a method of the page, signature and description."""
    signature = one(page, f'dt[id="dccd.daemon.health.HealthMonitor.{name}"]')
    assert isinstance(signature.parent, Tag)
    return signature.parent


def told_fields(owner: Tag) -> dict[str, list[str]]:
    """Return the fields of a class or method: label, and name and type of each entry, written together."""
    lists = one(owner, "dl.field-list")
    labels = [text_of(label).rstrip(":") for label in lists.find_all("dt", recursive=False)]
    bodies = lists.find_all("dd", recursive=False)
    return {
        label: [text_of(entry).replace(" : ", "", 1) for entry in one(body, "dl").find_all("dt", recursive=False)]
        for label, body in zip(labels, bodies, strict=True)
    }


def source_fields(source_page: str, heading: str) -> dict[str, list[str]]:
    """Return the same of a part of the source page, which begins with a heading and ends with the next one."""
    part = source_page.partition(heading)[2]
    part = re.split(r"(?:^|(?<=\.))- \w+\(|^Notes$", part, maxsplit=1, flags=re.MULTILINE)[0]
    found: dict[str, list[str]] = {}
    for line in re.findall(r"(?:^|(?<=\.))- (.+)$", part, re.MULTILINE):
        if line in {"Parameters:", "Returns:"}:
            found[line.rstrip(":")] = []
        else:
            found[list(found)[-1]].append(line)
    return found


MARKS = [
    "HealthMonitor",
    "Defined in dccd.daemon.health",
    "class HealthMonitor(local_path, alerts)[source]",
    "Bases:",
    "Parameters:",
    "Notes",
    "Examples",
    "get_metrics()[source]",
    "Return",
    "record_failure(exchange, pair",
    "record_success(exchange, pair, rows=0",
]


def test_the_page_has_the_parts_of_the_source_page_in_their_order(page: Tag, source_page: str) -> None:
    """Title, home, signature, bases, parameters, notes, examples, then the methods."""
    for text in (text_of(page), " ".join(source_page.split())):
        at = 0
        for mark in MARKS:
            at = text.index(mark, at) + len(mark)


def test_the_page_begins_with_title_home_signature_and_base(page: Tag) -> None:
    """Nothing stands between them."""
    assert text_of(one(page, "h1")) == "HealthMonitor"
    beginning = (
        "HealthMonitor Defined in dccd.daemon.health class HealthMonitor(local_path, alerts)[source] Bases: object"
    )
    assert text_of(page).startswith(beginning)
    assert one(page, 'dt[id="dccd.daemon.health.HealthMonitor"] a[href*="_modules"]')


def test_the_page_tells_three_purposes(page: Tag) -> None:
    """As a numbered list: the log, the metrics, the alerts."""
    purposes = [text_of(item).split(".")[0] for item in one(page, "ol").find_all("li", recursive=False)]
    assert purposes == ["Rotating log", "Metrics of each job", "Alerts"]


def test_the_parameters_are_those_of_the_source_page(page: Tag, source_page: str) -> None:
    """The same names and types in the same order."""
    owner = one(page, "dl.py.class > dd")
    assert told_fields(owner)["Parameters"] == source_fields(source_page, "- class HealthMonitor")["Parameters"]


@pytest.mark.parametrize("name", ["get_metrics", "record_failure", "record_success"])
def test_a_method_has_the_fields_of_the_source_page(page: Tag, source_page: str, name: str) -> None:
    """All that the source page lists comes first; what is new comes after it and can be left out."""
    theirs = source_fields(source_page, f"- {name}(")
    ours = told_fields(method(page, name))
    assert list(theirs) == list(ours)
    for label, entries in theirs.items():
        assert entries
        assert ours[label][: len(entries)] == entries
        assert all(entry.endswith(", optional") for entry in ours[label][len(entries) :])


def test_the_text_of_the_page_is_our_own(page: Tag, source_page: str) -> None:
    """No eight words in a row are those of the source page, outside the example."""
    ours = _runs(" ".join(text_of(paragraph) for paragraph in page.select("p, li")))
    theirs = _runs(source_page.partition("Examples")[0])
    assert ours
    assert theirs
    assert not ours & theirs


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + 8]) for start in range(len(words) - 7)}


def test_types_on_the_page_are_links(page: Tag) -> None:
    """A reader gets from a parameter to what it is."""
    types = {link.get_text(): str(link["href"]) for link in page.select("span.classifier a")}
    assert types["AlertConfig"].startswith("dccd.daemon.config.AlertConfig.html")
    assert "str" in types


def test_no_page_asks_another_host(site: Path) -> None:
    """Scripts, styles, images and frames are our own: the site works without a network."""
    attributes = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "video": "src"}
    asked = []
    pages = list(site.rglob("*.html"))
    for path in pages:
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for name, attribute in attributes.items():
            asked += [
                f"{path.name}: {tag[attribute]}"
                for tag in soup.select(f"{name}[{attribute}]")
                if re.match(r"(https?:)?//", str(tag[attribute]))
            ]
    foreign = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//")
    asked += [path.name for path in site.rglob("*.css") if foreign.search(path.read_text(encoding="utf-8"))]
    assert len(pages) > 40
    assert not asked


def test_each_page_has_a_title_and_a_description(site: Path) -> None:
    """For search engines and for those who share a link."""
    pages = [path for path in site.glob("*.html") if path.stem not in {"genindex", "py-modindex", "search"}]
    for path in [*pages, *site.glob("generated/*.html")]:
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        assert text_of(one(soup, "title")), path.name
        assert one(soup, 'meta[name="description"]')["content"], path.name
