"""Suggestions for names that are no settings."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dccd.daemon.config.models import CollectorConfig
from dccd.daemon.config.names import (
    CONFIG,
    DELIMITER,
    FILE,
    PREFIX,
    SECRETS_DIR,
    KeyPath,
    dotted,
    leaves,
    nested,
    secrets,
    variable_of,
)

# Kubernetes sets these in each pod, for each service whose name starts with dccd.
_SERVICE_LINK: Final = re.compile(
    r"DCCD(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_INDEX: Final = re.compile(r"(?<=_)\d+(?=_)")
_ALIKE_KEY: Final = 0.6
_ALIKE_VARIABLE: Final = 0.8


def is_no_setting(variable: str) -> bool:
    """Return whether a variable in capitals starts with ``DCCD_`` for a good reason and is no setting."""
    return variable in {CONFIG, SECRETS_DIR} or _SERVICE_LINK.fullmatch(variable) is not None


def meant_variable(variable: str) -> str | None:
    """Return a suggestion for a variable that starts with ``DCCD_`` and is no setting; None if it seems unrelated.

    Examples
    --------
    >>> meant_variable("DCCD_ALERTS_WEBHOOK_URL")
    'did you mean DCCD_ALERTS__WEBHOOK_URL?'
    >>> meant_variable("DCCD_LOG__COLOUR")
    'expected one of level, console, file'
    >>> meant_variable("DCCD_IMAGE_TAG") is None
    True
    """
    tail = variable.removeprefix(PREFIX)
    found = _alike(_INDEX.sub("0", tail))
    if found:
        number = _INDEX.search(tail)
        name = found.replace("__0__", f"__{int(number[0][:6])}__" if number else "__0__")
        return f"did you mean {PREFIX}{name}?"
    section, *below = tail.lower().split(DELIMITER)
    return meant_key((section, *below)) if below and section in CollectorConfig.model_fields else None


def _alike(tail: str) -> str | None:
    """Return the setting whose variable is closest, both without the prefix."""
    lists = {path[:1] for path in leaves() if 0 in path}
    settings = [variable_of(path) for path in (*lists, *leaves())]
    settings += [f"{variable_of(path)}{FILE}" for path in sorted(secrets())]
    known = [name.removeprefix(PREFIX) for name in (CONFIG, SECRETS_DIR, *settings)]
    *above, last = tail.split(DELIMITER)
    if same_key := [name for name in known if name.split(DELIMITER)[-1] == last]:
        return get_close_matches(tail, same_key, 1, 0)[0]
    beside = {name.split(DELIMITER)[-1]: name for name in known if name.split(DELIMITER)[:-1] == above}
    if above and beside:
        return next((beside[near] for near in get_close_matches(last, beside, 1, _ALIKE_KEY)), None)
    return next(iter(get_close_matches(tail, known, 1, _ALIKE_VARIABLE)), None)


def meant_key(path: KeyPath, root: type[BaseModel] = CollectorConfig) -> str:
    """Return a suggestion for a key below a model that is no setting.

    Examples
    --------
    >>> from dccd.daemon.config import LogConfig
    >>> meant_key(("alerts", "webhok_url"))
    'did you mean alerts.webhook_url?'
    >>> meant_key(("exchange",))
    'it belongs below [[histo_jobs]]'
    >>> meant_key(("log", "colour"))
    'expected one of level, console, file'
    >>> meant_key(("colour",), LogConfig)
    'expected one of level, console, file'
    """
    *above, last = path
    keys = _fields_at(tuple(above), root)
    key = str(last).lower().replace("-", "_")
    if key not in keys and (elsewhere := next((leaf for leaf in leaves() if leaf[-1] == key), None)) is not None:
        section = elsewhere[0]
        return f"it belongs below [[{section}]]" if 0 in elsewhere else f"it belongs below [{section}]"
    near = get_close_matches(key, keys, 1, _ALIKE_KEY)
    return f"did you mean {dotted((*above, near[0]))}?" if near else f"expected one of {', '.join(keys)}"


def _fields_at(path: KeyPath, model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    for part in path:
        below = nested(model.model_fields[part]) if part in model.model_fields and isinstance(part, str) else None
        model = below.model if below is not None else model
    return model.model_fields
