"""Records that are decoded only when somebody asks for them, as most never are."""

from collections.abc import Mapping
from typing import Any

from dccd.daemon.records import JobRecord, decode, is_plain

StoredRecord = JobRecord | dict[str, Any]
"""A record, or a JSON object that `decode` is known to accept."""


def decode_lazily(raw: object) -> StoredRecord:
    """Return a JSON value as it is if `decode` surely accepts it, else the record; raise ValueError if it is none."""
    return raw if is_plain(raw) else decode(raw)


class LazyRecords:
    """Records by key.

    Examples
    --------
    >>> records = LazyRecords({"kraken/BTC/USD": decode_lazily({"rows_collected": 720})})
    >>> records.get("kraken/BTC/USD").metrics.rows_collected
    720
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, StoredRecord] | None = None) -> None:
        self._items = dict(items or {})

    def get(self, key: str) -> JobRecord | None:
        """Return one record, None where the job is unknown."""
        item = self._items.get(key)
        if isinstance(item, dict):
            item = self._items[key] = decode(item)
        return item

    def stored(self, key: str) -> StoredRecord:
        """Return the record of a known job, decoded or not."""
        return self._items[key]

    def all(self) -> dict[str, JobRecord]:
        """Return all records in a dict of the caller's own."""
        for key, item in self._items.items():
            if isinstance(item, dict):
                self._items[key] = decode(item)
        return self._items.copy()  # type: ignore[return-value]  # all of them are decoded now

    def update(self, changes: Mapping[str, JobRecord | None]) -> None:
        """Replace some records; None drops one."""
        for key, record in changes.items():
            if record is None:
                self._items.pop(key, None)
            else:
                self._items[key] = record
