"""The status page in a real browser, without its window."""

import re
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from tests.chromium import Browser

from dccd.candles import Month, Series, Span
from dccd.daemon.exporter import Exporter
from dccd.daemon.exporter.routes import Routes
from dccd.daemon.exporter.server import Reply
from dccd.daemon.records.model import Incident, JobMetrics, JobRecord
from dccd.daemon.state.silences import AlertState
from dccd.daemon.status.assess import Configured, see

NOW = 1_700_000_000.0
ATTACK = "E: <script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\"></td></table>"
DAY = 86_400_000
SPANS = [
    Span(
        Series("kraken", "BTC/USD", "1d"), (Month("1970-01", 31, 0, 30 * DAY), Month("1970-02", 27, 31 * DAY, 58 * DAY))
    )
]


def routes(error: str = ATTACK) -> Routes:
    """Return the answers of a daemon with a job in trouble."""
    failing = JobRecord(JobMetrics(NOW - 5, NOW - 900, 50, 3, error), (Incident("i", "failing", NOW - 60, 3),))
    place = Configured("/data/<b>", {"kraken/BTC/USD": "1h", "kraken/ETH/USD": "1h"}, ())
    seen = see(place, {"kraken/BTC/USD": failing}, AlertState(), None, NOW)
    return Routes(lambda: seen, lambda: SPANS)


@pytest.fixture
def server() -> Iterator[Exporter]:
    """Return a server of the page."""
    serving = Exporter("127.0.0.1:0", routes())
    yield serving
    serving.close()


def test_the_page_shows_jobs_incidents_and_candles_and_runs_nothing_foreign(server: Exporter, browser: Browser) -> None:
    """What stands in an error is text; the browser makes no element of it, and its own style is not blocked."""
    found = browser.open(server.address, 1000).document
    assert found.title is not None
    assert found.title.get_text() == "dccd: 1 alerted of 2 jobs"
    assert len(found.select("script")) == 1
    assert not found.select("main img, main script")
    texts = [cell.get_text() for cell in found.select("td.text")]
    assert ATTACK in texts
    states = [tag.get_text() for tag in found.select("table[aria-label^=Health] .tag")]
    assert states == ["ALERTED", "NEVER"]
    (drawn,) = found.select("svg")
    assert len(drawn.select("rect")) == 2
    assert "1 missing" in str(drawn["aria-label"])
    # Its own script ran: the control is hidden without it.
    (control,) = found.select("#control")
    assert not control.has_attr("hidden")


def test_the_page_looks_again_by_itself(browser: Browser) -> None:
    """And shows what is new."""
    asked = 0

    def answer(path: str) -> Reply | None:
        nonlocal asked
        asked += path == "/"
        return routes(f"E: look {min(asked, 2)}")(path)

    server = Exporter("127.0.0.1:0", answer)
    found = browser.open(server.address, 17_000).document
    server.close()
    assert "E: look 2" in [cell.get_text() for cell in found.select("td.text")]
    (lost,) = found.select("#lost")
    assert lost.has_attr("hidden")


def test_the_page_says_when_what_it_shows_is_old(browser: Browser) -> None:
    """The daemon does not answer any more: the picture stays, with a warning."""
    asked = 0

    def answer(path: str) -> Reply | None:
        nonlocal asked
        asked += path == "/"
        return routes()(path) if asked < 2 else Reply("no", 503)

    server = Exporter("127.0.0.1:0", answer)
    found = browser.open(server.address, 17_000).document
    server.close()
    (lost,) = found.select("#lost")
    assert not lost.has_attr("hidden")
    assert found.select("table")


def test_the_page_asks_no_other_host() -> None:
    """Nothing in it has the address of anything else, and every control has a name."""
    reply = routes()("/")
    assert reply is not None
    found = BeautifulSoup(reply.body, "html.parser")
    asked = [str(tag.get(name)) for tag in found.find_all(True) for name in ("src", "href", "action") if tag.get(name)]
    assert asked == ["data:,"]
    style = "".join(tag.get_text() for tag in found.select("style"))
    assert not re.search(r"url\(|@import", style)
    assert found.html is not None
    assert found.html["lang"] == "en"
    assert all(head.get("scope") == "col" for head in found.select("th"))
    assert all(box.find_parent("label") for box in found.select("input"))
    assert [tag.name for tag in found.select("h1, h2")] == ["h1", "h2", "h2", "h2"]
