"""One daemon a directory, and what it says of itself."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dccd.daemon.records.model import Presence
from dccd.daemon.state.presence import DAEMON_FILE, DAEMON_LOCK, Claim, read_presence
from dccd.errors import AlreadyRunningError, StorageError

SAID = Presence(
    pid=7,
    version="1.2.3",
    started_at=100.0,
    ticked_at=130.5,
    state="running",
    jobs=2,
    next_runs={"kraken/BTC/USD": 200.0},
    persistence="the disk is full",
    destinations=("https://hooks.slack.com/***",),
    address="http://127.0.0.1:9464/",
    reloaded_at=120.0,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a data directory."""
    (tmp_path / ".dccd").mkdir()
    return tmp_path


def test_what_is_said_is_read(path: Path) -> None:
    """All of it, and that the process is there; after it left, that it is not."""
    with Claim(path) as claim:
        claim.report(SAID)
        assert read_presence(path) == replace(SAID, alive=True)
    assert read_presence(path) == SAID


def test_only_the_owner_may_read_it(path: Path) -> None:
    """As all of the directory."""
    with Claim(path) as claim:
        claim.report(SAID)
    assert (path / ".dccd" / DAEMON_FILE).stat().st_mode & 0o777 == 0o600


def test_to_look_creates_nothing(tmp_path: Path) -> None:
    """Where there is no daemon there is nothing to see."""
    assert read_presence(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"state": "dancing"}',
        b'{"state": ["running"]}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_file_that_makes_no_sense_counts_as_absent(path: Path, damage: bytes) -> None:
    """Whoever looks is told nothing rather than something wrong."""
    (path / ".dccd" / DAEMON_FILE).write_bytes(damage)
    assert read_presence(path) is None


def test_what_is_odd_in_it_is_left_out(path: Path) -> None:
    """Times that are none, texts that are none; it is the lock that says whether the daemon lives."""
    odd = {
        "state": "running",
        "pid": "x",
        "ticked_at": True,
        "next_runs": {"a": "soon", "b": 5},
        "jobs": 1.5,
        "destinations": 3,
        "reloaded_at": 5,
        "alive": True,
        "of a newer version": [],
    }
    (path / ".dccd" / DAEMON_FILE).write_text(json.dumps(odd))
    assert read_presence(path) == Presence(0, "unknown", 0.0, 0.0, "running", reloaded_at=5.0)


def test_a_second_daemon_is_refused_and_told_who_is_there(path: Path) -> None:
    """By the number of its process, and what to do."""
    with Claim(path) as claim:
        claim.report(SAID)
        with pytest.raises(AlreadyRunningError, match=r"pid 7 since 1970-01-01T00:01:40") as refused, Claim(path):
            pass
    assert str(path) in str(refused.value)
    assert "--wait" in str(refused.value)
    with Claim(path):
        pass


def test_to_wait_ends_when_the_first_one_goes(path: Path) -> None:
    """The second takes its place."""
    first, taken = Claim(path), threading.Event()

    def second() -> None:
        with Claim(path, wait=threading.Event()):
            taken.set()

    with first:
        thread = threading.Thread(target=second)
        thread.start()
        assert not taken.is_set()
    assert taken.wait(30)
    thread.join()


def test_to_wait_ends_when_told_to_stop(path: Path) -> None:
    """A signal must not wait for another process."""
    stop = threading.Event()
    stop.set()
    with Claim(path), pytest.raises(AlreadyRunningError), Claim(path, wait=stop):
        pass


def test_a_process_that_is_killed_leaves_the_place_free(path: Path) -> None:
    """And is seen to be gone, whatever its file says."""
    code = (
        "import sys, time; from pathlib import Path; from dccd.daemon.state.presence import Claim, Presence\n"
        "with Claim(Path(sys.argv[1])) as claim:\n"
        "    claim.report(Presence(1, '1', 1.0, 1.0, 'running')); print('in', flush=True); time.sleep(100)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        there = read_presence(path)
        process.kill()
    gone = read_presence(path)
    assert there is not None
    assert gone is not None
    assert (there.alive, gone.alive, gone.state) == (True, False, "running")
    with Claim(path):
        pass


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(StorageError, match="cannot be used"), Claim(tmp_path / "missing"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="there the file alone tells")
def test_a_disk_that_takes_no_file_still_shows_that_the_daemon_lives(path: Path) -> None:
    """Otherwise a full disk would look like a daemon that hangs; of one that is gone, the file tells all there is."""
    now = time.time()
    with Claim(path) as claim:
        claim.report(replace(SAID, ticked_at=now, persistence=None))
        said = (path / ".dccd" / DAEMON_FILE).read_bytes()
        claim.report(replace(SAID, ticked_at=now + 30, persistence=None))
        (path / ".dccd" / DAEMON_FILE).write_bytes(said)
        seen = read_presence(path)
    gone = read_presence(path)
    assert seen is not None
    assert gone is not None
    assert seen.ticked_at == pytest.approx(now + 30, abs=0.01)
    assert gone.ticked_at == now
    assert "daemon.json cannot be written" in str(seen.persistence)
    assert gone.persistence is None


def test_what_cannot_be_written_stops_nobody(path: Path) -> None:
    """The daemon goes on, though nobody sees it."""
    with Claim(path) as claim:
        (path / ".dccd" / DAEMON_FILE).mkdir()
        claim.report(SAID)
    assert read_presence(path) is None


def test_a_lock_file_that_was_removed_is_made_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is told once, and no second daemon gets in."""
    lock = path / ".dccd" / DAEMON_LOCK
    with Claim(path) as claim:
        assert claim.is_held()
        lock.unlink()
        for _ in range(2):
            assert claim.is_held()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        with pytest.raises(AlreadyRunningError), Claim(path):
            pytest.fail("two daemons run")
    with Claim(path):
        pass


def test_a_daemon_whose_lock_another_one_has_taken_is_told_to_stop(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There is one daemon a directory: the one that holds the lock."""
    with Claim(path) as claim:
        (path / ".dccd" / DAEMON_LOCK).unlink()
        with Claim(path):
            assert not claim.is_held()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_daemon_waits_for_its_directory(path: Path) -> None:
    """While the disk is away there is nothing to lock, and nothing to say."""
    with Claim(path) as claim:
        (path / ".dccd").rename(path / "away")
        assert claim.is_held()
        (path / "away").rename(path / ".dccd")
        assert claim.is_held()
