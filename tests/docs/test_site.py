"""The built site: its pages have the shape they should, and ask no other host."""

import os
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from dccd import testing

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "source"
# Read here, because each test runs without variables of that prefix.
SHARED = Path(os.environ.get("DCCD_TEST_SHARED") or ROOT.parent / "shared")
PAGE = Path("generated", "dccd.daemon.health.HealthMonitor.html")


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


OTHER = {"changelog", "genindex", "py-modindex", "search"}


@pytest.fixture(scope="session")
def articles(site: Path) -> list[tuple[str, Tag]]:
    """Return name and text of every page that is written in our markup."""
    pages = [path for path in [*site.glob("*.html"), *site.glob("generated/*.html")] if path.stem not in OTHER]
    soups = [(path.stem, BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")) for path in pages]
    return [(name, article) for name, soup in soups for article in soup.select("article")]


def test_every_type_is_a_link(articles: list[tuple[str, Tag]]) -> None:
    """Whatever stands behind the name of a parameter or of what is returned, but the words between."""
    words = {"or", "of", "to", "and", "optional", "pair", "file-like"}
    plain = [
        f"{name}: {text_of(kind)}"
        for name, article in articles
        for kind in article.select("span.classifier")
        for text in kind.find_all(string=True)
        if text.find_parent("a") is None and set(re.findall(r"[\w.:-]+", text)) - words
    ]
    assert not plain


def test_no_signature_shows_what_is_in_memory(articles: list[tuple[str, Tag]]) -> None:
    """A default is written as in the code."""
    signatures = [text_of(each) for _, article in articles for each in article.select("dt.sig")]
    assert len(signatures) > 100
    assert not [each for each in signatures if "<" in each or "**kwargs" in each]


def test_every_public_name_is_a_link(articles: list[tuple[str, Tag]]) -> None:
    """A class, a function with more than one word to its name, a method; but a parameter of the page itself."""
    objects = {name.rpartition(".")[2] for name, _ in articles if name.startswith("dccd.")}
    names = {name for name in objects if not name.islower() or "_" in name}
    plain = []
    for page_name, article in articles:
        own = {text_of(parameter) for parameter in article.select("em.sig-param .n, dl.field-list strong")}
        for code in article.select("code"):
            text = code.get_text()
            is_reference = "xref" in (code.get("class") or ()) and text not in own
            if (is_reference or text in names) and code.find_parent(["a", "dt"]) is None:
                plain.append(f"{page_name}: {text}")
    assert not plain


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
    pages = list(site.glob("*.html"))
    for path in [*pages, *site.glob("generated/*.html")]:
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        assert text_of(one(soup, "title")), path.name
        assert one(soup, 'meta[name="description"]')["content"], path.name


@pytest.mark.parametrize("name", ["LoopbackExchange", "WebhookReceiver", "ManualClock"])
def test_all_that_a_server_for_tests_can_be_told_is_on_its_page(site: Path, name: str) -> None:
    """What it has from a class that is not public, too."""
    soup = BeautifulSoup((site / "generated" / f"dccd.testing.{name}.html").read_text(encoding="utf-8"), "html.parser")
    shown = {str(entry["id"]).rpartition(".")[2] for entry in soup.select("dt.sig[id]")}
    public = {member for member in dir(getattr(testing, name)) if not member.startswith("_")}
    assert shown == {name, *public}
