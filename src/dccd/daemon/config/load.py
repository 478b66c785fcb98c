"""The one door to the outside: settings from arguments, environment, files and defaults."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from platformdirs import site_config_path, user_config_path
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

from dccd.daemon.config.models import CollectorConfig
from dccd.errors import ConfigError

__all__ = ["load_config"]

_PREFIX: Final = "DCCD_"
_DELIMITER: Final = "__"
_DOTENV: Final = Path(".env")


class _Reader(
    CollectorConfig,
    BaseSettings,
    frozen=True,
    env_prefix=_PREFIX,
    env_nested_delimiter=_DELIMITER,
    env_ignore_empty=True,
):  # numpydoc ignore=PR01
    """Exists so that pydantic-settings knows the fields; it is never made."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Settings from one place."""

    name: str
    values: Mapping[str, Any]
    is_environment: bool = False

    def where(self, path: tuple[str | int, ...]) -> str:
        """Return how a person finds a setting in this place."""
        if self.is_environment:
            return f"{self.name} {_PREFIX}{_DELIMITER.join(str(part).upper() for part in path)}"
        return self.name


def load_config(path: str | os.PathLike[str] | None = None, **overrides: Any) -> CollectorConfig:  # noqa: ANN401
    """Return the configuration of this process.

    Each setting is taken from the first place that has it: the arguments, ``DCCD_`` environment variables
    (``DCCD_ALERTS__WEBHOOK_URL``), ``.env``, a TOML file, ``[tool.dccd]`` in ``pyproject.toml``, the default. The
    TOML file is `path`, else ``DCCD_CONFIG``, else the first there is of ``./dccd.toml`` and ``dccd/dccd.toml`` in
    the user's and the site's configuration directories.

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
        If a file cannot be read, or settings cannot be used: a line for each problem, which names its place.

    Examples
    --------
    >>> from dccd.daemon.config import load_config
    >>> load_config(storage={"local_path": "/data"}).storage.local_path.as_posix()
    '/data'
    >>> load_config(alerts={"max_consecutive_errors": 0})
    Traceback (most recent call last):
    dccd.errors.ConfigError: alerts.max_consecutive_errors: Input should be greater than or equal to 1 (arguments)
    """
    sources = [_Source("arguments", overrides), *_environment(), *_files(path)]
    merged: dict[str, Any] = {}
    for source in reversed(sources):
        merged = _merge(merged, source.values)
    merged.setdefault("storage", {})
    if isinstance(merged["storage"], dict) and (state := os.environ.get("STATE_DIRECTORY")):
        merged["storage"].setdefault("local_path", state.split(":")[0])
    try:
        config = CollectorConfig.model_validate(merged)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        raise ConfigError("\n".join(_explain(problem, sources) for problem in problems)) from None
    storage = config.storage.model_copy(update={"local_path": config.storage.local_path.absolute()})
    return config.model_copy(update={"storage": storage})


def _environment() -> Iterator[_Source]:
    try:
        yield _Source("environment variable", EnvSettingsSource(_Reader)(), is_environment=True)
        if _DOTENV.is_file():
            source = DotEnvSettingsSource(_Reader, env_file=_DOTENV, dotenv_filtering="match_prefix")
            values = {name: value for name, value in source().items() if name != "config"}
            yield _Source(f"{_DOTENV}:", values, is_environment=True)
    except ValueError as error:
        msg = f"an environment variable holds no valid JSON: {error.args[0] if error.args else error}"
        raise ConfigError(msg) from None


def _files(path: str | os.PathLike[str] | None) -> Iterator[_Source]:
    chosen = path or os.environ.get(f"{_PREFIX}CONFIG")
    if chosen is not None:
        yield _toml(Path(chosen))
    else:
        directories = (Path(), user_config_path("dccd"), site_config_path("dccd"))
        found = next((path for base in directories if (path := base / "dccd.toml").is_file()), None)
        if found is not None:
            yield _toml(found)
    project = Path("pyproject.toml")
    if project.is_file():
        yield _toml(project, "tool", "dccd")


def _toml(path: Path, *table: str) -> _Source:
    try:
        values: Any = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        msg = f"{path} is no valid TOML: {error}"
        raise ConfigError(msg) from None
    except UnicodeDecodeError:
        msg = f"{path} is not UTF-8: save it as UTF-8"
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be read ({error.strerror}): give the path of a TOML file"
        raise ConfigError(msg) from None
    for name in table:
        values = values.get(name, {}) if isinstance(values, dict) else {}
    storage = values.get("storage")
    if isinstance(storage, dict) and isinstance(local := storage.get("local_path"), str):
        storage["local_path"] = path.absolute().parent / Path(local).expanduser()
    return _Source(str(path), values)


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        # Not a dump: that would mask the secrets.
        new = (
            {field: getattr(value, field) for field in value.model_fields_set}
            if isinstance(value, BaseModel)
            else value
        )
        old = merged.get(name)
        merged[name] = _merge(old, new) if isinstance(old, Mapping) and isinstance(new, Mapping) else new
    return merged


def _explain(problem: ErrorDetails, sources: list[_Source]) -> str:
    path = problem["loc"]
    place = next((source.where(path) for source in sources if _has(source.values, path)), None)
    text = problem["msg"].removeprefix("Value error, ")
    name = ".".join(str(part) for part in path)
    return f"{name}: {text} ({place})" if place and name else f"{name}: {text}".removeprefix(": ")


def _has(values: Any, path: tuple[str | int, ...]) -> bool:  # noqa: ANN401
    for part in path:
        is_item = isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)
        if is_item or (isinstance(values, Mapping) and part in values):
            values = values[part]
        else:
            return isinstance(values, str | list) and part != path[0]
    return True
