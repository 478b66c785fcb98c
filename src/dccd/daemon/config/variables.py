"""Settings by name: environment variables, those in ``.env``, and files in directories of secrets."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from dotenv import dotenv_values
from pydantic_settings import BaseSettings, EnvSettingsSource

from dccd.daemon.config.models import CollectorConfig
from dccd.daemon.config.names import DELIMITER, PREFIX, KeyPath, plain, secret_of, setting_of
from dccd.daemon.config.problems import Problem, unreadable
from dccd.daemon.config.reading import read_text
from dccd.daemon.config.sources import TOO_DEEP, Source, is_too_deep, merge
from dccd.daemon.config.spelling import is_no_setting, meant_variable
from dccd.daemon.config.types import path_fault

_JOBS: Final = "histo_jobs"
_DOTENV_LINE: Final = re.compile(rf"\s*(?:export\s+)?['\"]?({PREFIX}\w*)", re.IGNORECASE)


class _Reader(
    CollectorConfig,
    BaseSettings,
    frozen=True,
    env_prefix=PREFIX,
    env_nested_delimiter=DELIMITER,
):  # numpydoc ignore=PR01
    """Tells pydantic-settings the fields; it is never instantiated."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable whose name in capitals starts with ``DCCD_``, and where it was found; the value may be a secret."""

    name: str
    value: str = field(repr=False)
    place: str


def in_environment(environ: Mapping[str, str]) -> tuple[list[Variable], list[Problem]]:
    """Return the ``DCCD_`` variables of an environment by name, and its problems; an empty one counts as not set."""
    # Sorted, so that of a name in several spellings the one in capitals is kept.
    ours = {name.upper(): name for name in sorted(environ, reverse=True) if name.upper().startswith(PREFIX)}
    found = [
        Variable(upper, value, f"environment variable {plain(name)}")
        for upper, name in sorted(ours.items())
        if (value := environ[name])
    ]
    problems = [Problem(each.place, "is not UTF-8: write it as text") for each in found if not _is_text(each.value)]
    return [each for each in found if _is_text(each.value)], problems


def _is_text(value: str) -> bool:
    """Return whether a value can be encoded: Python keeps bytes that are no UTF-8 as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def in_dotenv(path: Path) -> tuple[list[Variable], list[Problem]]:
    """Return the ``DCCD_`` variables of a ``.env`` file, if it exists, and its problems."""
    if not _is_there(path) or _is_there(path / "pyvenv.cfg"):  # a virtual environment may have that name
        return [], []
    try:
        text = read_text(path)
    except UnicodeDecodeError:
        return [], [Problem(str(path), "is not UTF-8: save the file as UTF-8")]
    except OSError as error:
        return [], [Problem(str(path), unreadable(error, "another file"))]
    lines = text.splitlines()
    at = {match[1].upper(): number for number, line in enumerate(lines, 1) if (match := _DOTENV_LINE.match(line))}
    # As written: an unset ${TOKEN} in a URL would silently become nothing.
    read = dotenv_values(stream=StringIO(text), interpolate=False)
    values = {name.upper(): value for name, value in read.items() if value is not None}
    problems = [
        Problem(f"{path}:{number}", _unread(plain(name), lines[number - 1]))
        for name, number in at.items()
        if name not in values
    ]
    variables = [
        Variable(name, value, f"{path}:{at[name]}" if name in at else str(path))
        for name, value in sorted(values.items())
        if name.startswith(PREFIX) and value
    ]
    return variables, problems


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:  # also where this user may not look
        return False
    return True


def _unread(name: str, line: str) -> str:
    if "=" in line:
        return f"{name} cannot be read: close its quotes, or those of a line above"
    return f"{name} has no value: write {name}=value"


def from_files(variables: Iterable[Variable]) -> tuple[list[Variable], list[Problem]]:
    """Return variables with those that name the file of a secret replaced by what it holds, and the problems."""
    found, problems = [], []
    given = {each.name: each for each in variables}
    for each in given.values():
        name = secret_of(each.name)
        if name is None:
            found.append(each)
        elif name in given:
            problems.append(Problem(each.place, f"{given[name].place} is set too: keep one of the two"))
        else:
            try:
                found.append(Variable(name, _content(each.value), each.place))
            except ValueError as error:
                problems.append(Problem(each.place, str(error)))
    return found, problems


def _content(written: str) -> str:
    """Return the secret in a file; `ValueError` says why there is none."""
    if (fault := path_fault(written)) is not None:
        raise ValueError(fault)
    # No message shows the path: it may be the secret itself, written in the wrong place.
    try:
        text = read_text(Path(written)).strip()
    except UnicodeDecodeError:
        msg = "the file is not UTF-8: write the secret as text"
        raise ValueError(msg) from None
    except OSError as error:
        msg = f"the file {unreadable(error, 'the path of a file that holds the secret')}"
        raise ValueError(msg) from None
    if not text:
        msg = "the file is empty: write the secret into it"
        raise ValueError(msg)
    return text


def in_directory(directory: Path, *, named_by: str = "") -> tuple[list[Variable], list[Problem]]:
    """Return the ``DCCD_`` files of a directory as variables, and problems; one that nobody named need not exist."""
    try:
        files = sorted(path for path in directory.iterdir() if path.name.upper().startswith(PREFIX))
    except OSError as error:
        what = f"{directory} {unreadable(error, 'a directory of secrets')}"
        return [], [Problem(named_by, what)] if named_by else []
    variables, problems = [], []
    for path in files:
        place = f"secret file {directory / plain(path.name)}"
        try:
            if value := _secret(path):
                variables.append(Variable(path.name.upper(), value, place))
        except UnicodeDecodeError:
            problems.append(Problem(place, "is not UTF-8: write the secret as text"))
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
            problems.append(Problem(place, f"cannot be read ({getattr(error, 'strerror', None) or 'a loop of links'})"))
    return variables, problems


def _secret(path: Path) -> str:
    if not path.resolve().is_relative_to(path.parent.resolve()):
        raise OSError(0, "it links to a place outside of its directory")
    if not path.is_file():
        raise OSError(0, "no file, or a broken link")
    return read_text(path).strip()


def assemble(variables: Iterable[Variable]) -> tuple[Source, list[Problem], list[str]]:
    """Return the settings of variables, the problems, and the places of variables that seem unrelated."""
    source = EnvSettingsSource(_Reader)
    values: dict[str, Any] = {}
    places: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    foreign: list[str] = []
    # A whole section first, so that the variable of a single setting overrides it.
    for each in sorted(variables, key=lambda each: each.name):
        path = setting_of(each.name)
        if path is not None:
            try:
                read = _read(source, each)
                if is_too_deep(read):
                    problems.append(Problem(each.place, TOO_DEEP, path))
                    continue
                values = merge(values, read)
                places[path] = each.place
            except (ValueError, RecursionError):  # from pydantic-settings; its text shows the value
                kind = "list" if path == (_JOBS,) else "object"
                problems.append(Problem(each.place, f"should be a JSON {kind}", path))
        elif not is_no_setting(each.name):
            meant = meant_variable(each.name)
            if meant is None:
                foreign.append(each.place)
            else:
                problems.append(Problem(each.place, f"no such setting: {meant}"))
    if (conflict := _both_forms(places)) is not None:
        problems.append(conflict)
        values.pop(_JOBS, None)
    return _in_a_list(Source(values, places)), problems, foreign


def _read(source: EnvSettingsSource, variable: Variable) -> dict[str, Any]:
    source.env_vars = {variable.name.lower(): variable.value}  # one at a time, so that each problem names its variable
    return source()


def _both_forms(places: Mapping[KeyPath, str]) -> Problem | None:
    """Return the problem of a list that one variable holds whole while another holds an item of it."""
    for path, item in places.items():
        for length in (at for at, part in enumerate(path) if isinstance(part, int)):
            if (whole := places.get(path[:length])) is not None:
                what = "all jobs" if path[:length] == (_JOBS,) else "the whole list"
                return Problem(whole, f"holds {what}, and {item} is set too: keep one of the two forms", path[:length])
    return None


def _in_a_list(source: Source) -> Source:
    """Return numbered jobs as a list without gaps, with the place of each."""
    numbers = sorted({path[1] for path in source.places if path[0] == _JOBS and len(path) > 1}, key=int)
    jobs = source.values.get(_JOBS)
    if not numbers or not isinstance(jobs, Mapping):
        return source
    places = {path: place for path, place in source.places.items() if path[0] != _JOBS}
    for index, number in enumerate(numbers):
        of_job = {path: place for path, place in source.places.items() if path[:2] == (_JOBS, number)}
        places[_JOBS, index] = next(iter(of_job.values()))  # the place to show for a key that is missing
        places |= {(_JOBS, index, *path[2:]): place for path, place in of_job.items()}
    return Source({**source.values, _JOBS: [jobs[str(number)] for number in numbers]}, places)
