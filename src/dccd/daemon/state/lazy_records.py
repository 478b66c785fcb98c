"""Records as they were read, made only when somebody asks for them."""

from collections.abc import Mapping
from typing import Any

from dccd.daemon.records import JobRecord, decode, is_plain

Unmade = JobRecord | dict[str, Any]
"""A record, or what JSON says of one that has been found to be in order."""


class Records:
    """Records by key.

    Examples
    --------
    >>> records = Records({"kraken/BTC/USD": Records.take({"rows_collected": 720})})
    >>> records.get("kraken/BTC/USD").metrics.rows_collected
    720
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Unmade] | None = None) -> None:
        self._items = dict(items or {})

    @staticmethod
    def take(raw: object) -> Unmade:
        """Return what to keep of a value that was read: most records are never asked for."""
        return raw if is_plain(raw) else decode(raw)

    def get(self, key: str) -> JobRecord | None:
        """Return one record."""
        item = self._items.get(key)
        if isinstance(item, dict):
            item = self._items[key] = decode(item)
        return item

    def unmade(self, key: str) -> Unmade:
        """Return one record as it is kept."""
        return self._items[key]

    def all(self) -> dict[str, JobRecord]:
        """Return all records."""
        for key, item in self._items.items():
            if isinstance(item, dict):
                self._items[key] = decode(item)
        return self._items.copy()  # type: ignore[return-value]  # all of them are made now

    def change(self, changes: Mapping[str, JobRecord | None]) -> None:
        """Put other records in their places."""
        for key, record in changes.items():
            if record is None:
                self._items.pop(key, None)
            else:
                self._items[key] = record
