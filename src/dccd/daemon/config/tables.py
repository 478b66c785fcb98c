"""Settings from TOML files."""

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dccd.daemon.config.names import plain
from dccd.daemon.config.places import lines_of_keys
from dccd.daemon.config.problems import Problem, unreadable
from dccd.daemon.config.reading import read_text
from dccd.daemon.config.sources import TOO_DEEP, Source, is_too_deep
from dccd.daemon.config.types import path_fault

if TYPE_CHECKING:
    from dccd.daemon.config.names import KeyPath

_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_QUOTED: Final = re.compile(r"'([^']{5,})'|\"([^\"]{5,})\"")
_YAML: Final = {".yaml", ".yml"}


def read_table(path: Path, table: tuple[str, ...] = (), *, named_by: str = "") -> tuple[Source, list[Problem]]:
    """Return the settings of a table in a TOML file, none if there is a problem; relative paths are beside the file."""
    try:
        text = read_text(path)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Source(), [Problem(f"{path}:{line}", "is not UTF-8: save the file as UTF-8")]
    except OSError as error:
        return Source(), [Problem(named_by, f"{path} {unreadable(error, 'the path of a TOML file')}")]
    try:
        values: Any = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return Source(), [_no_toml(path, text, error)]
    if is_too_deep(values):
        return Source(), [Problem(str(path), TOO_DEEP)]
    places: dict[KeyPath, str] = {(): str(path)}
    for key, line in lines_of_keys(text).items():
        if key[: len(table)] == table:
            places[key[len(table) :]] = f"{path}:{line}"
    for name in table:
        values = values.get(name, {}) if isinstance(values, dict) else values
    if not isinstance(values, dict):
        return Source(), [Problem(places[()], f"{'.'.join(table)} should be a table of settings")]
    return Source(_beside(path, values), places), []


def _no_toml(path: Path, text: str, error: ValueError | RecursionError) -> Problem:
    if isinstance(error, RecursionError):
        return Problem(str(path), TOO_DEEP)
    if not isinstance(error, tomllib.TOMLDecodeError):  # raised by int()
        return Problem(str(path), "holds a number of thousands of digits")
    if path.suffix.lower() in _YAML:
        return Problem(str(path), f"is YAML, not TOML: dccd migrate {path} converts a file of dccd 2.x")
    message = str(error)
    at = _AT.search(message)
    last = text.rstrip().count("\n") + 1
    line, column = (at[1], at[2]) if at is not None and at[1] else (last, len(text.rstrip().split("\n")[-1]) + 1)
    # The message quotes characters and keys, and a key may be a pasted secret.
    what = _QUOTED.sub(lambda match: f"'{plain(match[1] or match[2])}'", _AT.sub("", message))
    return Problem(f"{path}:{line}:{column}", f"is not TOML: {what[:1].lower()}{what[1:]}")


def _beside(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    storage = values.get("storage")
    local = storage.get("local_path") if isinstance(storage, dict) else None
    if not isinstance(local, str) or path_fault(local) or local.startswith("~"):
        return values
    return {**values, "storage": {**values["storage"], "local_path": str(path.absolute().parent / local)}}
