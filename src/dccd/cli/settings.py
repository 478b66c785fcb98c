"""Commands about the configuration: write one, check it, list the variables, convert one of dccd 2.x."""

import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dccd.daemon.alerts import alerts_line
from dccd.daemon.status import read_keys
from dccd.disk import files
from dccd.errors import ConfigError, DccdError, UnknownSourceError
from dccd.redact import MASK
from dccd.units import format_duration, format_timeframe

if TYPE_CHECKING:
    from dccd.daemon.config import Traced

_WIDTH: Final = 80


def show_settings(traced: "Traced", say: Callable[[str], None]) -> None:
    """Print each setting with its source, and the jobs; an unknown exchange is an error."""
    from dccd.candles import check_exchange  # noqa: PLC0415 - loads ccxt

    config = traced.config
    problems = []
    for index, job in enumerate(config.histo_jobs):
        try:
            check_exchange(job.exchange)
        except UnknownSourceError as error:
            path = f"histo_jobs[{index}].exchange"
            place = traced.origins.get(path) or traced.origins.get("histo_jobs") or path
            problems.append(f"{place}: {path}: {error}")
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    rows = list(_rows(traced))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    room = max(14, _WIDTH - widths[0] - widths[2] - 4)  # a longer value moves its source to the right
    for name, value, origin in rows:
        say(f"{name:{widths[0]}}  {value:{min(widths[1], room)}}  {origin}")
    say("")
    for key, job, _ in read_keys(config):
        say(f"{key}  every {format_duration(job.seconds)}")
    say(f"data: {config.storage.local_path}   {alerts_line(config.alerts)}")


def _rows(traced: "Traced") -> Iterator[tuple[str, str, str]]:
    from dccd.daemon.config import settings  # noqa: PLC0415

    config = traced.config
    plain = [each for each in settings() if len(each.path) == 2]  # noqa: PLR2004 - section and key
    owned = [(each, getattr(config, str(each.path[0])), str(each.path[0])) for each in plain]
    of_jobs = [each for each in settings() if len(each.path) > 2]  # noqa: PLR2004 - list, place and key
    for index, job in enumerate(config.histo_jobs):
        owned += [(each, job, f"{each.path[0]}[{index}]") for each in of_jobs]
    for each, owner, above in owned:
        key = str(each.path[-1])
        origin = traced.origins.get(f"{above}.{key}") or traced.origins.get(above) or "default"
        yield f"{above}.{key}", _shown(getattr(owner, key), secret=each.secret), origin


def _shown(value: object, *, secret: bool) -> str:
    if value is None or value == ():
        return "-"
    if secret:
        return MASK
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return _exactly(value) if isinstance(value, float) else str(value)


def _exactly(seconds: float) -> str:
    """Return a duration exactly, as a person would write it."""
    whole = seconds and seconds.is_integer()
    return format_timeframe(int(seconds)) if whole else f"{seconds:.15g}s"


def environment() -> str:
    """Return every environment variable with its type, default and meaning, for a terminal of 80 columns."""
    from dccd.daemon.config import VARIABLES, settings  # noqa: PLC0415

    parts = []
    for each in settings():
        default = "required" if each.required else f"default {each.default}" if each.default else "not set by default"
        secret = "; a secret" if each.secret else ""
        parts.append((each.variable, f"{each.type}; {default.replace(chr(34), '')}{secret}", each.description))
    parts += [(name, "path; not set by default", meaning) for name, meaning in VARIABLES]
    lines = [f"{name}\n{_indented(kind)}\n{_indented(meaning)}" for name, kind, meaning in parts]
    note = (
        "A list is JSON, or a text with commas. The number in DCCD_HISTO_JOBS__0__ counts the jobs; all of them may be "
        "one JSON list in DCCD_HISTO_JOBS instead. A secret may also be in a file that a variable with _FILE at its "
        "end names: DCCD_ALERTS__WEBHOOK_URL_FILE."
    )
    return "\n".join([*lines, "", textwrap.fill(note, _WIDTH)])


def _indented(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False)


def initialise(path: Path) -> str:
    """Write a starter configuration and return the next step; a file that exists is an error."""
    from dccd.daemon.config import starter  # noqa: PLC0415

    _create(path, starter())
    return f"{path} is written: put in your exchange and pairs, then run dccd validate"


def migrate_file(source: Path, output: Path) -> Iterator[str]:
    """Convert a configuration of dccd 2.x into a new file and yield lines on what was left out."""
    from dccd.daemon.config import migrate, read_text, unreadable  # noqa: PLC0415

    try:
        text = read_text(source)
    except UnicodeDecodeError:
        msg = f"{source}: is not UTF-8"
        raise ConfigError(msg) from None
    except OSError as error:
        msg = f"{source} {unreadable(error, 'the config.yml of dccd 2.x')}"
        raise ConfigError(msg) from None
    try:
        made = migrate(text, Path.cwd())
    except ConfigError as error:
        msg = f"{source}: {error}"
        raise ConfigError(msg) from None
    _create(output, made.toml)
    yield f"{output} is written; it may hold secrets, so only you can read it"
    yield from (f"  {note}" for note in made.notes)
    yield f"Metrics carry over: {made.local_path / '.dccd' / 'metrics.json'} is read as it is."
    yield "CANDLES DO NOT CARRY OVER: they are collected anew beside the old files, which are neither read nor changed."
    yield f"Set start = ... for each job in {output} to say how far back. Then run dccd validate."


def _create(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        msg = f"{path} exists and was not changed: move it away, or name another file"
        raise DccdError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise DccdError(msg) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        msg = f"{path} cannot be written: {files.describe(error)}"
        raise DccdError(msg) from None
