"""The types settings are made of: durations, timeframes, secret addresses, names of pairs."""

import base64
import json
import re
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_settings import NoDecode

from dccd.redact import MASK
from dccd.units import format_timeframe, parse_duration, parse_timeframe

__all__ = [
    "Address",
    "Duration",
    "ExchangeName",
    "Pair",
    "SecretAddress",
    "SecretAddresses",
    "SecretTexts",
    "SigningSecret",
    "Timeframe",
    "UserPath",
]

_EXCHANGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_PAIR: Final = re.compile(r"[^\s/@]{1,64}/[^\s/@]{1,64}")


def _duration(value: Any) -> Any:  # noqa: ANN401 - pydantic hands over whatever was written
    return parse_duration(value) if isinstance(value, str | int | float) else value


def _timeframe(value: Any) -> Any:  # noqa: ANN401
    return format_timeframe(parse_timeframe(value)) if isinstance(value, str | int) else value


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", value):
        msg = "not an http:// or https:// address"
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


def _mask(value: str | None) -> str | None:
    return None if value is None else MASK


def _mask_all(value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(MASK for _ in value)


def _split(value: Any) -> Any:  # noqa: ANN401
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [part.strip() for part in value.split(",") if part.strip()]


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


def _expand(value: Path) -> Path:
    return value.expanduser()


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": ["number", "string"], "description": "seconds, or 30s, 10m, 4h, 2d"}),
]
"""Seconds; accepts ``30s``, ``10m``, ``4h``, ``2d``."""

Timeframe = Annotated[
    str,
    BeforeValidator(_timeframe),
    WithJsonSchema({"type": ["string", "integer"], "description": "1m, 5m, 1h, 1d, 1w, or seconds"}),
]
"""Length of a candle in exchange notation."""

Address = Annotated[str, AfterValidator(_address)]
"""An http or https address."""

SecretAddress = Annotated[
    str | None,
    AfterValidator(lambda value: None if value is None else _address(value)),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask),
]
"""An address that is a secret: absent from repr, masked in dumps."""

SecretAddresses = Annotated[
    tuple[Address, ...],
    NoDecode,
    BeforeValidator(_split),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask_all),
]
"""Addresses that are secrets."""

SecretTexts = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(_split),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask_all),
]
"""Texts that are secrets."""

SigningSecret = Annotated[
    str | None,
    AfterValidator(_signing),
    Field(repr=False, json_schema_extra={"writeOnly": True}),
    PlainSerializer(_mask),
]
"""A key that signs messages."""

ExchangeName = Annotated[str, AfterValidator(_exchange)]
"""Name of an exchange; only its form is checked."""

Pair = Annotated[str, AfterValidator(_pair)]
"""A trading pair, ``BASE/QUOTE``."""

UserPath = Annotated[Path, AfterValidator(_expand)]
"""A path; a leading ``~`` is the home directory."""
