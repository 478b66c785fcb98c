"""The store of a data directory: one for all monitors of this process."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dccd.clock import SYSTEM_CLOCK, Clock
from dccd.daemon.state.store import MetricsStore
from dccd.disk import forget_directory, open_state_directory
from dccd.forks import ForkLock


@dataclass(slots=True)
class _Shared:
    """A store and the `fsync` of each of its users."""

    store: MetricsStore
    fsyncs: list[bool] = field(default_factory=list)


_shared: Final[dict[Path, _Shared]] = {}
_lock: Final = ForkLock()


def open_store(local_path: Path, *, fsync: bool = True, clock: Clock = SYSTEM_CLOCK) -> MetricsStore:
    """Return the store of a data directory, to be given to `close_store`; StorageError says that it is unusable.

    Commits use fsync as long as one user asked for it. The clock of the first user counts.
    """
    return share_store(open_state_directory(local_path), fsync=fsync, clock=clock)


def share_store(path: Path, *, fsync: bool, clock: Clock) -> MetricsStore:
    """Return the store of a state directory that is open, as `open_store` does."""
    with _lock:
        shared = _shared.get(path)
        if shared is None:
            shared = _shared[path] = _Shared(MetricsStore(path, fsync=fsync, clock=clock))
        shared.fsyncs.append(fsync)
        shared.store.fsync = any(shared.fsyncs)
        return shared.store


def has_one_user(store: MetricsStore) -> bool:
    """Return whether a store has only this user, with whom what it keeps in memory is lost."""
    with _lock:
        shared = _shared.get(store.directory)
        return shared is None or len(shared.fsyncs) == 1


def close_store(store: MetricsStore, *, fsync: bool = True) -> None:
    """End one use of a store that was opened with this `fsync`."""
    with _lock:
        shared = _shared[store.directory]
        shared.fsyncs.remove(fsync)
        if shared.fsyncs:
            store.fsync = any(shared.fsyncs)
        else:
            del _shared[store.directory]
            for directory in (store.directory, store.directory.parent):
                forget_directory(directory)
