"""The bodies that services expect."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.daemon.alerts.destinations import Destination
from dccd.daemon.alerts.formats import body, endpoint
from dccd.daemon.alerts.messages import Message
from dccd.daemon.records.model import Event, Notice
from dccd.daemon.records.notices import Item

NOW = 1_700_000_000.0
SERVICES = ["discord", "generic", "mattermost", "rocketchat", "slack", "teams"]


def message(
    error: str | None = "TimeoutError: no answer",
    *,
    jobs: int = 1,
    event: Event = "firing",
    key: str = "kraken/BTC/USD",
) -> Message:
    """Return a message on some jobs."""
    told = Notice("i1", 1, event, NOW, "failing", NOW - 3600, failures=3, error=error)
    return Message("msg_1", tuple(Item(key if jobs == 1 else f"{key}-{number}", (told,)) for number in range(jobs)))


def parsed(told: Message, service: str, source: str = "host-1") -> Any:
    """Return the body for a service, parsed."""
    return json.loads(body(told, service, source=source, now=NOW))


def text_of(told: Message, service: str, source: str = "host-1") -> str:
    """Return all that a person sees of a body."""
    content = parsed(told, service, source)
    if service == "discord":
        (embed,) = content["embeds"]
        return f"{embed['title']}\n{embed['description']}"
    if service == "teams":
        (block,) = content["attachments"][0]["content"]["body"]
        return str(block["text"])
    return str(content["text"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_body_says_which_job_where_and_why(service: str) -> None:
    """In ASCII JSON, whatever the error is written in."""
    told = message("Fehler: kein Börsenplatz 📉")
    assert body(told, service, source="host-1", now=NOW).isascii()
    text = text_of(told, service)
    for part in ("FIRING", "kraken/BTC/USD", "host-1", "3 failures", "Börsenplatz 📉"):
        assert part in text


def test_slack_gets_escaped_text() -> None:
    """So that an error cannot call everybody, or hide behind a link."""
    text = text_of(message("<!channel> & <http://evil.example|click>"), "slack")
    assert "&lt;!channel&gt; &amp; &lt;http://evil.example|click&gt;" in text
    assert not re.search("[<>]", text)


def test_discord_may_mention_nobody_and_marks_nothing_up() -> None:
    """Red while it lasts, green when it is over."""
    content = parsed(message("@everyone **x** <@1> `y` [a](b)"), "discord")
    assert content["allowed_mentions"] == {"parse": []}
    assert "**x**" not in content["embeds"][0]["description"]
    assert "[a](b)" not in content["embeds"][0]["description"]
    assert content["embeds"][0]["color"] != parsed(message(event="resolved"), "discord")["embeds"][0]["color"]


def test_mattermost_takes_nothing_for_a_mention() -> None:
    """It finds them though a backslash is before them; the key of a job stays as it is typed."""
    text = text_of(message("@channel ,@all @@here x@y **b**", key="kraken/BTC/USD@1m"), "mattermost")
    assert not re.search(r"(?<!\w)@\w", text)
    assert r"\*\*b\*\*" in text
    assert "kraken/BTC/USD@1m" in text
    assert "x@y" in text


def test_rocketchat_gets_a_block_of_code() -> None:
    """It knows no escapes, and what would end the block is not in it."""
    text = text_of(message("```\n@all ``` [a](b) *c* \\[x\\]"), "rocketchat")
    assert text.startswith("```\n")
    assert text.endswith("\n```")
    assert text.count("```") == 2
    assert not re.search(r"(?<!\w)@\w", text)
    assert "[a](b) *c*" in text


@pytest.mark.parametrize("service", SERVICES)
def test_a_hundred_jobs_are_named_in_every_format(service: str) -> None:
    """As one cause fails many, and a message that names a third of them helps nobody."""
    text = text_of(message(jobs=100, key="binance/COIN/USDT"), service)
    assert len(set(re.findall(r"binance/COIN/USDT-\d+", text))) == 100
    assert len([line for line in text.splitlines() if line.strip("` ")]) <= 6


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://discord.com/api/webhooks/1/x", "https://discord.com/api/v10/webhooks/1/x?wait=true"),
        ("https://discord.com/api/v9/webhooks/1/x", "https://discord.com/api/v9/webhooks/1/x?wait=true"),
        (
            "https://discord.com/api/webhooks/1/x?thread_id=5",
            "https://discord.com/api/v10/webhooks/1/x?thread_id=5&wait=true",
        ),
        ("https://discord.com/api/webhooks/1/x?wait=false", "https://discord.com/api/v10/webhooks/1/x?wait=false"),
        ("https://hooks.slack.com/api/webhooks/x", "https://hooks.slack.com/api/webhooks/x"),
    ],
)
def test_discord_is_asked_by_its_version_and_to_confirm(url: str, asked: str) -> None:
    """Other addresses are posted to as they are."""
    assert endpoint(Destination(url)) == asked


def test_a_generic_body_has_facts_for_programs_and_a_text_for_people() -> None:
    """The text where receivers of dccd 2.x look for it."""
    content = parsed(message(), "generic")
    assert (content["type"], content["timestamp"]) == ("job.failing", "2023-11-14T22:13:20.000Z")
    assert content["text"].startswith("[FIRING] kraken/BTC/USD is failing on host-1\n")
    assert (content["data"]["id"], content["data"]["source"]) == ("msg_1", "host-1")
    (job,) = content["data"]["jobs"]
    facts = {
        "job": "kraken/BTC/USD",
        "event": "firing",
        "notice": "i1.1",
        "incident": "i1",
        "kind": "failing",
        "since": "2023-11-14T21:13:20.000Z",
        "at": "2023-11-14T22:13:20.000Z",
        "failures": 3,
        "error": "TimeoutError: no answer",
        "last_success_at": None,
    }
    assert facts.items() <= job.items()


def test_the_type_of_a_generic_body_is_that_of_its_events() -> None:
    """Mixed ones have a type of their own."""
    assert parsed(message(event="repeat"), "generic")["type"] == "job.failing"
    assert parsed(message(event="resolved"), "generic")["type"] == "job.resolved"
    mixed = Message("m", (*message().items, *message(event="resolved").items))
    assert parsed(mixed, "generic")["type"] == "jobs.changed"


def within_limits(told: Message, service: str, source: str) -> None:
    """Assert what the service demands."""
    content = parsed(told, service, source)
    if service in {"mattermost", "rocketchat", "slack"}:
        assert len(content["text"]) <= 4000
    elif service == "teams":
        assert len(json.dumps(content)) <= 28_000
    elif service == "discord":
        assert len(json.dumps(content["embeds"])) < 40_000
        (embed,) = content["embeds"]
        assert 0 < len(embed["title"]) <= 256
        assert len(embed["description"]) <= 4096
        assert len(embed["title"]) + len(embed["description"]) <= 6000
    else:
        assert len(content["text"]) <= 16_000


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("error", ["short", "x" * 500, "&<>*" * 125, "📉" * 500])
def test_a_hundred_jobs_fit_and_none_is_silently_left_out(service: str, error: str) -> None:
    """The text says how many it does not show."""
    told = message(error, jobs=100)
    within_limits(told, service, "host-1")
    text = text_of(told, service)
    shown = len(re.findall(r"kraken/BTC/USD\\?-\d+", text))
    assert shown > 0
    more = re.search(r"and (\d+) more", text)
    assert shown + (int(more[1]) if more else 0) == 100


@given(
    error=st.none() | st.text(max_size=600),
    key=st.text(min_size=1, max_size=150),
    source=st.text(max_size=200),
    jobs=st.integers(1, 12),
)
def test_no_text_breaks_a_body(error: str | None, key: str, source: str, jobs: int) -> None:
    """It is JSON within the limits, and mentions nobody."""
    for service in SERVICES:
        within_limits(message(error, jobs=jobs, key=key), service, source)
    assert not re.search("[<>]", text_of(message(error, jobs=jobs, key=key), "slack", source))


@given(st.sampled_from(["<!channel>", "<!here|x>", "<@U123>", "<https://evil.example|bank>"]), st.text(max_size=450))
def test_no_padding_uncovers_a_mention(mention: str, padding: str) -> None:
    """Wherever the text is cut."""
    assert mention not in text_of(message(padding + mention), "slack")
