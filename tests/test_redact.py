"""Secrets hidden in text."""

import gc
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dccd.redact import MASK, hide_secrets, mask_url, redact

SECRET = "https://alerts.example.com:8443/hook/T0/s3cret-token?key=an0ther"


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "POST /hook/T0/s3cret-token?key=an0ther HTTP/1.1",
        "path=/hook/T0/s3cret-token",
        "query key=an0ther",
        f"twice {SECRET} {SECRET}",
        f"<{SECRET}>",
    ],
)
def test_a_registered_address_is_hidden_whole_and_in_parts(text: str) -> None:
    """As HTTP libraries log the path without the host."""
    with hide_secrets(SECRET):
        hidden = redact(text)
    assert MASK in hidden
    assert "s3cret" not in hidden
    assert "an0ther" not in hidden


def test_an_escaped_address_is_hidden_as_it_was_meant_too() -> None:
    """Some libraries log the path as it is sent, others as it reads."""
    with hide_secrets("https://example.com/hook/s3cret%2Dtoken%20x"):
        assert "s3cret" not in redact("/hook/s3cret%2Dtoken%20x")
        assert "s3cret" not in redact("/hook/s3cret-token x")


@pytest.mark.parametrize("sent", ["/hook/%7Bs3cret%7D%7C%C3%BC", "/hook/{s3cret}|%c3%bc", "/hook/{s3cret}|ü"])
def test_an_address_is_hidden_as_a_library_escapes_it(sent: str) -> None:
    """What was typed without escapes, or with small letters in them, is sent otherwise."""
    with hide_secrets("https://example.com/hook/{s3cret}|%c3%bc"):
        assert redact(f"POST {sent} HTTP/1.1") == f"POST {MASK} HTTP/1.1"


def test_a_secret_is_hidden_until_the_last_who_asked_has_ended() -> None:
    """Two monitors may have the same address."""
    with hide_secrets(SECRET):
        with hide_secrets(SECRET):
            pass
        assert "s3cret" not in redact(SECRET)
    assert "s3cret" in redact(SECRET)


def test_a_context_that_is_dropped_hides_for_good_and_does_nothing_when_collected() -> None:
    """Collection may strike within a change of the registry, in the thread that holds its lock."""
    context = hide_secrets("dropped-s3cret")
    context.__enter__()
    again = hide_secrets("dropped-s3cret")
    del context
    gc.collect()
    assert redact("a dropped-s3cret") == f"a {MASK}"
    again.__exit__(None, None, None)
    assert redact("a dropped-s3cret") == "a dropped-s3cret"


def test_what_is_too_short_to_be_a_secret_hides_nothing() -> None:
    """An address without a path must not mask every slash of a log."""
    with hide_secrets("http://localhost/", "", "http://h/a"):
        assert redact("/ and /a are fine") == "/ and /a are fine"


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "https://hooks.slack-gov.com/services/T000/B000/XXXX",
        "https://discord.com/api/webhooks/123/XXXX",
        "https://discordapp.com/api/v10/webhooks/123/XXXX",
        "https://ptb.discord.com/api/webhooks/123/XXXX",
        "https://example.webhook.office.com/webhookb2/XXXX",
        "https://prod-1.westeurope.logic.azure.com:443/workflows/XXXX",
        "HTTPS://HOOKS.SLACK.COM/services/XXXX",
    ],
)
def test_well_known_webhooks_are_hidden_though_nobody_registered_them(address: str) -> None:
    """An error of another library may hold one; the host stays to be seen."""
    hidden = redact(f"failed: '{address}' (again)")
    assert "XXXX" not in hidden
    assert hidden.lower().startswith("failed: 'http")
    assert hidden.endswith("' (again)")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("proxy http://me:pass@proxy:3128 is down", "proxy http://***@proxy:3128 is down"),
        ("clone https://ghp_abc@host/x", "clone https://***@host/x"),
        ("https://ghp_abc:@host/x", "https://***@host/x"),
        ("https://user:p@ss/w@host/x", "https://***@host/x"),
        ("https://user:pa/ss@host/x", "https://***@host/x"),
        ("https://user:p?s#s@host/x", "https://***@host/x"),
        ("redis://:p/w@host/0", "redis://***@host/0"),
        ("http://a:b@c,http://d:e@f and http://g@h", "http://***@c,http://***@f and http://***@h"),
        ("via http://proxy/http://me:pass@host", "via http://proxy/http://***@host"),
        ("https://me:pw@host/x?mail=a@b.c", "https://***@host/x?mail=a@b.c"),
    ],
)
def test_passwords_in_addresses_are_hidden(text: str, shown: str) -> None:
    """Of a proxy, a repository or a database, say, whatever signs they have; the host stays to be seen."""
    assert redact(text) == shown


@pytest.mark.parametrize(
    "name", ["apikey", "api_key", "key", "token", "access_token", "X-Amz-Signature", "SIG", "secret"]
)
@pytest.mark.parametrize("before", ["?", "?a=1&", "&amp;"])
def test_what_opens_a_door_in_a_query_is_hidden(name: str, before: str) -> None:
    """The rest of the query stays."""
    text = f"GET (https://example.org/x{before}{name}=abc-s3cret.x~%2F&symbol=BTC)"
    assert redact(text) == f"GET (https://example.org/x{before}{name}={MASK}&symbol=BTC)"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer s3cret.a-b is refused", "Authorization: Bearer *** is refused"),
        ("{'authorization': 'Basic czNjcmV0', 'a': 'b'}", "{'authorization': 'Basic ***', 'a': 'b'}"),
        ("{b'Authorization': b's3cret'}", "{b'Authorization': b'***'}"),
        ("sent bearer eyJhbGciOiJIUzI1NiJ9.e30.abc=, refused", "sent bearer ***, refused"),
    ],
)
def test_what_opens_a_door_in_a_header_is_hidden(text: str, shown: str) -> None:
    """As requests and other libraries show one."""
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com wrote",
        "https://api.example.org/x?symbol=BTC&limit=5&monkey=1",
        "http://localhost:8080/@scope/x",
        "http://[::1]:8080/@x and https://example.org/@user or a@b",
        "https://example.org/x: user@example.com wrote",
        "the bearer of this token, authorization is needed; key=5",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    """Who reads it needs it."""
    assert redact(text) == text


@pytest.mark.parametrize(
    ("address", "hidden"),
    [
        ("https://ghp_s3cret@example.org/x", "ghp_s3cret"),
        ("https://user:p@ss/w0rd@example.org/x", "p@ss/w0rd"),
        ("https://user:pass%2Fw0rd@example.org/x", "pass/w0rd"),
        ("https://example.org/x?a=1&sig=s3cret", "s3cret"),
        ("https://[broken/?token=s3cret", "s3cret"),
    ],
)
def test_the_secret_of_a_registered_address_is_hidden_on_its_own(address: str, hidden: str) -> None:
    """As a library that takes the address apart shows it."""
    with hide_secrets(address):
        assert redact(f"login with {hidden} failed") == f"login with {MASK} failed"


@given(st.text())
def test_text_without_secrets_is_left_as_it_is(text: str) -> None:
    """And hiding twice is hiding once."""
    if not set(text) & {":", "=", " "}:
        assert redact(text) == text
    assert redact(redact(text)) == redact(text)


@given(st.lists(st.sampled_from([*"a:/@?&=.#'\" ", "://", "key=", "u:p@", "hooks.slack.com/", "bearer "])))
def test_hiding_twice_is_hiding_once(parts: list[str]) -> None:
    """Also where addresses run into each other."""
    hidden = redact("".join(parts))
    assert redact(hidden) == hidden


@given(before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_text_around_a_secret_uncovers_it(before: str, after: str) -> None:
    """Whatever it is pasted into."""
    with hide_secrets(SECRET):
        assert "s3cret-token" not in redact(before + SECRET + after)


@pytest.mark.parametrize("url", ["", "no address", "https://[broken/s3cret", "mailto:s3cret@example.com"])
def test_an_address_that_is_none_is_masked_whole(url: str) -> None:
    """Better too much than too little."""
    assert mask_url(url) == MASK


def test_a_masked_address_shows_scheme_and_host_only() -> None:
    """Neither credentials nor port nor path."""
    for user in ("me:pass", "ghp_abc", "me:p@ss/w", "me:p/w"):
        assert mask_url(f"https://{user}@{SECRET.removeprefix('https://')}") == "https://alerts.example.com/***"


@pytest.mark.parametrize(
    "url", ["pbul://s3cret", "pover://user@s3cret", "tgram://1:s3cret/5", "slack://s3cret/s3cret2"]
)
def test_of_an_address_in_the_notation_of_apprise_only_the_scheme_is_shown(url: str) -> None:
    """What stands where a host does is often the token."""
    assert mask_url(url) == f"{url.split(':', maxsplit=1)[0]}://{MASK}"


def test_threads_register_and_hide_at_once() -> None:
    """The registry is one per process."""
    begin, uncovered = threading.Barrier(4), []

    def work(number: int) -> None:
        secret = f"token-{number}-s3cret"
        begin.wait()
        for _ in range(100):
            with hide_secrets(secret):
                if secret in redact(f"a {secret} b"):
                    uncovered.append(secret)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not uncovered
    assert redact("token-1-s3cret") == "token-1-s3cret"
