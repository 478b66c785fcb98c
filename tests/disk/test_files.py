"""Files that are replaced in one step."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dccd.disk import file_lock, files, is_locked
from dccd.testing import ManualClock


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    """The signature is that of the new file."""
    path = tmp_path / "a.json"
    signature = files.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signature == files.signature(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_without_a_mode_the_umask_decides(tmp_path: Path) -> None:
    """For files that others are to read."""
    before = os.umask(0o022)
    try:
        files.replace(tmp_path / "a", b"", mode=None)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_link_is_followed(tmp_path: Path) -> None:
    """The temporary file is beside the target, so that the last step is one step."""
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target"
    link = tmp_path / "link"
    link.symlink_to(target)
    files.replace(link, b"x")
    assert link.is_symlink()
    assert target.read_bytes() == b"x"


def test_what_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    """Also where the failure comes after the temporary file was written."""
    path = tmp_path / "a"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.replace_with(path, write)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    """While a writer replaces as fast as it can."""
    path, over = tmp_path / "a", threading.Event()
    contents = [bytes([letter]) * 100_000 for letter in b"xyz"]
    files.replace(path, contents[0], fsync=False)

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            files.replace(path, contents[number % 3], fsync=False)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {path.read_bytes() for _ in range(300)} <= set(contents)
    finally:
        over.set()
        writer.join()


def test_a_signature_tells_one_file_from_the_next(tmp_path: Path) -> None:
    """And no file from any."""
    path = tmp_path / "a"
    assert files.signature(path) is None
    first = files.replace(path, b"1")
    assert files.signature(path) == first
    assert files.replace(path, b"22") != first


def test_a_directory_has_no_signature(tmp_path: Path) -> None:
    """Nor has anything else that is no file."""
    with pytest.raises(FileExistsError):
        files.signature(tmp_path)


def test_what_is_set_aside_keeps_its_content_and_replaces_nothing(tmp_path: Path) -> None:
    """Names are of the time, and numbered within a second."""
    path = tmp_path / "a"
    for content in ("1", "2"):
        path.write_text(content)
        files.set_aside(path, "corrupt", 0.0)
    assert not path.exists()
    assert (tmp_path / "a.corrupt-19700101T000000Z").read_text() == "1"
    assert (tmp_path / "a.corrupt-19700101T000000Z-2").read_text() == "2"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/secret/place"), "the disk is full"),
        (OSError(errno.EROFS, "Read-only file system"), "read-only"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links"), "in a circle"),
        (OSError(errno.ENXIO, "No such device or address"), "No such device"),
        (OSError("no number"), "OSError"),
    ],
)
def test_a_fault_is_told_with_what_to_do(error: OSError, says: str) -> None:
    """In one line and without the path, which the caller knows."""
    text = files.describe(error)
    assert says in text
    assert ":" in text
    assert "\n" not in text
    assert "secret" not in text


def test_only_old_temporary_files_are_strays(tmp_path: Path) -> None:
    """And other files never are."""
    stray, other = tmp_path / ".a.1-2.tmp", tmp_path / "mine.tmp"
    for file in (stray, other):
        file.write_text("")
    now = ManualClock(stray.stat().st_mtime)
    files.remove_old_strays(tmp_path, now.time())
    assert stray.exists()
    files.remove_old_strays(tmp_path, now.time() + 4000)
    assert not stray.exists()
    assert other.exists()
    files.remove_old_strays(tmp_path / "missing", now.time())


def test_strays_of_a_file_are_those_of_its_writers_alone(tmp_path: Path) -> None:
    """Beside the file that a link points to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a.json")
    strays = [tmp_path / "real" / name for name in (".a.json.1-2.tmp", ".a.json.77-f.tmp")]
    others = [tmp_path / "real" / name for name in (".b.json.1-2.tmp", ".a.json.swp", "a.json.1.tmp")]
    for file in strays + others:
        file.write_text("")
    files.remove_strays_of(tmp_path / "link")
    assert not any(file.exists() for file in strays)
    assert all(file.exists() for file in others)
    files.remove_strays_of(tmp_path / "missing" / "a.json")


def test_two_writes_never_look_the_same(tmp_path: Path) -> None:
    """Though the clock of the kernel ticks in milliseconds, and inodes are used again."""
    path = tmp_path / "a"
    seen = [files.replace(path, b"same size", fsync=False) for _ in range(500)]
    assert len(set(seen)) == 500


def test_a_content_may_be_written_and_not_published(tmp_path: Path) -> None:
    """Nothing is there until then."""
    path = tmp_path / "a"
    replacement = files.Replacement(path, b"new")
    assert not path.exists()
    assert not replacement.is_published()
    assert replacement.publish() == files.signature(path)
    assert replacement.is_published()


as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can change owners")
OTHER = 12345


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    """Somebody chose who may read it."""
    path = tmp_path / "a.json"
    path.touch()
    path.chmod(0o640)
    files.replace(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def write_new(path: Path) -> None:
    """Write a file."""
    path.write_text("new")


@as_root
def test_root_keeps_owners_and_makes_files_for_the_owner_of_the_directory(tmp_path: Path) -> None:
    """A command that is run with sudo leaves nothing that the program of another user cannot write."""
    old, new, lock, written = (tmp_path / name for name in ("old", "new", "a.lock", "data"))
    old.touch()
    os.chown(old, OTHER + 1, OTHER)
    os.chown(tmp_path, OTHER, OTHER)
    files.replace(old, b"new")
    files.replace(new, b"new")
    files.replace_with(written, write_new)
    with file_lock(lock, 0):
        pass
    assert (old.stat().st_uid, old.stat().st_gid) == (OTHER + 1, OTHER)
    assert {(path.stat().st_uid, path.stat().st_gid) for path in (new, lock, written)} == {(OTHER, OTHER)}


@as_root
@pytest.mark.parametrize(
    "use",
    [
        lambda path: files.replace(path, b"new"),
        files.read,
        lambda path: file_lock(path, 0).__enter__(),
        is_locked,
        lambda path: files.set_aside(path, "corrupt", 0.0),
    ],
    ids=["replace", "read", "lock", "is_locked", "set_aside"],
)
def test_a_link_of_another_user_is_refused_in_one_line(tmp_path: Path, use: Callable[[Path], object]) -> None:
    """Who could have a file of this user read, written or made; the user's own link is followed."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    with pytest.raises(PermissionError) as caught:
        use(link)
    assert files.describe(caught.value) == "another user made it a symbolic link: remove it"
    assert target.read_text() == "old"
    os.chown(link, 0, 0, follow_symlinks=False)
    use(link)


def test_a_stray_file_of_the_future_goes(tmp_path: Path) -> None:
    """The clock was set back: it is as old as any."""
    stray = tmp_path / ".a.1-2.tmp"
    stray.touch()
    os.utime(stray, (10_000.0, 10_000.0))
    files.remove_old_strays(tmp_path, 10_000.0)
    assert stray.exists()
    files.remove_old_strays(tmp_path, 1.0)
    assert not stray.exists()


def test_a_name_without_a_directory_is_one_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a user exports to a file beside them, root too."""
    monkeypatch.chdir(tmp_path)
    files.replace(Path("beside.txt"), b"text")

    def make(temporary: Path) -> None:
        temporary.write_bytes(b"made")

    files.replace_with(Path("made.txt"), make, fsync=False)
    assert [(tmp_path / name).read_bytes() for name in ("beside.txt", "made.txt")] == [b"text", b"made"]
