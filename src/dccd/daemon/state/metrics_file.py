"""The file of all records: reading it when another process changed it, and writing it whole."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dccd import interrupts
from dccd.clock import Clock
from dccd.daemon.records import JobRecord, encode
from dccd.daemon.state.json_text import JsonObject, Member, members
from dccd.daemon.state.lazy_records import LazyRecords, StoredRecord, decode_lazily
from dccd.disk import FileLock, MountedDirectory, System, file_lock, files, mounted_directory

METRICS_FILE: Final = "metrics.json"
_MAX_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Content:
    """Records of a metrics file by key, the same as ASCII members of its object, and the members that are no record."""

    records: dict[str, StoredRecord] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    rejected: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A write that may have taken place or not, if a signal handler raised in it."""

    replacement: files.Replacement
    document: JsonObject
    changes: Mapping[str, JobRecord | None]


def member_text(key: str, record: JobRecord) -> str:
    """Return a record as a member of the object in the file: one line of ASCII."""
    return f"{json.dumps(key)}: {encode(record)}"


def read_content(data: bytes, known: Mapping[str, tuple[str, StoredRecord]] | None = None) -> Content:
    """Return what a metrics file holds, or raise ValueError if that is no JSON object.

    Members whose text is among the known ones are not parsed. Of two members with one key the earlier is rejected.
    """
    text, known, content = data.decode(json.detect_encoding(data), "surrogatepass"), known or {}, Content()
    for found in members(text, known):
        if found.is_known:
            key, record = known[found.text]
        else:
            key = found.key
            try:
                record = decode_lazily(found.value)
            except ValueError as error:
                interrupts.pass_on(error)
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
    """``metrics.json`` as this process knows it; what there is to log goes to `messages`, with its level."""

    def __init__(self, directory: Path, *, clock: Clock, system: System, messages: list[tuple[int, str]]) -> None:
        self.path: Path = directory / METRICS_FILE
        self.records: LazyRecords = LazyRecords()
        self._lock_path = directory / f"{METRICS_FILE}.lock"
        self._clock = clock
        self._system = system
        self._messages = messages
        self._directory: MountedDirectory = mounted_directory(directory, system=system)
        self._document: JsonObject | None = JsonObject()
        self._signature: files.Signature | None = None
        self._attempt: _Attempt | None = None

    def lock(self, timeout: float) -> FileLock:
        """Return the lock to hold while refreshing and writing; `timeout` is in seconds."""
        return file_lock(self._lock_path, timeout, system=self._system)

    def check_directory(self) -> None:
        """Raise OSError unless the directory is there; make it again if only it was removed, not its disk."""
        try:
            self._directory.check()
        except FileNotFoundError as error:
            interrupts.pass_on(error)
            self._directory.restore()

    def remove_strays(self) -> None:
        """Remove temporary files of killed writers; the lock must be held."""
        files.remove_strays_of(self.path)

    def adopt_interrupted_write(self) -> bool:
        """Return whether an interrupted write has taken place, and know its records then; the lock must be held."""
        attempt = self._attempt
        if attempt is None or not attempt.replacement.is_published():
            return False
        self._adopt(attempt)
        return True

    def refresh(self, *, set_aside: bool) -> bool:
        """Read the file if it has changed, and return whether the records are others now.

        A removed file changes nothing, as it is written again. A damaged one is set aside, which needs the lock;
        without `set_aside` it raises ValueError, and bad records leave the file for later.
        """
        self._directory.check()
        signature = files.signature(self.path, self._system)
        if signature is None or signature == self._signature:
            return False
        try:
            content = read_content(files.read(self.path, self._system), self._known_members())
        except ValueError as error:
            interrupts.pass_on(error)
            if not set_aside:
                raise
            aside = files.set_aside(self.path, "corrupt", self._clock.time())
            self._log_error(f"{self.path} was damaged: it is now {aside}, and a new one is begun")
            return False
        if content.rejected:
            if not set_aside:
                return False
            self._set_aside(content.rejected)
        self._document, self.records, self._signature = (
            JsonObject(content.texts),
            LazyRecords(content.records),
            signature,
        )
        if content.rejected:
            self.write({}, {}, fsync=True)
        return True

    def write(self, changes: Mapping[str, JobRecord | None], texts: Mapping[str, str | None], *, fsync: bool) -> None:
        """Write the whole file with some records changed, where None drops one; the lock must be held."""
        self._attempt = None
        document = self._current_document().edited(texts)
        replacement = files.Replacement(self.path, document.to_bytes(), fsync=fsync, system=self._system)
        attempt = self._attempt = _Attempt(replacement, document, changes)
        replacement.publish()
        self._adopt(attempt)

    def forget_attempt(self) -> None:
        """Forget the last write, once the caller knows that it has taken place."""
        self._attempt = None

    def renew(self) -> None:
        """Forget, in the child of a fork, what a thread of the parent may have left half done."""
        self._document = self._signature = self._attempt = None

    def _adopt(self, attempt: _Attempt) -> None:
        self.records.update(attempt.changes)
        self._document, self._signature = attempt.document, attempt.replacement.signature

    def _current_document(self) -> JsonObject:
        if self._document is None:
            self._document = JsonObject({key: member_text(key, record) for key, record in self.records.all().items()})
        return self._document

    def _known_members(self) -> dict[str, tuple[str, StoredRecord]]:
        return {text: (key, self.records.stored(key)) for key, text in self._document or ()}

    def _set_aside(self, rejected: list[Member]) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock.time()))
        aside = self.path.with_name(f"{METRICS_FILE}.rejected-{stamp}-{time.time_ns():x}")
        text = ",\n".join(member.text for member in rejected)
        files.replace(aside, f"{{\n{text}\n}}\n".encode("utf-8", "surrogatepass"), system=self._system)
        names = ", ".join(json.dumps(key) for key in sorted({member.key for member in rejected})[:_MAX_NAMED])
        self._log_error(f"{len(rejected)} bad records ({names}) were moved to {aside}")

    def _log_error(self, text: str) -> None:
        self._messages.append((logging.ERROR, text))
