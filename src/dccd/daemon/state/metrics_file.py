"""The file of all records: what is in it, what another process put there, and writing it whole."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dccd.clock import Clock
from dccd.daemon.records import JobRecord, encode
from dccd.daemon.state.json_text import Member, ObjectText, members
from dccd.daemon.state.lazy_records import Records, Unmade
from dccd.disk import FileLock, MountedDirectory, System, file_lock, files

METRICS_FILE: Final = "metrics.json"
_MAX_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Content:
    """What a metrics file holds."""

    records: dict[str, Unmade] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    rejected: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A write whose end may be unknown."""

    replacement: files.Replacement
    document: ObjectText
    changes: Mapping[str, JobRecord | None]


def text_of(key: str, record: JobRecord) -> str:
    """Return a record as a member of the object in the file."""
    return f"{json.dumps(key)}: {encode(record)}"


def read_content(data: bytes, known: Mapping[str, tuple[str, Unmade]] | None = None) -> Content:
    """Return what a metrics file holds."""
    text, known, content = data.decode(json.detect_encoding(data), "surrogatepass"), known or {}, Content()
    for found in members(text, known):
        if found.is_known:
            key, record = known[found.text]
        else:
            key = found.key
            try:
                record = Records.take(found.value)
            except ValueError:
                content.rejected.append(found)
                continue
        if key in content.records:
            content.rejected.append(Member(content.texts[key], key, None))
        content.records[key] = record
        content.texts[key] = found.text if found.text.isascii() else _ascii(found)
    return content


def _ascii(member: Member) -> str:
    return f"{json.dumps(member.key)}: {json.dumps(member.value)}"


class MetricsFile:
    """``metrics.json`` as this process knows it."""

    def __init__(self, directory: Path, *, clock: Clock, system: System) -> None:
        self.path: Path = directory / METRICS_FILE
        self.records: Records = Records()
        self.news: list[tuple[int, str]] = []
        self._lock_path = directory / f"{METRICS_FILE}.lock"
        self._clock = clock
        self._system = system
        self._place = MountedDirectory(directory, system=system)
        self._document: ObjectText | None = ObjectText()
        self._seen: files.Signature | None = None
        self._attempt: _Attempt | None = None

    def lock(self, timeout: float) -> FileLock:
        """Return the lock under which to refresh and write."""
        return file_lock(self._lock_path, timeout, system=self._system)

    def arrive(self) -> None:
        """Raise `OSError` unless the directory is there; make it again if only it was removed, not its disk."""
        try:
            self._place.check()
        except FileNotFoundError:
            self._place.restore()

    def clean(self) -> None:
        """Remove what killed writers left; with the lock held."""
        files.remove_strays_of(self.path)

    def has_landed(self) -> bool:
        """Take over a write that was interrupted, if it has taken place; with the lock held."""
        attempt = self._attempt
        if attempt is None or not attempt.replacement.is_published():
            return False
        self._take_over(attempt)
        return True

    def refresh(self, *, set_aside: bool) -> bool:
        """Read the file if it has changed."""
        self._place.check()
        seen = files.signature(self.path, self._system)
        if seen is None or seen == self._seen:
            return False
        try:
            content = read_content(self.path.read_bytes(), self._known())
        except ValueError:
            if not set_aside:
                raise
            aside = files.set_aside(self.path, "corrupt", self._clock.time())
            self._tell(f"{self.path} was damaged: it is now {aside}, and a new one is begun")
            return False
        if content.rejected:
            if not set_aside:
                return False
            self._set_aside(content.rejected)
        self._document, self.records, self._seen = ObjectText(content.texts), Records(content.records), seen
        if content.rejected:
            self.write({}, {}, fsync=True)
        return True

    def write(self, changes: Mapping[str, JobRecord | None], texts: Mapping[str, str | None], *, fsync: bool) -> None:
        """Write the whole file with some records changed; with the lock held."""
        self._attempt = None
        document = self._known_document().edited(texts)
        replacement = files.Replacement(self.path, document.data(), fsync=fsync, system=self._system)
        attempt = self._attempt = _Attempt(replacement, document, changes)
        replacement.publish()
        self._take_over(attempt)

    def settle(self) -> None:
        """Forget how the last write was made: its caller knows that it has taken place."""
        self._attempt = None

    def renew(self) -> None:
        """Forget what another thread of the parent may have been in the middle of."""
        self._document = self._seen = self._attempt = None
        self.news = []

    def _take_over(self, attempt: _Attempt) -> None:
        self.records.change(attempt.changes)
        self._document, self._seen = attempt.document, attempt.replacement.signature

    def _known_document(self) -> ObjectText:
        if self._document is None:
            self._document = ObjectText({key: text_of(key, record) for key, record in self.records.all().items()})
        return self._document

    def _known(self) -> dict[str, tuple[str, Unmade]]:
        return {text: (key, self.records.unmade(key)) for key, text in self._document or ()}

    def _set_aside(self, rejected: list[Member]) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.time()))
        aside = self.path.with_name(f"{METRICS_FILE}.rejected-{stamp}-{time.time_ns():x}")
        text = ",\n".join(member.text for member in rejected)
        files.replace(aside, f"{{\n{text}\n}}\n".encode("utf-8", "surrogatepass"), system=self._system)
        names = ", ".join(json.dumps(key) for key in sorted({member.key for member in rejected})[:_MAX_NAMED])
        self._tell(f"{len(rejected)} bad records ({names}) were moved to {aside}")

    def _tell(self, text: str) -> None:
        self.news.append((logging.ERROR, text))
