"""Turn a configuration of dccd 2.x into one of today; the only importer of yaml."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from dccd.daemon.config.models import AlertConfig, HistoJob
from dccd.daemon.config.names import plain
from dccd.daemon.config.problems import expected
from dccd.errors import ConfigError, MissingExtraError

__all__ = ["Migration", "migrate"]

# What 2.x kept its data in where nobody said.
_DATA: Final = "./data/crypto"
# Its name of an exchange, where ccxt has another for the same market.
_RENAMED: Final = {"coinbase": "coinbaseexchange"}
_CARRIED: Final = {
    "settings": {"data_path"},
    "storage": {"local_path"},
    "alerts": {"webhook_url", "max_consecutive_errors"},
    "histo_jobs": {"exchange", "pairs", "span"},
}


@dataclass(frozen=True, slots=True)
class Migration:
    """What became of a configuration of 2.x.

    Parameters
    ----------
    toml : str
        The new configuration; it holds the secrets of the old one.
    notes : tuple of str
        What was not carried over, a line each, without secrets.
    local_path : Path
        Where 2.x kept its data.
    """

    toml: str
    notes: tuple[str, ...]
    local_path: Path


@dataclass(slots=True)
class _Written:
    """A new configuration in the making."""

    notes: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def section(self, head: str, values: Mapping[str, object]) -> None:
        self.lines += ["", head, *(f"{key} = {_toml(value)}" for key, value in values.items())]


def migrate(text: str, directory: Path) -> Migration:
    """Return the configuration that does what one of 2.x did, as far as possible.

    Parameters
    ----------
    text : str
        Content of ``config.yml``.
    directory : Path
        Where dccd 2.x was started: a relative data path was relative to that.

    Returns
    -------
    Migration
        The new configuration, and what was not carried over.

    Raises
    ------
    ConfigError
        If the text is no configuration of 2.x, or names no job that can be carried over.
    MissingExtraError
        If yaml is not installed.
    """
    old = _parse(text)
    made = _Written()
    data = _section(old, "storage").get("local_path") or _section(old, "settings").get("data_path") or _DATA
    if not isinstance(data, str):
        msg = "settings.data_path: should be a path"
        raise ConfigError(msg)
    local_path = directory / Path(data).expanduser()
    made.section("[storage]", {"local_path": str(local_path)})
    _alerts(_section(old, "alerts"), made)
    jobs = list(_jobs(old, made))
    if not jobs:
        msg = "histo_jobs: no job can be carried over: " + "; ".join(made.notes or ["there is none"])
        raise ConfigError(msg)
    for job in jobs:
        made.section("[[histo_jobs]]", job)
    made.notes += _left(old)
    head = "# Written by dccd migrate from a configuration of dccd 2.x."
    return Migration("\n".join([head, *made.lines]) + "\n", tuple(made.notes), local_path)


def _parse(text: str) -> Mapping[str, Any]:
    try:
        import yaml  # noqa: PLC0415 - of an extra
    except ImportError:
        msg = "reading a configuration of dccd 2.x needs yaml: pip install '.[migrate]' in the checkout"
        raise MissingExtraError(msg) from None
    try:
        old = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # The message of the library shows the line, where a secret may stand.
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        msg = f"is not YAML{where}"
        raise ConfigError(msg) from None
    if not isinstance(old, dict) or not ("histo_jobs" in old or "stream_jobs" in old):
        msg = "is no configuration of dccd 2.x: it has neither histo_jobs nor stream_jobs"
        raise ConfigError(msg)
    return old


def _section(old: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = old.get(name) or {}
    if not isinstance(found, dict):
        msg = f"{name}: should be a mapping"
        raise ConfigError(msg)
    return found


def _alerts(old: Mapping[str, Any], made: _Written) -> None:
    kept = {key: old[key] for key in ("webhook_url", "max_consecutive_errors") if old.get(key) is not None}
    for key in list(kept):
        try:
            AlertConfig(**{key: kept[key]})
        except ValidationError as error:
            made.notes.append(f"alerts.{key} was left out: {expected(error.errors(include_input=False)[0])}")
            del kept[key]
    if kept:
        made.section("[alerts]", kept)


def _jobs(old: Mapping[str, Any], made: _Written) -> Iterator[dict[str, object]]:
    found = old.get("histo_jobs") or []
    if not isinstance(found, list):
        msg = "histo_jobs: should be a list"
        raise ConfigError(msg)
    seen: set[tuple[str, str, str]] = set()
    for index, raw in enumerate(found):
        where = f"histo_jobs[{index}]"
        if not isinstance(raw, dict):
            made.notes.append(f"{where} was left out: it should be a mapping")
            continue
        name = raw.get("exchange")
        exchange = _RENAMED.get(name, name) if isinstance(name, str) else name
        try:
            job = HistoJob(exchange=exchange, pairs=raw.get("pairs"), timeframe=raw.get("span"))  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            key = str(first["loc"][0]).replace("timeframe", "span")
            made.notes.append(f"{where} was left out: {key}: {expected(first)}")
            continue
        if exchange != name:
            made.notes.append(f"{where}: {name} is {exchange} now, so the metrics of its pairs begin anew")
        pairs = [pair for pair in job.pairs if (job.exchange, pair, job.timeframe) not in seen]
        seen |= {(job.exchange, pair, job.timeframe) for pair in pairs}
        if len(pairs) < len(job.pairs):
            made.notes.append(f"{where}: pairs that an earlier job has too were left out")
        if pairs:
            yield {"exchange": job.exchange, "pairs": pairs, "timeframe": job.timeframe}


def _left(old: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has no place in the new configuration."""
    for name, value in old.items():
        carried = _CARRIED.get(name)
        if carried is None:
            what = "dccd collects closed candles, no streams" if name == "stream_jobs" else "there is no such setting"
            yield f"{plain(str(name))} was left out: {what}"
            continue
        parts = value if isinstance(value, list) else [value]
        keys = {str(key) for each in parts if isinstance(each, dict) for key in each}
        for key in sorted(keys - carried):
            yield f"{name}.{plain(key)} was left out: there is no such setting"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
