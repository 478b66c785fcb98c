"""The handlers of the log: the file under rotation and faults, and the console."""

import io
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dccd._compat import override
from dccd.daemon.logs import JsonFormatter, SharedRotatingFileHandler, console
from dccd.disk import file_lock

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SharedRotatingFileHandler]:
    """Return a handler whose file holds ten lines, with three backups."""
    handler = SharedRotatingFileHandler(tmp_path / "a.log", max_bytes=100, backups=3)
    yield handler
    handler.end()


def emit(handler: logging.Handler, *numbers: int) -> None:
    """Log lines of ten bytes."""
    for number in numbers:
        handler.handle(logging.makeLogRecord({"msg": f"line {number:04}"}))


def run(code: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program that must succeed."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)  # type: ignore[call-overload]  # options of whoever calls
    assert done.returncode == 0, done.stderr
    return done  # type: ignore[no-any-return]  # for the same reason


def test_a_file_that_is_full_becomes_a_backup(tmp_path: Path, small: logging.Handler) -> None:
    """The oldest backup goes; no line is split or doubled, and no file is longer than it may be."""
    emit(small, *range(100))
    names = ["a.log.3", "a.log.2", "a.log.1", "a.log"]
    assert {file.name for file in tmp_path.iterdir()} == {*names, "a.log.lock"}
    kept = [line for name in names for line in (tmp_path / name).read_text().splitlines()]
    assert kept == [f"line {number:04}" for number in range(60, 100)]
    assert {(tmp_path / name).stat().st_size for name in names} == {100}


def test_a_record_longer_than_a_file_is_written_whole(tmp_path: Path, small: logging.Handler) -> None:
    """It has a file for itself, and an empty file is no backup."""
    small.handle(logging.makeLogRecord({"msg": "x" * 500}))
    emit(small, 1)
    assert (tmp_path / "a.log.1").read_text() == "x" * 500 + "\n"
    assert (tmp_path / "a.log").read_text() == "line 0001\n"
    assert not (tmp_path / "a.log.2").exists()


def test_only_the_first_to_come_rotates(tmp_path: Path, small: logging.Handler) -> None:
    """One that decided to, while another process did, follows it: a file just begun is no backup."""
    late = SharedRotatingFileHandler(tmp_path / "a.log", max_bytes=100, backups=3)
    try:
        emit(small, *range(11))
        late.doRollover()
        emit(late, 11)
    finally:
        late.end()
    assert (tmp_path / "a.log").read_text() == "line 0010\nline 0011\n"
    assert not (tmp_path / "a.log.2").exists()


def test_a_rollover_waits_for_nobody(tmp_path: Path, small: logging.Handler) -> None:
    """A process that hangs at it does not hold up the others; their file grows meanwhile."""
    with file_lock(tmp_path / "a.log.lock", timeout=0):
        emit(small, *range(15))
        assert (tmp_path / "a.log").stat().st_size == 150
    emit(small, 15)
    assert (tmp_path / "a.log").read_text() == "line 0015\n"


@posix
def test_the_file_is_private(tmp_path: Path, small: logging.Handler) -> None:
    """Also the one after a rollover; what the owner has set on a file that is there stays."""
    emit(small, *range(11))
    assert [path.stat().st_mode & 0o777 for path in sorted(tmp_path.iterdir())] == [0o600] * 3
    (tmp_path / "b.log").touch(0o640)
    (tmp_path / "b.log").chmod(0o640)
    SharedRotatingFileHandler(tmp_path / "b.log").end()
    assert (tmp_path / "b.log").stat().st_mode & 0o777 == 0o640


def test_a_file_that_was_deleted_is_opened_anew(tmp_path: Path, small: logging.Handler) -> None:
    """As somebody who clears a disk does."""
    emit(small, 1)
    (tmp_path / "a.log").unlink()
    emit(small, 2)
    assert (tmp_path / "a.log").read_text() == "line 0002\n"


def test_a_file_that_another_program_rotates_is_followed(tmp_path: Path, small: logging.Handler) -> None:
    """As logrotate does."""
    emit(small, 1)
    (tmp_path / "a.log").rename(tmp_path / "a.log-20261101")
    emit(small, 2)
    assert (tmp_path / "a.log").read_text() == "line 0002\n"


def test_a_directory_that_vanishes_is_told_once_and_raises_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither on the next line nor on closing; when it is back the log goes on, and says what it lacks."""
    directory = tmp_path / "d"
    directory.mkdir()
    handler = SharedRotatingFileHandler(directory / "a.log")
    try:
        emit(handler, 1)
        shutil.rmtree(directory)
        emit(handler, 2, 3)
        assert capsys.readouterr().err == (
            f"dccd: the log file {directory / 'a.log'} cannot be written, "
            "no such directory: create it, or mount its disk. Until then records are lost to it\n"
        )
        directory.mkdir()
        emit(handler, 4, 5)
        expected = "records missing here: 2; the file could not be written\nline 0004\nline 0005\n"
        assert (directory / "a.log").read_text() == expected
        assert "written again" in capsys.readouterr().err
        shutil.rmtree(directory)
    finally:
        handler.end()


def test_what_is_missing_is_said_in_the_form_of_the_file(tmp_path: Path, small: logging.Handler) -> None:
    """A JSON file stays one of JSON."""
    small.setFormatter(JsonFormatter())
    (tmp_path / "a.log").unlink()
    (tmp_path / "a.log").mkdir()
    emit(small, 1)
    (tmp_path / "a.log").rmdir()
    emit(small, 2)
    gap, line = map(json.loads, (tmp_path / "a.log").read_text().splitlines())
    assert (gap["level"], gap["message"]) == ("WARNING", "records missing here: 1; the file could not be written")
    assert line["message"] == "line 0002"


def test_a_formatter_that_raises_does_not_reach_the_job(
    tmp_path: Path, small: logging.Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only its records are missing."""
    small.setFormatter(logging.Formatter("%(job)s %(message)s"))
    emit(small, 1, 2)
    assert "ValueError" in capsys.readouterr().err
    small.setFormatter(None)
    emit(small, 3)
    assert "line 0003" in (tmp_path / "a.log").read_text()


@pytest.mark.parametrize("closed", [True, False])
def test_a_program_without_stderr_logs_on(
    tmp_path: Path, small: logging.Handler, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    """As a daemon that closed it, or one that never had it."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream if closed else None)
    (tmp_path / "a.log").unlink()
    (tmp_path / "a.log").mkdir()
    emit(small, 1)
    (tmp_path / "a.log").rmdir()
    emit(small, 2)
    assert "line 0002" in (tmp_path / "a.log").read_text()


_LIMITED = """
import logging, resource, sys
from pathlib import Path
from dccd.daemon.logs import SharedRotatingFileHandler

handler = SharedRotatingFileHandler(Path(sys.argv[1]))
handler.setFormatter(logging.Formatter("%(message)s"))
def emit(*numbers):
    for number in numbers:
        handler.handle(logging.makeLogRecord({"msg": f"line {number:04}"}))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (25, most))
emit(*range(5))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
emit(5, 6)
"""


@posix
def test_a_disk_that_fills_within_a_line_costs_that_line_only(tmp_path: Path) -> None:
    """What is left of it is ended, the count of those lost follows, and stderr tells of both changes once."""
    done = run(_LIMITED, tmp_path / "a.log")
    assert (tmp_path / "a.log").read_text().splitlines() == [
        "line 0000",
        "line 0001",
        "line ",
        "records missing here: 3; the file could not be written",
        "line 0005",
        "line 0006",
    ]
    first, second = done.stderr.splitlines()
    assert "cannot be written" in first
    assert "written again" in second


def test_a_line_that_the_process_before_left_cut_off_is_ended(tmp_path: Path) -> None:
    """As where it was killed on a full disk; an empty file is no line."""
    for content in (b"", b"whole\n", b"cut o"):
        (tmp_path / "a.log").write_bytes(content)
        handler = SharedRotatingFileHandler(tmp_path / "a.log")
        emit(handler, 1)
        handler.end()
        assert (tmp_path / "a.log").read_text().splitlines() == [*content.decode().splitlines(), "line 0001"]


@posix
def test_a_log_may_be_a_pipe(tmp_path: Path) -> None:
    """Whoever links it to one reads each line."""
    os.mkfifo(tmp_path / "a.log")
    reader = os.open(tmp_path / "a.log", os.O_RDONLY | os.O_NONBLOCK)
    handler = SharedRotatingFileHandler(tmp_path / "a.log")
    emit(handler, 1, 2)
    handler.end()
    assert os.read(reader, 100) == b"line 0001\nline 0002\n"
    os.close(reader)


def does(name: str, *arguments: object) -> bool:
    """Run a command of the system if this user may; say whether it did what it should."""
    program = shutil.which(name)
    command = [program or name, *map(str, arguments)]
    return program is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a small disk."""
    place = tmp_path / "disk"
    place.mkdir()
    if not does("mount", "-t", "tmpfs", "-o", "size=64k", "none", place):
        pytest.skip("no disk can be mounted here")
    yield place
    assert does("umount", "--lazy", place)


def test_a_full_disk_and_one_made_read_only_are_survived(disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The log resumes by itself each time."""
    handler = SharedRotatingFileHandler(disk / "a.log", max_bytes=5000, backups=3)
    try:
        emit(handler, 1)
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(bytes(100_000))
        emit(handler, *range(1000))
        assert "the disk is full" in capsys.readouterr().err
        ballast.unlink()
        emit(handler, 2)
        handler.end()  # what is open for writing keeps a disk from being made read-only
        handler = SharedRotatingFileHandler(disk / "a.log", max_bytes=5000, backups=3)
        handler.close()
        assert does("mount", "-o", "remount,ro", disk)
        emit(handler, 3)
        assert "the file system is read-only" in capsys.readouterr().err
        assert does("mount", "-o", "remount,rw", disk)
        emit(handler, 4)
        assert (disk / "a.log").read_text().splitlines()[-3:] == [
            "line 0002",
            "records missing here: 1; the file could not be written",
            "line 0004",
        ]
    finally:
        handler.end()


def test_a_descriptor_that_was_closed_is_opened_anew(tmp_path: Path, small: SharedRotatingFileHandler) -> None:
    """A program that becomes a daemon closes all it has; ending the handler raises nothing then."""

    def close() -> None:
        assert small.stream is not None
        os.close(small.stream.fileno())

    for number in (1, 2):
        close()
        emit(small, number)
    assert (tmp_path / "a.log").read_text() == "line 0001\nline 0002\n"
    close()
    small.end()


def test_a_record_that_comes_after_the_end_opens_nothing(tmp_path: Path) -> None:
    """A thread may be on its way to a handler while another takes it away."""
    handler = SharedRotatingFileHandler(tmp_path / "a.log")
    handler.end()
    emit(handler, 1)
    assert handler.stream is None
    assert (tmp_path / "a.log").read_text() == ""


def test_a_handler_that_somebody_closed_opens_again(tmp_path: Path, small: logging.Handler) -> None:
    """As logging.shutdown and logging.config do to handlers in use."""
    small.close()
    emit(small, 1)
    assert (tmp_path / "a.log").read_text() == "line 0001\n"


def test_a_letter_that_is_none_is_written_all_the_same(tmp_path: Path, small: logging.Handler) -> None:
    """Half a surrogate pair, as file names may hold."""
    small.handle(logging.makeLogRecord({"msg": "é \udce9"}))
    assert (tmp_path / "a.log").read_text(encoding="utf-8") == "é \\udce9\n"


def test_threads_write_each_line_once(tmp_path: Path, small: SharedRotatingFileHandler) -> None:
    """Eight of them, through rollovers."""
    small.maxBytes, small.backupCount = 1000, 100
    threads = [threading.Thread(target=emit, args=(small, *range(n * 100, n * 100 + 100))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for file in tmp_path.glob("a.log*") for line in file.read_text().splitlines()]
    assert sorted(lines) == [f"line {number:04}" for number in range(800)]


_WRITER = """
import logging, sys
from pathlib import Path
from dccd.daemon.logs import SharedRotatingFileHandler

_, path, name, most, count, width = sys.argv
handler = SharedRotatingFileHandler(Path(path), max_bytes=int(most), backups=60)
handler.setFormatter(logging.Formatter("%(message)s"))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(count)):
    handler.handle(logging.makeLogRecord({"msg": f"{name}-{number:06}" + name * int(width)}))
"""


def write_together(path: Path, names: str, most: int, count: int, width: int) -> list[str]:
    """Have processes write lines to one log at the same time, and return all of them."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, path, name, str(most), str(count), str(width)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=60)[1] for writer in writers] == [""] * len(names)
    return [line for file in path.parent.glob("a.log*") for line in file.read_text().splitlines()]


def test_several_processes_rotate_one_file_and_lose_no_line(tmp_path: Path) -> None:
    """Three with two thousand lines each and a rollover every few hundred: all are there, once and whole."""
    lines = write_together(tmp_path / "a.log", "abc", 4000, 2000, 0)
    assert sorted(lines) == [f"{name}-{number:06}" for name in "abc" for number in range(2000)]
    assert len(list(tmp_path.glob("a.log.*"))) > 5


def test_long_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    """Tracebacks are longer than any buffer."""
    lines = write_together(tmp_path / "a.log", "abc", 500_000, 150, 20_000)
    assert sorted(lines) == [f"{name}-{number:06}" + name * 20_000 for name in "abc" for number in range(150)]


_FORK = """
import logging, os, sys, threading
from pathlib import Path
from dccd.disk import files, file_lock
from dccd.daemon.logs import SharedRotatingFileHandler

path = Path(sys.argv[1])
handler = SharedRotatingFileHandler(path, max_bytes=30)
def emit(text):
    handler.handle(logging.makeLogRecord({"msg": text}))
emit("parent 1")
held, done = threading.Event(), threading.Event()
def hold():
    handler.acquire()
    held.set()
    done.wait()
    handler.release()
holder = threading.Thread(target=hold)
holder.start()
held.wait()
with file_lock(path.with_name("a.log.lock"), timeout=0):
    child = os.fork()
    if child == 0:
        emit("child 1")
        handler.end()
        handler = None
    else:
        assert os.waitpid(child, 0)[1] == 0
        try:
            with file_lock(path.with_name("a.log.lock"), timeout=0):
                sys.exit("the child took the lock away")
        except TimeoutError:
            pass
if child == 0:
    os._exit(0)
done.set()
holder.join()
emit("parent 2")
emit("parent 3")
"""


@posix
def test_a_child_logs_though_a_thread_of_its_parent_was_at_it(tmp_path: Path) -> None:
    """It waits for no lock that nobody gives back, doubles nothing, and leaves file and locks to its parent."""
    run(_FORK, tmp_path / "a.log")
    assert (tmp_path / "a.log.1").read_text() == "parent 1\nchild 1\nparent 2\n"
    assert (tmp_path / "a.log").read_text() == "parent 3\n"


class _Logging(io.StringIO):
    """A stream that logs what is written to it, as some programs make of stderr."""

    handler: logging.Handler

    @override
    def write(self, text: str) -> int:
        self.handler.handle(logging.makeLogRecord({"msg": text}))
        return super().write(text)


def test_a_console_that_logs_what_it_is_given_is_no_loop() -> None:
    """Each record is written once."""
    stream = _Logging()
    stream.handler = console(stream)
    emit(stream.handler, 1)
    assert stream.getvalue().count("line 0001") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_console_shows_letters_it_does_not_know_as_numbers(encoding: str) -> None:
    """Rather than losing the line."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    console(stream).handle(logging.makeLogRecord({"msg": "✓ \udce9", "levelname": "INFO", "name": "x"}))
    shown = "✓" if encoding == "utf-8" else "\\u2713"
    assert raw.getvalue().decode(encoding).endswith(f"INFO x: {shown} \\udce9\n")


def test_a_console_that_is_closed_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor does it complain elsewhere."""
    stream = io.StringIO()
    stream.close()
    emit(console(stream), 1)
    assert capsys.readouterr() == ("", "")


@posix
def test_a_console_whose_reader_went_away_raises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """As in ``dccd start | head``."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        emit(console(stream), 1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, writer)  # so that closing the stream can write what it still has
        os.close(nowhere)
    assert capsys.readouterr() == ("", "")


def test_a_console_keeps_to_its_level() -> None:
    """And writes no less."""
    stream = io.StringIO()
    handler = console(stream, "json", logging.ERROR)
    logger = logging.getLogger("tests.console")
    logger.addHandler(handler)
    try:
        logger.warning("no")
        logger.error("yes")
    finally:
        logger.removeHandler(handler)
    assert json.loads(stream.getvalue())["message"] == "yes"
