"""Convert a configuration of dccd 2.x."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from dccd.daemon.config.alerts import AlertConfig
from dccd.daemon.config.jobs import HistoJob
from dccd.daemon.config.names import plain
from dccd.errors import ConfigError, MissingExtraError

# Where 2.x kept its data by default.
_DATA: Final = "./data/crypto"
_NO_STREAMS: Final = "dccd collects closed candles, no streams"
# Exchanges that ccxt has under another name.
_RENAMED: Final = {"coinbase": "coinbaseexchange"}
_CARRIED: Final = {
    "settings": {"data_path"},
    "storage": {"local_path"},
    "alerts": {"webhook_url", "max_consecutive_errors"},
    "histo_jobs": {"exchange", "pairs", "span"},
}


@dataclass(frozen=True, slots=True)
class Migration:
    """A converted configuration, with the secrets of the old one, and notes without secrets on what was left out."""

    toml: str
    notes: tuple[str, ...]
    local_path: Path


@dataclass(slots=True)
class _Written:
    """The lines of the new configuration, and the notes, as they are collected."""

    notes: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def section(self, head: str, values: Mapping[str, object]) -> None:
        self.lines += ["", head, *(f"{key} = {_toml(value)}" for key, value in values.items())]


def migrate(text: str, directory: Path) -> Migration:
    """Convert the content of a ``config.yml``; relative paths are relative to the directory where 2.x was started."""
    old = _parse(text)
    made = _Written()
    local_path = directory / _data_path(old)
    made.section("[storage]", {"local_path": str(local_path)})
    _alerts(_section(old, "alerts"), made)
    jobs = list(_jobs(old, made))
    if not jobs:
        none = f"there are stream_jobs only, and {_NO_STREAMS}" if "stream_jobs" in old else "there is none"
        msg = f"histo_jobs: no job can be carried over: {'; '.join(made.notes) or none}"
        raise ConfigError(msg)
    for job in jobs:
        made.section("[[histo_jobs]]", job)
    made.notes += _left(old)
    head = "# Written by dccd migrate from a configuration of dccd 2.x."
    return Migration("\n".join([head, *made.lines]) + "\n", tuple(dict.fromkeys(made.notes)), local_path)


def _parse(text: str) -> Mapping[str, Any]:
    try:
        import yaml  # noqa: PLC0415 - of an extra
    except ImportError:
        msg = "reading a configuration of dccd 2.x needs yaml: pip install '.[migrate]' in the checkout"
        raise MissingExtraError(msg) from None
    try:
        old = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        # The message of yaml shows the line, which may hold a secret.
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


def _data_path(old: Mapping[str, Any]) -> Path:
    """Return where 2.x kept its data; only one of its two settings expanded a leading ~."""
    written, home = _section(old, "storage").get("local_path"), False
    if not written:
        written, home = _section(old, "settings").get("data_path") or _DATA, True
    try:
        return Path(written).expanduser() if home else Path(written)
    except (TypeError, RuntimeError):
        msg = f"{'settings.data_path' if home else 'storage.local_path'}: should be a path; a ~ needs a home directory"
        raise ConfigError(msg) from None


def _alerts(old: Mapping[str, Any], made: _Written) -> None:
    kept = {key: old[key] for key in ("webhook_url", "max_consecutive_errors") if old.get(key) is not None}
    for key in list(kept):
        try:
            AlertConfig(**{key: kept[key]})
        except ValidationError as error:
            made.notes.append(f"alerts.{key} was left out: {error.errors()[0]['msg']}")
            del kept[key]
    if kept:
        made.section("[alerts]", kept)


def _jobs(old: Mapping[str, Any], made: _Written) -> Iterator[dict[str, object]]:
    found = old.get("histo_jobs") or []
    if not isinstance(found, list):
        msg = "histo_jobs: should be a list"
        raise ConfigError(msg)
    timeframes: dict[str, list[str]] = {}
    for index, raw in enumerate(found):
        where = f"histo_jobs[{index}]"
        if not isinstance(raw, dict):
            made.notes.append(f"{where} was left out: it should be a mapping")
            continue
        kept: list[HistoJob] = []
        for job in _of_each_pair(raw, where, made):
            known = timeframes.setdefault(f"{job.exchange}/{job.pairs[0]}", [])
            if job.timeframe in known:
                made.notes.append(f"{where}: pairs that were listed before were left out")
                continue
            if known:  # 2.x kept one record for all timeframes of a pair
                own = f"those at {job.timeframe} begin anew"
                made.notes.append(f"{where}: the metrics of {job.pairs[0]} go on with its first job, and {own}")
            known.append(job.timeframe)
            kept.append(job)
        if kept:
            first = kept[0]
            if first.exchange != raw["exchange"]:
                renamed = f"{raw['exchange']} is {first.exchange} now"
                made.notes.append(f"{where}: {renamed}, so the metrics of its pairs begin anew")
            yield {"exchange": first.exchange, "pairs": [job.pairs[0] for job in kept], "timeframe": first.timeframe}


def _of_each_pair(raw: Mapping[str, Any], where: str, made: _Written) -> Iterator[HistoJob]:
    """Yield a job for each pair that can be converted, and note the others."""
    name, pairs = raw.get("exchange"), raw.get("pairs")
    exchange = _RENAMED.get(name, name) if isinstance(name, str) else name
    for number, pair in enumerate(pairs if isinstance(pairs, list) else [pairs]):
        try:
            job = HistoJob(exchange=exchange, pairs=[pair], timeframe=raw.get("span"))  # type: ignore[arg-type]
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]).replace("timeframe", "span")
            left = f"{where}.pairs[{number}] was left out" if key == "pairs" else f"{where} was left out: {key}"
            made.notes.append(f"{left}: {first['msg']}")
        else:
            yield job


def _left(old: Mapping[str, Any]) -> Iterator[str]:
    """Yield a note for each old setting that has no place in the new configuration."""
    for name, value in old.items():
        carried = _CARRIED.get(name)
        if carried is None:
            what = _NO_STREAMS if name == "stream_jobs" else "there is no such setting"
            yield f"{plain(str(name))} was left out: {what}"
            continue
        parts = value if isinstance(value, list) else [value]
        keys = {str(key) for each in parts if isinstance(each, dict) for key in each}
        for key in sorted(keys - carried):
            yield f"{name}.{plain(key)} was left out: there is no such setting"


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
