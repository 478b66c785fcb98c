"""The built site in a browser: the search finds what is there, and nothing complains."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.chromium import Browser

from dccd._compat import override

# Loads each page in a frame as wide as a phone, and notes those that are wider.
PHONE = """<!doctype html><title>pages that are too wide for a phone</title><ul></ul><script>
for (const name of %s) {
  const frame = document.createElement("iframe");
  frame.width = 390;
  frame.onload = () => {
    const item = document.createElement("li");
    const width = frame.contentDocument.documentElement.scrollWidth;
    item.textContent = width > 390 ? `${name}: ${width}` : "";
    document.querySelector("ul").append(item);
  };
  frame.src = name;
  document.body.append(frame);
}
</script>"""


class _Quiet(SimpleHTTPRequestHandler):
    @override
    def do_GET(self) -> None:
        if self.path != "/phone":
            super().do_GET()
            return
        pages = sorted(path.name for path in Path(self.directory).glob("*.html"))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write((PHONE % json.dumps(pages)).encode())

    @override
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """Serve the site on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_the_search_finds_the_monitor(browser: Browser, address: str) -> None:
    """By its name, the page of the class among the first; nothing goes wrong on the way."""
    page = browser.open(f"{address}/search.html?q=HealthMonitor")
    found = [str(link["href"]) for link in page.document.select("ul.search li a")]
    assert any("dccd.daemon.health.HealthMonitor.html" in link for link in found[:5]), found
    assert not page.console


@pytest.mark.parametrize("name", ["index.html", "commands.html", "generated/dccd.daemon.health.HealthMonitor.html"])
def test_a_page_loads_without_a_complaint(browser: Browser, address: str, name: str) -> None:
    """Its scripts have run: examples have a button to copy them, and headings a link to themselves."""
    page = browser.open(f"{address}/{name}")
    assert page.document.select("button.copybtn")
    assert page.document.select("a.headerlink")
    assert page.document.select("button.theme-toggle")
    assert not page.console


def test_no_page_is_wider_than_a_phone(browser: Browser, address: str, site: Path) -> None:
    """What does not fit, as a long line of code or a table of figures, scrolls in a box of its own."""
    page = browser.open(f"{address}/phone")
    measured = [item.get_text() for item in page.document.select("li")]
    assert len(measured) == len(list(site.glob("*.html")))
    assert not any(measured), measured
