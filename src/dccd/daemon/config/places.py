"""The line numbers of the keys in a TOML file, which tomllib does not give."""

import re
import tomllib
from typing import Any, Final

# A value over many lines ends on such a line; no other is tried, as there may be thousands of jobs.
_MAY_END: Final = re.compile(r"([\]}]|\"\"\"|''')\s*(#.*)?$")

_Path = tuple[str | int, ...]


def lines_of_keys(text: str) -> dict[tuple[str | int, ...], int]:
    r"""Return the line, from 1, on which each key begins; a key within a value gets the line of the value.

    Examples
    --------
    >>> lines = lines_of_keys('[[histo_jobs]]\n[[histo_jobs]]\npairs = [\n  "BTC/USD",\n]\n')
    >>> lines["histo_jobs", 1], lines["histo_jobs", 1, "pairs"]
    (2, 3)
    """
    lines: dict[_Path, int] = {}
    arrays: dict[_Path, int] = {}
    table: _Path = ()
    for number, statement, is_header in _statements(text):
        if is_header:
            table = _enter(statement, arrays)
            lines.setdefault(table, number)
            for length in range(1, len(table)):
                lines.setdefault(table[:length], number)
        else:
            for path in _paths(statement):
                lines.setdefault((*table, *path), number)
    return lines


def _statements(text: str) -> list[tuple[int, dict[str, Any], bool]]:
    """Return each header and each key with its value: its first line, its content, and whether it is a header."""
    found = []
    pending: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        pending.append(line)
        if len(pending) > 1 and not _MAY_END.search(line):
            continue
        try:
            statement = tomllib.loads("\n".join(pending))
        except tomllib.TOMLDecodeError:
            continue
        if statement:
            found.append((number - len(pending) + 1, statement, pending[0].lstrip().startswith("[")))
        pending = []
    return found


def _enter(header: dict[str, Any], arrays: dict[_Path, int]) -> _Path:
    """Return the path of a table, and count it if it is an item of an array."""
    path: _Path = ()
    inner: Any = header
    while isinstance(inner, dict) and inner:
        [(key, inner)] = inner.items()
        path = (*path, key)
        if isinstance(inner, list):
            arrays[path] = arrays.get(path, 0) + 1
        if path in arrays:
            path = (*path, arrays[path] - 1)
    return path


def _paths(value: Any, above: _Path = ()) -> list[_Path]:  # noqa: ANN401 - whatever TOML holds
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path for key, inner in items for path in ((*above, key), *_paths(inner, (*above, key)))]
