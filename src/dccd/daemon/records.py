"""Records as they were read, made only when somebody asks for them."""

from collections.abc import Mapping
from typing import Any

from dccd.daemon.codec import decode, is_plain
from dccd.daemon.metrics import JobRecord

__all__ = ["Records", "Unmade"]

Unmade = JobRecord | dict[str, Any]
"""A record, or what JSON says of one that has been found to be in order."""


class Records:
    """Records by key.

    Parameters
    ----------
    items : mapping of str to Unmade, optional
        Taken over.

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
        """Return what to keep of a value that was read: most records are never asked for.

        Parameters
        ----------
        raw : object
            What JSON says.

        Returns
        -------
        JobRecord or dict
            What can be made later without fail is left as it is.

        Raises
        ------
        ValueError
            If it is no record.
        """
        return raw if is_plain(raw) else decode(raw)

    def get(self, key: str) -> JobRecord | None:
        """Return one record.

        Parameters
        ----------
        key : str
            Key of the job.

        Returns
        -------
        JobRecord or None
            None where there is none.
        """
        item = self._items.get(key)
        if isinstance(item, dict):
            item = self._items[key] = decode(item)
        return item

    def unmade(self, key: str) -> Unmade:
        """Return one record as it is kept.

        Parameters
        ----------
        key : str
            Key of a job that is there.

        Returns
        -------
        Unmade
            For other records to take over.
        """
        return self._items[key]

    def all(self) -> dict[str, JobRecord]:
        """Return all records.

        Returns
        -------
        dict of str to JobRecord
            The caller's own.
        """
        for key, item in self._items.items():
            if isinstance(item, dict):
                self._items[key] = decode(item)
        return self._items.copy()  # type: ignore[return-value]  # all of them are made now

    def change(self, changes: Mapping[str, JobRecord | None]) -> None:
        """Put other records in their places.

        Parameters
        ----------
        changes : mapping of str to JobRecord or None
            None to drop one.
        """
        for key, record in changes.items():
            if record is None:
                self._items.pop(key, None)
            else:
                self._items[key] = record
