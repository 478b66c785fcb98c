"""The problems of a configuration, a line each, without any value."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from dccd.daemon.config.names import KeyPath, dotted
from dccd.daemon.config.spelling import meant_key

_PLAINER: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "finite_number": "should be a whole number",
    "int_from_float": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "model_type": "should be a table of settings",
    "path_type": "should be a path",
    "string_type": "should be a text",
    "tuple_type": "should be a list",
}
_DATES: Final = ("date_", "datetime_", "timezone_")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to correct at a place: a file and line, a variable or an argument."""

    place: str
    text: str
    key: KeyPath = ()

    @property
    def line(self) -> str:
        """The place, the key and the text, as the error shows them."""
        return ": ".join(part for part in (self.place, dotted(self.key), self.text) if part)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems grouped by place, in the order the places first appear, and those of a file by line.

    Examples
    --------
    >>> [each.place for each in in_order([Problem("a:10", ""), Problem("DCCD_X", ""), Problem("a:2", "")])]
    ['a:2', 'a:10', 'DCCD_X']
    """
    found = [(problem, *_file_and_line(problem.place)) for problem in problems]
    first: dict[str, int] = {}
    for _, file, _ in found:
        first.setdefault(file, len(first))
    return [problem for problem, _, _ in sorted(found, key=lambda each: (first[each[1]], each[2]))]


def _file_and_line(place: str) -> tuple[str, list[int]]:
    """Split a place into its name and its numbers of line and column, if there are any."""
    ends = re.search(r"(:\d+)*$", place)
    start = ends.start() if ends else len(place)
    return place[:start], [int(number) for number in place[start:].split(":")[1:]]


def unreadable(error: OSError, wanted: str) -> str:
    """Return why a file cannot be read and what to do about it, to follow its path.

    Examples
    --------
    >>> unreadable(FileNotFoundError(2, "No such file or directory"), "the path of a TOML file")
    'cannot be read (No such file or directory): give the path of a TOML file'
    """
    advice = "let this user read it" if isinstance(error, PermissionError) else f"give {wanted}"
    return f"cannot be read ({error.strerror}): {advice}"


def expected(details: ErrorDetails, model: type[BaseModel]) -> str:
    """Return what a model expects in place of a wrong key or value, without that value."""
    kind = details["type"]
    if kind == "extra_forbidden":
        return f"no such setting: {meant_key(details['loc'], model)}"
    if details["loc"] == ("histo_jobs",) and kind == "tuple_type":
        return "should be a list: begin each job with [[histo_jobs]], or write [{...}] in JSON"
    if kind.startswith(_DATES):
        return "should be a date and time (2026-01-01T00:00:00Z)"
    text = re.sub(r"^(Value error,|Input|Tuple|String|Value) ", "", details["msg"])
    return _PLAINER.get(kind) or re.sub(r" after validation, not \d+$", "", text)
