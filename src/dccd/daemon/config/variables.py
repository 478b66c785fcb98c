"""Settings by name: environment variables, those in ``.env``, and files in directories of secrets."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from dccd.daemon.config.models import CollectorConfig
from dccd.daemon.config.names import DELIMITER, PREFIX, KeyPath, plain, setting_of
from dccd.daemon.config.problems import Problem, unreadable
from dccd.daemon.config.sources import Source, merge
from dccd.daemon.config.spelling import is_no_setting, meant_variable

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


def in_environment(environ: Mapping[str, str]) -> list[Variable]:
    """Return the ``DCCD_`` variables of an environment by name; an empty one counts as not set."""
    # Sorted, so that of a name in several spellings the one in capitals is kept.
    ours = {name.upper(): name for name in sorted(environ, reverse=True) if name.upper().startswith(PREFIX)}
    return [
        Variable(upper, value, f"environment variable {plain(name)}")
        for upper, name in sorted(ours.items())
        if (value := environ[name])
    ]


def in_dotenv(path: Path) -> tuple[list[Variable], list[Problem]]:
    """Return the ``DCCD_`` variables of a ``.env`` file, if it exists, and its problems."""
    if not os.path.isfile(path):  # noqa: PTH113 - false, too, where this user may not look
        return [], []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return [], [Problem(str(path), "is not UTF-8: save the file as UTF-8")]
    except OSError as error:
        return [], [Problem(str(path), unreadable(error, "another file"))]
    at = {match[1].upper(): number for number, line in enumerate(lines, 1) if (match := _DOTENV_LINE.match(line))}
    source = DotEnvSettingsSource(_Reader, env_file=path, env_file_encoding="utf-8-sig", env_ignore_empty=False)
    values = {name.upper(): value for name, value in source.env_vars.items() if value is not None}
    problems = [
        Problem(f"{path}:{number}", f"{plain(name)} has no value: write {plain(name)}=value")
        for name, number in at.items()
        if name not in values
    ]
    variables = [
        Variable(name, value, f"{path}:{at[name]}" if name in at else str(path))
        for name, value in sorted(values.items())
        if name.startswith(PREFIX) and value
    ]
    return variables, problems


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
    return path.read_text(encoding="utf-8-sig").strip()


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
                values = merge(values, _read(source, each))
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
        values.pop(_JOBS)
    return _in_a_list(Source(values, places)), problems, foreign


def _read(source: EnvSettingsSource, variable: Variable) -> dict[str, Any]:
    source.env_vars = {variable.name.lower(): variable.value}  # one at a time, so that each problem names its variable
    return source()


def _both_forms(places: Mapping[KeyPath, str]) -> Problem | None:
    whole = places.get((_JOBS,))
    item = next((place for path, place in places.items() if path[0] == _JOBS and len(path) > 1), None)
    if whole is None or item is None:
        return None
    return Problem(whole, f"holds all jobs, and {item} is set too: keep one of the two forms", (_JOBS,))


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
