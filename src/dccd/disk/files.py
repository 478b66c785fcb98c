"""Write files so that a reader sees the old content or the new one, never a part of either."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE, S_ISLNK, S_ISREG
from typing import Final, NamedTuple

from dccd import interrupts
from dccd.disk.system import SYSTEM, System

PRIVATE: Final = 0o600
_TEMPORARY: Final = ".tmp"
_STRAY_AFTER_SECONDS: Final = 3600.0
_NOT_LINKS: Final = getattr(os, "O_NOFOLLOW", 0)
_ADVICE: Final = {
    errno.ENOSPC: "the disk is full: free space on it",
    errno.EDQUOT: "the disk quota is used up: free space",
    errno.EROFS: "the file system is read-only: mount it writable",
    errno.EACCES: "permission denied: give this user access to it",
    errno.EPERM: "permission denied: give this user access to it",
    errno.ENOENT: "no such directory: create it, or mount its disk",
    errno.EEXIST: "something else has its name: move it away",
    errno.ENOTDIR: "a part of the path is a file: move it away",
    errno.ELOOP: "symbolic links lead in a circle: mend them",
    errno.ENAMETOOLONG: "the path is too long: choose a directory nearer to the root",
    errno.ENODEV: "another disk is in its place: mount the one that was there",
    errno.EIO: "the disk reports an I/O error: check it",
    errno.ENOLCK: "its file system has no locks: mount it with a lock server (NFS: or with local_lock=all)",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
}


class ForeignLinkError(PermissionError):
    """A symbolic link that another user made, who would choose what is read or written."""


class Signature(NamedTuple):
    """What changes when a file is replaced or written."""

    inode: int
    size: int
    mtime_ns: int


def signature(path: Path | str, system: System = SYSTEM) -> Signature | None:
    """Return the signature of a file, None if there is no file; raise `OSError` if the path is not a regular file."""
    try:
        stat = system.stat(path)
    except FileNotFoundError as error:
        interrupts.pass_on(error)
        return None
    if not S_ISREG(stat.st_mode):  # reading a pipe would block, and writing would replace a device
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    return _signature(stat)


def read(path: Path | str, system: System = SYSTEM) -> bytes:
    """Return the content of a file; raise `OSError`, also if the path is a symbolic link of another user."""
    with open(open_file(path, os.O_RDONLY, system=system), "rb") as file:
        return file.read()


def open_file(path: Path | str, flags: int, *, system: System = SYSTEM) -> int:
    """Open a file, follow no symbolic link that another user made, and return the descriptor.

    A file that O_CREAT makes is private, and where root makes it, it belongs to the owner of the directory.
    """
    flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        return system.open(path, flags & ~os.O_CREAT | _NOT_LINKS, PRIVATE)
    except OSError as error:
        interrupts.pass_on(error)
        if error.errno == errno.ELOOP:
            return system.open(_target(path, system)[0], flags | _NOT_LINKS, PRIVATE)
        if error.errno != errno.ENOENT or not flags & os.O_CREAT:
            raise
    try:
        descriptor = system.open(path, flags | os.O_EXCL, PRIVATE)
    except FileExistsError as error:
        interrupts.pass_on(error)
        return system.open(path, flags | _NOT_LINKS, PRIVATE)
    try:
        _give_to(_owner_of_new(path, system), descriptor, system)
    except BaseException:
        system.close(descriptor)
        raise
    return descriptor


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _owner_of_new(path: Path | str, system: System) -> tuple[int, int] | None:
    """Return the owner and group of the directory for what root makes in it, else None."""
    if not _is_root():
        return None
    stat = system.stat(os.path.dirname(path) or os.curdir)
    return stat.st_uid, stat.st_gid


def _give_to(owner: tuple[int, int] | None, descriptor: int, system: System) -> None:
    if owner is not None and owner != (os.geteuid(), os.getegid()):
        system.fchown(descriptor, *owner)


def _keep_access(descriptor: int, target: str, before: os.stat_result | None, system: System) -> None:
    """Give the file that replaces another one its owner and mode, as far as this user may."""
    if before is None:
        _give_to(_owner_of_new(target, system), descriptor, system)
        return
    made, mode = system.fstat(descriptor), S_IMODE(before.st_mode)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        try:
            system.fchown(descriptor, before.st_uid if _is_root() else -1, before.st_gid)
        except PermissionError as error:
            interrupts.pass_on(error)
            if _is_root():
                raise
            mode &= 0o700  # what one group may read is not for another
    if mode != S_IMODE(made.st_mode):
        system.fchmod(descriptor, mode)


def _signature(stat: os.stat_result) -> Signature:
    return Signature(stat.st_ino, stat.st_size, stat.st_mtime_ns)


def describe(error: OSError) -> str:
    """Return what an error of the disk means and what to do about it, without the path of the file."""
    if isinstance(error, ForeignLinkError):
        return "another user made it a symbolic link: remove it"
    advice = _ADVICE.get(error.errno or 0)
    return advice or f"{error.strerror or type(error).__name__}: see the system's log"


def replace(
    path: Path, data: bytes, *, fsync: bool = True, mode: int | None = PRIVATE, system: System = SYSTEM
) -> Signature:
    """Replace the whole content of a file in one step; if that raises `OSError`, the old content is still there.

    A symbolic link stays a link: the file it points to is replaced. A mode of None means what the umask allows.
    """
    return Replacement(path, data, fsync=fsync, mode=mode, system=system).publish()


class Replacement:
    """The new content of a file, written to a temporary file beside it, that `publish` puts in its place."""

    def __init__(
        self, path: Path, data: bytes, *, fsync: bool = True, mode: int | None = PRIVATE, system: System = SYSTEM
    ) -> None:
        self._system = system
        self._target, before = _target(path, system)
        self._temporary = _temporary(self._target)
        try:
            self.signature: Signature = self._write(data, mode or 0o666, before, fsync=fsync)
        except BaseException:
            self._discard()
            raise

    def publish(self) -> Signature:
        """Rename the temporary file to the file; if that raises `OSError`, the old content is still there."""
        try:
            self._system.replace(self._temporary, self._target)
        except BaseException as error:
            # A network file system may rename and report a failure; a signal handler may raise after the rename.
            published = self.is_published()
            if not published:
                self._discard()
            if not published or not isinstance(error, OSError) or interrupts.is_interrupt(error):
                raise
        return self.signature

    def is_published(self) -> bool:
        """Return whether the file has this content by now."""
        with interrupts.suppress(OSError):
            return signature(self._target, self._system) == self.signature
        return False

    def _write(self, data: bytes, mode: int, before: os.stat_result | None, *, fsync: bool) -> Signature:
        system = self._system
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = system.open(self._temporary, flags, mode)
        try:
            if hasattr(os, "fchown"):
                _keep_access(descriptor, self._target, before, system)
            view = memoryview(data)
            while view:
                view = view[system.write(descriptor, view) :]
            # The kernel's clock ticks in milliseconds and inodes are reused: only this tells two writes apart.
            now = time.time_ns()
            with interrupts.suppress(OSError):  # a file system that stores no times
                system.utime(self._temporary, ns=(now, now))
            if fsync:
                system.fsync(descriptor)
            return _signature(system.fstat(descriptor))
        finally:
            system.close(descriptor)

    def _discard(self) -> None:
        with interrupts.suppress(OSError):
            self._system.unlink(self._temporary)


def replace_with(path: Path, write: Callable[[Path], None], *, fsync: bool = True) -> Signature:
    """Replace a file in one step by what `write` puts into a temporary file beside it."""
    target, before = _target(path, SYSTEM)
    temporary = Path(_temporary(target))
    try:
        temporary.open("xb").close()  # new, so that nobody's link is followed
        write(temporary)
        with temporary.open("rb+") as file:
            if hasattr(os, "fchown"):
                _keep_access(file.fileno(), target, before, SYSTEM)
            if fsync:
                os.fsync(file.fileno())
            stat = os.fstat(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with interrupts.suppress(OSError):
            os.unlink(temporary)
        raise
    return _signature(stat)


def _target(path: Path | str, system: System) -> tuple[str, os.stat_result | None]:
    """Return the file that is to be replaced, through a link of this user's, and what is known of it if it exists."""
    stat = _no_foreign_link(path, system)
    if stat is None or not S_ISLNK(stat.st_mode):
        return str(path), stat
    target = os.path.realpath(path)
    try:
        return target, system.stat(target)
    except FileNotFoundError as error:
        interrupts.pass_on(error)
        return target, None


def is_link(path: Path | str, system: System = SYSTEM) -> bool:
    """Return whether a path is a symbolic link; raise `ForeignLinkError` if it is neither this user's nor root's."""
    stat = _no_foreign_link(path, system)
    return stat is not None and S_ISLNK(stat.st_mode)


def _no_foreign_link(path: Path | str, system: System) -> os.stat_result | None:
    try:
        stat = system.lstat(path)
    except FileNotFoundError as error:
        interrupts.pass_on(error)
        return None
    if S_ISLNK(stat.st_mode) and hasattr(os, "geteuid") and stat.st_uid not in {0, os.geteuid()}:
        raise ForeignLinkError(errno.EPERM, os.strerror(errno.EPERM), str(path))
    return stat


def _temporary(target: str) -> str:
    directory, name = os.path.split(target)
    return os.path.join(directory, f".{name}.{os.getpid()}-{time.monotonic_ns():x}{_TEMPORARY}")


def set_aside(path: Path, why: str, now: float) -> Path:
    """Rename a file to ``{name}.{why}-{UTC time}``, never over an older one, and return its new path.

    Of a symbolic link, the file it points to is renamed.
    """
    path = Path(_target(path, SYSTEM)[0])
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    for number in range(1, 1000):
        aside = path.with_name(f"{path.name}.{why}-{stamp}" + (f"-{number}" if number > 1 else ""))
        if os.path.lexists(aside):
            continue
        try:
            os.link(path, aside)  # unlike a rename, a link never replaces what is there
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links
            os.rename(path, aside)
            return aside
        try:
            os.unlink(path)
        except OSError:
            os.unlink(aside)
            raise
        return aside
    msg = f"{path}: a thousand damaged files are beside it already: move them away"
    raise OSError(errno.EEXIST, msg)


def remove_old_strays(directory: Path, now: float) -> None:
    """Remove the temporary files in a directory that are older than an hour: killed processes left them."""
    with interrupts.suppress(OSError):
        for path in directory.glob(f".*{_TEMPORARY}"):
            with interrupts.suppress(OSError):
                # Also one of the future, from before the clock was set back.
                if abs(now - path.stat().st_mtime) > _STRAY_AFTER_SECONDS:
                    path.unlink()


def remove_strays_of(path: Path) -> None:
    """Remove all temporary files of one file; the caller holds the lock that all its writers take."""
    target = Path(_target(path, SYSTEM)[0])
    with interrupts.suppress(OSError):
        for stray in list(target.parent.iterdir()):
            if stray.name.startswith(f".{target.name}.") and stray.name.endswith(_TEMPORARY):
                with interrupts.suppress(OSError):
                    stray.unlink()
