"""The types of settings: what each takes, and what it refuses without showing it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError, create_model

from dccd.daemon.config import types


def kept_of(name: str, given: object) -> object:
    """Return what a model keeps of a value given for a field of a type."""
    model: type[BaseModel] = create_model("Model", value=(getattr(types, name), ...))
    return model.model_validate({"value": given}).__dict__["value"]


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("Count", 3, 3),
        ("Duration", "1.5m", 90.0),
        ("Timeframe", 604_800, "1w"),
        ("Timeframe", "28d", "4w"),
        ("Url", "HTTPS://example.com", "HTTPS://example.com"),
        ("ServerUrl", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("ListenAddress", "[::1]:0", "[::1]:0"),
        ("SecretUrls", "http://a, http://b,", ("http://a", "http://b")),
        ("SecretUrls", " http://a?b=1,2 ,http://c", ("http://a?b=1,2", "http://c")),
        ("SecretUrls", "http://a\nhttp://b\n", ("http://a", "http://b")),
        ("SecretUrls", {"10": "http://b", "9": "http://a"}, ("http://a", "http://b")),
        ("SecretTexts", '["a,b"]', ("a,b",)),
        ("SecretTexts", "mailto://a?to=b,c,tgram://1/2", ("mailto://a?to=b,c", "tgram://1/2")),
        ("UtcTime", "2026", datetime(2026, 1, 1, tzinfo=UTC)),
        ("UtcTime", 2026, datetime(2026, 1, 1, tzinfo=UTC)),
        ("UtcTime", "2026-03", datetime(2026, 3, 1, tzinfo=UTC)),
        ("UtcTime", "20260304", datetime(2026, 3, 4, tzinfo=UTC)),
        ("UtcTime", "2026-03-04T05:06:07+02:00", datetime(2026, 3, 4, 3, 6, 7, tzinfo=UTC)),
        ("UtcTime", 1_767_225_600, datetime(2026, 1, 1, tzinfo=UTC)),
        ("UserPath", "/o'brien: a b/$x", Path("/o'brien: a b/$x")),
        ("ExchangeName", "gate.io", "gate.io"),
        ("Pair", "BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("Pairs", "BTC/USD, ETH/USD", ("BTC/USD", "ETH/USD")),
    ],
)
def test_a_value_is_kept_in_one_form(name: str, given: object, kept: object) -> None:
    """However a person wrote it."""
    assert kept_of(name, given) == kept


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Count", True),
        ("Duration", "s3cret"),
        ("Duration", [1]),
        ("Timeframe", "29d"),
        ("Timeframe", "0m"),
        ("Url", "ftp://s3cret"),
        ("Url", "https://a/s3cret path"),
        ("Url", "https://[s3cret"),
        ("ServerUrl", "http://user:s3cret@host"),
        ("ListenAddress", "s3cret@host:80"),
        ("ListenAddress", "127.0.0.1"),
        ("ListenAddress", "127.0.0.1:99999"),
        ("SigningSecret", "whsec_s3cret"),
        ("SigningSecret", "whsec_YQ=="),
        ("SecretTexts", '["s3cret'),
        ("ExchangeName", "s3cret/x"),
        ("Pair", "s3cret"),
        ("Pairs", ""),
        ("Pairs", "BTC/USD,BTC/USD"),
        ("UtcTime", "2026-13"),
        ("UtcTime", 30),
        ("UtcTime", "20261301"),
        ("UserPath", " "),
        ("UserPath", "'s3cret'"),
        ("UserPath", "s3://s3cret"),
        ("UserPath", Path("s3://s3cret")),
        ("Url", "'https://s3cret'"),
        ("UserPath", "s3cret\0"),
    ],
)
def test_a_wrong_value_is_refused_without_being_shown(name: str, given: object) -> None:
    """A secret may have been pasted at any place."""
    with pytest.raises(ValidationError) as caught:
        kept_of(name, given)
    assert all("s3cret" not in each["msg"] for each in caught.value.errors())
