"""One store for all monitors of this process on a directory."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dccd.clock import Clock
from dccd.daemon.state_directory import make_directory
from dccd.daemon.store import MetricsStore
from dccd.forks import ForkLock

__all__ = ["give_back", "has_one_user", "share"]


@dataclass(slots=True)
class _Shared:
    """A store and what each of its users asked for."""

    store: MetricsStore
    fsyncs: list[bool] = field(default_factory=list)


_shared: Final[dict[Path, _Shared]] = {}
_lock: Final = ForkLock()


def share(directory: Path, *, fsync: bool, clock: Clock) -> MetricsStore:
    """Return the store of a directory.

    Parameters
    ----------
    directory : Path
        Where the records are, by whatever way; made if need be.
    fsync : bool
        Whether this user wants commits to wait for the disk; they do as long as one user does.
    clock : Clock
        Where the time comes from; that of the first user counts.

    Returns
    -------
    MetricsStore
        To be given back.

    Raises
    ------
    StorageError
        If the directory cannot be used.
    """
    path = make_directory(directory)
    with _lock:
        shared = _shared.get(path)
        if shared is None:
            shared = _shared[path] = _Shared(MetricsStore(path, fsync=fsync, clock=clock))
        shared.fsyncs.append(fsync)
        shared.store.fsync = any(shared.fsyncs)
        return shared.store


def has_one_user(store: MetricsStore) -> bool:
    """Say whether nobody else uses a store, so that what it keeps in memory is lost with its user.

    Parameters
    ----------
    store : MetricsStore
        What `share` returned.

    Returns
    -------
    bool
        False where others go on trying.
    """
    with _lock:
        shared = _shared.get(store.directory)
        return shared is None or len(shared.fsyncs) == 1


def give_back(store: MetricsStore, *, fsync: bool) -> None:
    """Undo one `share`.

    Parameters
    ----------
    store : MetricsStore
        What it returned.
    fsync : bool
        What it was asked for.
    """
    with _lock:
        shared = _shared[store.directory]
        shared.fsyncs.remove(fsync)
        if shared.fsyncs:
            store.fsync = any(shared.fsyncs)
        else:
            del _shared[store.directory]
