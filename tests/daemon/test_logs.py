"""The log file of the whole process, on the root logger."""

import io
import json
import logging
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dccd.daemon import logs
from dccd.daemon.logs import JsonFormatter, SharedRotatingFileHandler, TextFormatter, attach, detach
from dccd.errors import StorageError
from dccd.redact import hide_secrets

SECRET = "https://example.com/hook/s3cret-token"
logger = logging.getLogger("tests.logs")


@pytest.fixture(autouse=True)
def _all_levels() -> Iterator[None]:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    yield
    root.setLevel(before)


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """Take all handlers from the root logger, as in a program that configured nothing."""
    root = logging.getLogger()
    before = root.handlers[:]
    root.handlers.clear()
    try:
        yield root
    finally:
        root.handlers[:] = before


@contextmanager
def attached(directory: Path, **options: str) -> Iterator[Path]:
    """Attach for as long as the context lasts."""
    path = attach(directory, **options)  # type: ignore[arg-type]  # a test says which words it tries
    try:
        yield path
    finally:
        detach(path)


def read(directory: Path) -> list[str]:
    """Return the lines of a log."""
    return (directory / logs.LOG_FILE).read_text(encoding="utf-8").splitlines()


def test_the_file_is_there_at_once_and_gets_all_that_is_logged(tmp_path: Path) -> None:
    """Of any logger, one line a record, in UTC."""
    with attached(tmp_path) as path:
        assert path.exists()
        logger.info("hello %s", "wörld")
    (line,) = read(tmp_path)
    assert line.endswith("Z INFO tests.logs: hello wörld")


def test_detaching_leaves_the_loggers_as_they_were(tmp_path: Path) -> None:
    """Handlers, their order and levels; what is logged afterwards is not in the file."""
    root, ours = logging.getLogger(), logging.getLogger("dccd")
    before = root.handlers[:], root.level, ours.handlers[:], ours.level
    with attached(tmp_path):
        assert len(root.handlers) == len(before[0]) + 1
    assert (root.handlers, root.level, ours.handlers, ours.level) == before
    logger.warning("afterwards")
    assert read(tmp_path) == []


def test_two_monitors_on_one_directory_write_each_line_once(tmp_path: Path) -> None:
    """Under whatever name they know it; the file is closed by the last of them."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    first, second = attach(tmp_path / "data"), attach(tmp_path / "link")
    assert first == second
    logger.info("one")
    detach(first)
    logger.info("two")
    detach(second)
    logger.info("three")
    detach(second)
    assert [line.rpartition(" ")[2] for line in read(tmp_path / "data")] == ["one", "two"]


def test_two_directories_both_get_all_lines(tmp_path: Path) -> None:
    """Each for as long as it is attached."""
    for name in "ab":
        (tmp_path / name).mkdir()
    with attached(tmp_path / "a"):
        with attached(tmp_path / "b"):
            logger.info("both")
        logger.info("first")
    assert [line.rpartition(" ")[2] for line in read(tmp_path / "a")] == ["both", "first"]
    assert [line.rpartition(" ")[2] for line in read(tmp_path / "b")] == ["both"]


def test_the_level_of_our_own_logger_is_set_where_nobody_has(tmp_path: Path) -> None:
    """Root drops INFO by default, which would keep our own records out of the file; the last to leave restores it."""
    ours = logging.getLogger("dccd")
    assert ours.level == logging.NOTSET
    logging.getLogger().setLevel(logging.WARNING)
    with attached(tmp_path):
        assert ours.level == logging.INFO
        with attached(tmp_path, level="DEBUG"):
            pass
        assert ours.level == logging.INFO
        logging.getLogger("dccd.x").info("kept")
        logger.info("dropped by root")
    assert ours.level == logging.NOTSET
    assert len(read(tmp_path)) == 1
    with attached(tmp_path, level="ERROR"):
        assert ours.level == logging.ERROR


def test_a_level_that_the_program_has_set_stays(tmp_path: Path) -> None:
    """Before and after."""
    ours = logging.getLogger("dccd")
    ours.setLevel(logging.CRITICAL)
    with attached(tmp_path):
        assert ours.level == logging.CRITICAL
    assert ours.level == logging.CRITICAL


def test_a_console_without_logging_keeps_showing_warnings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A handler on root ends logging's last resort, so a handler for stderr comes along, and goes."""
    with bare_root() as root:
        with attached(tmp_path):
            logger.warning("shown")
            logger.info("not shown")
        assert root.handlers == []
    assert capsys.readouterr().err.count("shown") == 1


def test_a_console_with_logging_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The program has said where its log goes."""
    mine = io.StringIO()
    with bare_root() as root:
        root.addHandler(logging.StreamHandler(mine))
        with attached(tmp_path):
            logger.warning("once")
    assert mine.getvalue() == "once\n"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("first", ["basicConfig", "attach"])
def test_basic_config_before_or_after_loses_no_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str
) -> None:
    """Before, its handler is the only one on the console; after, it does nothing and ours is."""
    with bare_root() as root:
        if first == "basicConfig":
            logging.basicConfig(format="mine %(message)s")
        with attached(tmp_path):
            if first == "attach":
                logging.basicConfig(format="mine %(message)s")
            logger.warning("shown")
        assert len(root.handlers) == (1 if first == "basicConfig" else 0)
    shown = capsys.readouterr().err
    assert shown.count("shown") == 1
    assert ("mine" in shown) == (first == "basicConfig")
    assert len(read(tmp_path)) == 1


def test_secrets_are_hidden_in_messages_and_tracebacks(tmp_path: Path) -> None:
    """In text and in JSON."""
    (tmp_path / "json").mkdir()
    with hide_secrets(SECRET), attached(tmp_path), attached(tmp_path / "json", form="json"):
        logger.info("posting to %s", SECRET)
        try:
            raise ConnectionError(SECRET)  # noqa: TRY301 - as libraries do
        except ConnectionError:
            logger.exception("no answer")
    for directory in (tmp_path, tmp_path / "json"):
        text = "\n".join(read(directory))
        assert "s3cret" not in text
        assert "ConnectionError: ***" in text


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    """Though a message has several lines, or an error."""
    with attached(tmp_path, form="json"):
        logger.info("two\nlines \u2028 %s", "é")
        try:
            _ = 1 // 0
        except ZeroDivisionError:
            logger.exception("broken")
    plain, broken = (json.loads(line) for line in read(tmp_path))
    assert set(plain) == {"time", "level", "logger", "message"}
    assert (plain["level"], plain["logger"], plain["message"]) == ("INFO", "tests.logs", "two\nlines \u2028 é")
    assert broken["error"].startswith("Traceback")


def test_formatters_need_no_arguments_that_fit() -> None:
    """A message with a percent sign and no arguments is a message."""
    record = logging.makeLogRecord({"msg": "100 %", "levelname": "INFO", "name": "x", "created": 0.0})
    assert TextFormatter().format(record).endswith(" INFO x: 100 %")
    assert json.loads(JsonFormatter().format(record))["message"] == "100 %"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[logging.Handler]:
    """Return a handler whose file holds about ten lines and three backups."""
    handler = SharedRotatingFileHandler(tmp_path / "a.log", max_bytes=100, backups=3)
    yield handler
    handler.close()


def emit(handler: logging.Handler, *numbers: int) -> None:
    """Log lines of ten bytes."""
    for number in numbers:
        handler.emit(logging.makeLogRecord({"msg": f"line {number:04}"}))


def test_a_file_that_is_full_becomes_a_backup(tmp_path: Path, small: logging.Handler) -> None:
    """The oldest backup goes; no line is split or doubled."""
    emit(small, *range(100))
    names = ["a.log.3", "a.log.2", "a.log.1", "a.log"]
    assert {file.name for file in tmp_path.iterdir()} == {*names, "a.log.lock"}
    kept = [line for name in names for line in (tmp_path / name).read_text().splitlines()]
    assert kept == [f"line {number:04}" for number in range(60, 100)]


def test_only_the_first_to_come_rotates(tmp_path: Path, small: logging.Handler) -> None:
    """One that decided to, while another process did, follows it: a file just begun is no backup."""
    late = SharedRotatingFileHandler(tmp_path / "a.log", max_bytes=100, backups=3)
    try:
        emit(small, *range(10))
        assert late.shouldRollover(logging.makeLogRecord({}))
        emit(small, 10)
        late.doRollover()
        emit(late, 11)
    finally:
        late.close()
    assert (tmp_path / "a.log").read_text() == "line 0010\nline 0011\n"
    assert not (tmp_path / "a.log.2").exists()


def test_the_page_promises_ten_megabytes_and_five_backups(tmp_path: Path) -> None:
    """By the class that it names."""
    with attached(tmp_path):
        (handler,) = (h for h in logging.getLogger().handlers if isinstance(h, SharedRotatingFileHandler))
        assert isinstance(handler, logging.handlers.RotatingFileHandler)
        assert (handler.maxBytes, handler.backupCount) == (10 * 1024 * 1024, 5)


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
    """Neither on the next line nor on closing; when it is back, the log goes on."""
    directory = tmp_path / "d"
    directory.mkdir()
    handler = SharedRotatingFileHandler(directory / "a.log")
    try:
        emit(handler, 1)
        shutil.rmtree(directory)
        emit(handler, 2, 3)
        (told,) = capsys.readouterr().err.splitlines()
        assert "cannot be written" in told
        directory.mkdir()
        emit(handler, 4)
        assert (directory / "a.log").read_text() == "line 0004\n"
        assert "written again" in capsys.readouterr().err
        shutil.rmtree(directory)
    finally:
        handler.close()


def test_detaching_from_a_directory_that_vanished_raises_nothing(tmp_path: Path) -> None:
    """The process goes on, and its loggers are as they were."""
    directory = tmp_path / "d"
    directory.mkdir()
    with attached(directory):
        shutil.rmtree(directory)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logger.warning("goes on")
    assert not directory.exists()


def test_a_record_that_comes_after_closing_opens_nothing(tmp_path: Path) -> None:
    """A thread may be on its way to a handler while another takes it away."""
    handler = SharedRotatingFileHandler(tmp_path / "a.log")
    handler.close()
    try:
        emit(handler, 1)
        assert handler.stream is None
    finally:
        handler.close()


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """In one line; and the loggers are as they were."""
    (tmp_path / logs.LOG_FILE).mkdir()
    before = logging.getLogger().handlers[:]
    with pytest.raises(StorageError, match="cannot be written"):
        attach(tmp_path)
    assert logging.getLogger().handlers == before
    assert logging.getLogger("dccd").level == logging.NOTSET


_WRITER = """
import logging, sys
from pathlib import Path
from dccd.daemon.logs import SharedRotatingFileHandler

handler = SharedRotatingFileHandler(Path(sys.argv[1]), max_bytes=4000, backups=200)
handler.setFormatter(logging.Formatter("%(message)s"))
print("ready", flush=True)
sys.stdin.readline()
for number in range(2000):
    handler.emit(logging.makeLogRecord({"msg": f"{sys.argv[2]}-{number:06}"}))
handler.close()
"""


def test_several_processes_rotate_one_file_and_lose_no_line(tmp_path: Path) -> None:
    """Two with two thousand lines each and a rollover every few hundred: all are there, once and whole."""
    path = tmp_path / "a.log"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, path, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=60)[1] for writer in writers] == ["", ""]
    lines = [line for file in tmp_path.glob("a.log*") for line in file.read_text().splitlines()]
    assert sorted(lines) == [f"{name}-{number:06}" for name in "ab" for number in range(2000)]
    assert len(list(tmp_path.glob("a.log.*"))) > 5
