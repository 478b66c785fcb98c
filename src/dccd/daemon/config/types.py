"""The types of settings: durations, timeframes, secret URLs, names of pairs."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from annotated_types import Len
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_settings import NoDecode

from dccd.redact import MASK
from dccd.units import format_timeframe, parse_duration, parse_timeframe

_EXCHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PAIR: Final = re.compile(r"[^\s/@\x00-\x1f]{1,64}/[^\s/@\x00-\x1f]{1,64}")
_UNPRINTABLE: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_MAX_CANDLE_SECONDS: Final = 4 * 604_800
_QUOTES: Final = ("'", '"')
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
# A Path has dropped one of the slashes; a drive of Windows is one letter.
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
# A comma may be a part of a URL; one line each is what a file may hold.
_NEXT_URL: Final = re.compile(r"[,\n]\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_YEAR: Final = re.compile(r"\d{4}")
_MONTH: Final = re.compile(r"\d{4}-\d{2}")
_DAY: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SMALL: Final = re.compile(r"-?[1-9]\d{0,7}")


# No message here shows a value, because a secret may stand where a duration should.


def _count(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
    if isinstance(value, bool):
        msg = "should be a whole number"
        raise ValueError(msg)  # noqa: TRY004 - pydantic collects ValueError
    return value


def _duration(value: Any) -> Any:  # noqa: ANN401
    try:
        return parse_duration(value)
    except (TypeError, ValueError, OverflowError):
        msg = "should be seconds, or a number with s, m, h, d or w (30s, 10m, 4h, 2d)"
        raise ValueError(msg) from None


def _timeframe(value: Any) -> Any:  # noqa: ANN401
    try:
        seconds = parse_timeframe(value)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= _MAX_CANDLE_SECONDS:
        msg = "should be a timeframe of 4 weeks at most: 1m, 5m, 1h, 1d, 1w, or whole seconds"
        raise ValueError(msg)
    return format_timeframe(seconds)


def _url(value: str) -> str:
    if value.startswith(_QUOTES):
        msg = "is in quotes: write the URL without them"
        raise ValueError(msg)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or _UNPRINTABLE.search(value):
        msg = "not an http:// or https:// URL"
        raise ValueError(msg)
    return value


def _without_password(value: str) -> str:
    if "@" in urlsplit(value).netloc:
        msg = "should hold no user name and no password, because it is shown"
        raise ValueError(msg)
    return value


def _listen(value: str) -> str:
    try:
        parts = urlsplit(f"//{value}")
        usable = bool(parts.hostname) and parts.port is not None and parts.netloc == value and "@" not in value
    except ValueError:
        usable = False
    if not usable or _UNPRINTABLE.search(value):
        msg = "not an address to listen on: host and port, 127.0.0.1:9464 or [::1]:9464"
        raise ValueError(msg)
    return value


def _exchange(value: str) -> str:
    if not _EXCHANGE.fullmatch(value):
        msg = "an exchange name is letters, digits, '.', '_' and '-' (binance, kraken)"
        raise ValueError(msg)
    return value


def _pair(value: str) -> str:
    if not _PAIR.fullmatch(value):
        msg = "a pair is written BASE/QUOTE (BTC/USDT)"
        raise ValueError(msg)
    return value


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) < len(value):
        msg = f"{next(each for each in value if value.count(each) > 1)} is listed twice: remove one"
        raise ValueError(msg)
    return value


def _mask(value: str | None) -> str | None:
    return None if value is None else MASK


def _mask_all(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(MASK for _ in value)


def _listed(value: Any) -> Any:  # noqa: ANN401
    """Return the list that JSON or numbered variables hold; anything else as it is."""
    if isinstance(value, Mapping) and value and all(str(key).isdecimal() for key in value):
        return [value[key] for key in sorted(value, key=int)]
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        msg = "should be a JSON list, or a text with commas"
        raise ValueError(msg) from None


def _split(value: Any) -> Any:  # noqa: ANN401
    found = _listed(value)
    return [part.strip() for part in found.split(",") if part.strip()] if isinstance(found, str) else found


def _split_urls(value: Any) -> Any:  # noqa: ANN401
    found = _listed(value)
    if not isinstance(found, str):
        return found
    return [part.strip() for part in _NEXT_URL.split(found.strip(", \t\r\n")) if part.strip()]


def _signing(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not 24 <= len(key) <= 64:  # noqa: PLR2004 - as Standard Webhooks asks
        msg = "not a Standard Webhooks key: whsec_ and the base64 of 24 to 64 random bytes"
        raise ValueError(msg)
    return value


def path_fault(path: str) -> str | None:
    """Return what is wrong with a path as it is written; None if nothing is.

    ``docker --env-file`` keeps quotes and blanks, and what was meant as ``/data`` would be made below the working
    directory.

    Examples
    --------
    >>> path_fault('"/data"'), path_fault("s3://bucket"), path_fault("/data")
    ('is in quotes: write the path without them', 'is an address: give the path of a directory or file', None)
    """
    faults = (
        (not path.strip(), "should be a path"),
        (path.startswith(_QUOTES) or path.endswith(_QUOTES), "is in quotes: write the path without them"),
        (path.endswith("\r"), "ends with a carriage return: save the file that sets it with the line ends of Unix"),
        (path != path.strip(), "begins or ends with a blank: remove it"),
        (_CONTROL.search(path), "should be a path, without control characters"),
        (_SCHEME.match(path), "is an address: give the path of a directory or file"),
        ("${" in path, "holds ${...}, which is not expanded: write the path out"),
    )
    return next((fault for is_so, fault in faults if is_so), None)


def _written(value: Any) -> Any:  # noqa: ANN401
    fault = path_fault(str(value)) if isinstance(value, str | Path) else None
    if fault is not None:
        raise ValueError(fault)
    return value


def _expand(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        msg = "the home directory is not known: give a full path"
        raise ValueError(msg) from None


def _time(value: Any) -> Any:  # noqa: ANN401
    """Return a year, a month or a day without hyphens as the date on which it begins."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if _YEAR.fullmatch(text):
        return f"{text}-01-01"
    if _MONTH.fullmatch(text):
        return f"{text}-01"
    if (day := _DAY.fullmatch(text)) is not None:
        return "-".join(day.groups())
    if _SMALL.fullmatch(text):  # Unix seconds of 1970, which nobody means
        msg = "should be a date and time (2026-01-01T00:00:00Z)"
        raise ValueError(msg)
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        msg = "should be a time within the years 1 to 9999 of UTC"
        raise ValueError(msg) from None


Count = Annotated[int, BeforeValidator(_count)]
"""A whole number; true and false are refused."""

Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": ["number", "string"], "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[smhdw]?\s*$"}),
]
"""Seconds; accepts ``30s``, ``10m``, ``4h``, ``2d``."""

Timeframe = Annotated[
    str,
    BeforeValidator(_timeframe),
    WithJsonSchema({"type": ["string", "integer"], "pattern": r"^\s*[0-9]+\s*[smhdw]?\s*$", "minimum": 1}),
]
"""Length of a candle in exchange notation."""

Url = Annotated[
    str,
    AfterValidator(_url),
    WithJsonSchema({"type": "string", "format": "uri", "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://"}),
]
"""An http or https URL."""

ServerUrl = Annotated[Url, AfterValidator(_without_password)]
"""An http or https URL that holds no user name or password, so that it may be shown."""

ListenAddress = Annotated[str, AfterValidator(_listen), WithJsonSchema({"type": "string", "pattern": ":[0-9]{1,5}$"})]
"""Host and port to listen on, ``127.0.0.1:9464``; port 0 takes a free one."""

SecretUrl = Annotated[
    Url | None,
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask),
]
"""A URL that is a secret: absent from repr, masked in dumps."""

SecretUrls = Annotated[
    tuple[Url, ...],
    NoDecode,
    BeforeValidator(_split_urls),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask_all),
]
"""URLs that are secrets."""

SecretTexts = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_split_urls),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask_all),
]
"""Texts that are secrets, each with a scheme."""

SigningSecret = Annotated[
    str | None,
    AfterValidator(_signing),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask),
]
"""A key that signs messages."""

ExchangeName = Annotated[
    str, AfterValidator(_exchange), WithJsonSchema({"type": "string", "pattern": f"^{_EXCHANGE.pattern}$"})
]
"""Name of an exchange; only its form is checked."""

Pair = Annotated[str, AfterValidator(_pair), WithJsonSchema({"type": "string", "pattern": f"^{_PAIR.pattern}$"})]
"""A trading pair, ``BASE/QUOTE``."""

Pairs = Annotated[tuple[Pair, ...], NoDecode, BeforeValidator(_split), Len(1), AfterValidator(_distinct)]
"""One trading pair or more; a list, a JSON list, or a text with commas."""

UtcTime = Annotated[datetime, BeforeValidator(_time), AfterValidator(_in_utc)]
"""A time in UTC; a time without a zone is taken as UTC, and a year, month or day as its beginning."""

UserPath = Annotated[Path, BeforeValidator(_written), AfterValidator(_expand)]
"""A path; a leading ``~`` is the home directory."""
