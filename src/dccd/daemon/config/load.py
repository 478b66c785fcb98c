"""Load settings from arguments, environment, files and defaults."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from platformdirs import site_config_path, user_config_path
from pydantic import ValidationError

from dccd.daemon.config.models import CollectorConfig
from dccd.daemon.config.names import CONFIG, SECRETS_DIR, KeyPath, dotted
from dccd.daemon.config.problems import Problem, in_order
from dccd.daemon.config.sources import Source, merge, of_arguments
from dccd.daemon.config.tables import read_table
from dccd.daemon.config.types import path_fault
from dccd.daemon.config.variables import Variable, assemble, from_files, in_directory, in_dotenv, in_environment
from dccd.errors import ConfigError

_FILE: Final = "dccd.toml"

logger: logging.Logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where settings are read from, apart from arguments; ``directory`` may hold ``.env`` and the TOML files."""

    environ: Mapping[str, str] = field(repr=False)
    directory: Path = Path()
    config_directories: tuple[Path, ...] = ()
    secrets: Path = Path("/run/secrets")


@dataclass(frozen=True, slots=True)
class Traced:
    """A configuration, and the place of each setting that is not a default, by its dotted name."""

    config: CollectorConfig
    origins: Mapping[str, str]


def load_config(path: str | os.PathLike[str] | None = None, **overrides: Any) -> CollectorConfig:  # noqa: ANN401
    """Return the configuration of this process.

    Each setting is taken from the first place that has it: the arguments, ``DCCD_`` environment variables
    (``DCCD_ALERTS__WEBHOOK_URL``), ``.env``, files of such names in directories of secrets (``DCCD_SECRETS_DIR``,
    systemd's ``$CREDENTIALS_DIRECTORY``, ``/run/secrets``), a TOML file, ``[tool.dccd]`` in ``pyproject.toml``, the
    default. The TOML file is `path`, else ``DCCD_CONFIG``, else the first that exists of ``./dccd.toml`` and
    ``dccd/dccd.toml`` in the user's and the site's configuration directories. A variable of a secret may end in
    ``_FILE`` and name a file that holds it.

    Parameters
    ----------
    path : str or os.PathLike, optional
        A TOML file; it must exist.
    **overrides : object
        Top-level settings, as `CollectorConfig` takes them.

    Returns
    -------
    CollectorConfig
        With an absolute ``storage.local_path``; a relative one in a file is relative to that file.

    Raises
    ------
    ConfigError
        If a file cannot be read or a setting cannot be used: a line for each problem, which names its place.

    Examples
    --------
    >>> from dccd.daemon.config import load_config
    >>> load_config(storage={"local_path": "/data"}).storage.local_path.as_posix()
    '/data'
    >>> load_config(alerts={"max_consecutive_errors": 0})
    Traceback (most recent call last):
    dccd.errors.ConfigError: argument alerts: alerts.max_consecutive_errors: should be greater than or equal to 1
    """
    given = of_arguments(overrides)
    overrides.clear()  # a traceback may show variables, and these may be secrets
    return trace(_here(), path, given).config


def trace_config(path: str | os.PathLike[str] | None = None) -> Traced:
    """Return the configuration of this process and where its settings came from.

    Examples
    --------
    >>> import os
    >>> from dccd.daemon.config.load import trace_config
    >>> os.environ["DCCD_STORAGE__LOCAL_PATH"] = "/data"
    >>> trace_config().origins
    {'storage.local_path': 'environment variable DCCD_STORAGE__LOCAL_PATH'}
    """
    return trace(_here(), path)


def trace(around: Surroundings, path: str | os.PathLike[str] | None = None, given: Source | None = None) -> Traced:
    """Return the configuration that the surroundings and the given arguments make; `ConfigError` lists all problems."""
    found = _gather(around, path, given or Source())
    if found.foreign:
        logger.warning("no settings of dccd, and ignored: %s", ", ".join(found.foreign))
    made = _settle(found)
    if isinstance(made, Traced):
        return made
    raise ConfigError("\n".join(problem.line for problem in in_order(made)))


def _here() -> Surroundings:
    return Surroundings(os.environ, config_directories=tuple(_config_directories()))


def _config_directories() -> Iterator[Path]:
    with suppress(RuntimeError):  # no home directory is known
        yield user_config_path("dccd")
    yield site_config_path("dccd")


@dataclass(frozen=True, slots=True)
class _Found:
    """The sources in order of precedence, the problems, and the places of variables that seem unrelated."""

    sources: list[Source]
    problems: list[Problem]
    foreign: list[str]


def _settle(found: _Found) -> Traced | list[Problem]:
    """Return the configuration or its problems; raise nothing here, because a traceback may show variables."""
    merged: dict[str, Any] = {"storage": {}}  # so that an error of the default path has its full name
    for source in reversed(found.sources):
        merged = merge(merged, source.values)
    problems = list(found.problems)
    try:
        config = CollectorConfig.model_validate(merged)
    except ValidationError as error:
        return problems + [
            Problem(_place(found.sources, each["loc"]), each["msg"], each["loc"])
            for each in error.errors(include_url=False, include_input=False)
        ]
    if problems:
        return problems
    storage = config.storage.model_copy(update={"local_path": config.storage.local_path.absolute()})
    origins = {dotted(key): _place(found.sources, key) for key in _set(merged)}
    return Traced(config.model_copy(update={"storage": storage}), origins)


def _gather(around: Surroundings, path: str | os.PathLike[str] | None, given: Source) -> _Found:
    named, problems = [], []
    for variables, wrong in (in_environment(around.environ), in_dotenv(around.directory / ".env")):
        read, unreadable = from_files(variables)
        named.append(read)
        problems += [*wrong, *unreadable]
    for directory, named_by in _secrets(around, named):
        if named_by and (fault := path_fault(str(directory))) is not None:
            problems.append(Problem(named_by, fault))
            continue
        variables, unreadable = in_directory(directory, named_by=named_by)
        named.append(variables)
        problems += unreadable
    sources, foreign = [given], []
    for variables in named:
        source, misspelt, ignored = assemble(variables)
        sources.append(source)
        problems += misspelt
        foreign += ignored
    file, named_by = _chosen(around, path, named)
    if file is not None and (fault := path_fault(str(file))) is not None:
        problems.append(Problem(named_by or str(file), fault))
        file = None
    for source, unreadable in _tables(around.directory, file, named_by):
        sources.append(source)
        problems += unreadable
    sources.append(_of_systemd(around.environ))
    return _Found(sources, problems, foreign)


def _secrets(around: Surroundings, named: list[list[Variable]]) -> Iterator[tuple[Path, str]]:
    chosen = _first(named, SECRETS_DIR)
    if chosen is not None:
        yield _expanded(chosen.value), chosen.place
    if credentials := around.environ.get("CREDENTIALS_DIRECTORY"):
        yield Path(credentials), ""
    yield around.secrets, ""


def _chosen(
    around: Surroundings, path: str | os.PathLike[str] | None, named: list[list[Variable]]
) -> tuple[Path | None, str]:
    """Return the TOML file, None if there is none, and the place that named it."""
    if path is not None:
        return _expanded(path), ""
    if (chosen := _first(named[:2], CONFIG)) is not None:
        return _expanded(chosen.value), chosen.place
    candidates = (base / _FILE for base in (around.directory, *around.config_directories))
    return next(filter(_is_there, candidates), None), ""


def _first(named: list[list[Variable]], name: str) -> Variable | None:
    return next((each for variables in named for each in variables if each.name == name), None)


def _expanded(path: str | os.PathLike[str]) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no such user: the error is that it cannot be read
        return Path(path)


def _is_there(path: Path) -> bool:
    # A directory or a broken link counts, and is an error: Docker makes a directory of a file that it cannot mount.
    try:
        path.lstat()
    except OSError:
        return False
    return True


def _tables(directory: Path, file: Path | None, named_by: str) -> Iterator[tuple[Source, list[Problem]]]:
    if file is not None:
        yield read_table(file, named_by=named_by)
    project = directory / "pyproject.toml"
    if os.path.isfile(project):  # noqa: PTH113 - false, too, where this user may not look
        yield read_table(project, ("tool", "dccd"))


def _of_systemd(environ: Mapping[str, str]) -> Source:
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if not state:
        return Source()
    return Source({"storage": {"local_path": state}}, {(): "environment variable STATE_DIRECTORY"})


def _place(sources: Iterable[Source], path: KeyPath) -> str:
    """Return where a setting is, or the closest key above it."""
    return max(sources, key=lambda source: source.depth(path)).place(path)


def _set(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:  # noqa: ANN401 - settings, nested
    """Yield the path of each setting that is not a default."""
    is_list = isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value)
    for key, inner in enumerate(value) if is_list else value.items() if isinstance(value, Mapping) else ():
        yield from _set(inner, (*path, key))
    if path and not is_list and not isinstance(value, Mapping):
        yield path
