"""The log file of the whole process, on the root logger."""

import gc
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dccd.daemon import logs
from dccd.daemon.logs import SharedRotatingFileHandler, attach, detach
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
    """Each for as long as it is attached; the one that stays keeps the level."""
    for name in "ab":
        (tmp_path / name).mkdir()
    with attached(tmp_path / "a"):
        with attached(tmp_path / "b"):
            logger.info("both")
        logger.info("first")
        assert logging.getLogger("dccd").level == logging.INFO
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


def test_the_page_promises_ten_megabytes_and_five_backups(tmp_path: Path) -> None:
    """By the class that it names."""
    with attached(tmp_path):
        (handler,) = (h for h in logging.getLogger().handlers if isinstance(h, SharedRotatingFileHandler))
        assert isinstance(handler, logging.handlers.RotatingFileHandler)
        assert (handler.maxBytes, handler.backupCount) == (10 * 1024 * 1024, 5)


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


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """In one line; and the loggers are as they were."""
    (tmp_path / logs.LOG_FILE).mkdir()
    before = logging.getLogger().handlers[:]
    with pytest.raises(StorageError, match="cannot be written"):
        attach(tmp_path)
    assert logging.getLogger().handlers == before
    assert logging.getLogger("dccd").level == logging.NOTSET


def test_a_level_that_the_program_sets_meanwhile_stays(tmp_path: Path) -> None:
    """The last to leave takes back only what a monitor has set."""
    ours = logging.getLogger("dccd")
    with attached(tmp_path):
        ours.setLevel(logging.ERROR)
    assert ours.level == logging.ERROR


def test_a_log_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    """Whoever wants it elsewhere has it there, and two links to one file are one log."""
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / logs.LOG_FILE).symlink_to(tmp_path / "real.log")
    with attached(tmp_path / "a"), attached(tmp_path / "b"):
        logger.info("once")
    assert (tmp_path / "a" / logs.LOG_FILE).is_symlink()
    assert len((tmp_path / "real.log").read_text().splitlines()) == 1


def test_a_handler_that_was_taken_from_root_comes_back_with_the_next_monitor(tmp_path: Path) -> None:
    """As programs take it that configure logging after the first."""
    root = logging.getLogger()
    with attached(tmp_path):
        (ours,) = (handler for handler in root.handlers if isinstance(handler, SharedRotatingFileHandler))
        root.removeHandler(ours)
        ours.close()
        logger.info("not in the file")
        with attached(tmp_path):
            logger.info("in it")
    assert len(read(tmp_path)) == 1
    assert ours not in root.handlers


def test_a_thousand_monitors_leave_nothing_behind(tmp_path: Path) -> None:
    """No handler, thread, descriptor or level; opened and closed in any order, with records between."""
    (tmp_path / "b").mkdir()
    descriptors = Path("/proc/self/fd")

    def state() -> tuple[object, ...]:
        gc.collect()
        open_files = len(list(descriptors.iterdir())) if descriptors.exists() else 0
        root = logging.getLogger()
        known = len(logging._handlerList)  # type: ignore[attr-defined]  # logging.shutdown goes through it
        return root.handlers[:], logging.getLogger("dccd").level, known, threading.active_count(), open_files

    before = state()
    for number in range(1000):
        first, second = attach(tmp_path), attach(tmp_path / "b")
        logger.info("line %d", number)
        detach(first if number % 2 else second)
        detach(second if number % 2 else first)
    assert state() == before
    for directory in (tmp_path, tmp_path / "b"):
        assert [line.rpartition(" ")[2] for line in read(directory)] == [str(number) for number in range(1000)]


def test_threads_may_open_and_close_monitors(tmp_path: Path) -> None:
    """One directory is open as long as anyone needs it, then not at all."""

    def work() -> None:
        for _ in range(100):
            with attached(tmp_path):
                logger.info("line")

    before = logging.getLogger().handlers[:]
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert logging.getLogger().handlers == before
    assert len(read(tmp_path)) == 800


def program(directory: Path, code: str, **environment: str) -> tuple[list[str], list[str]]:
    """Run a program that attaches to a directory; return its stderr and the log, without times."""
    lines = f"import logging, logging.config, os, sys, threading, warnings\nfrom pathlib import Path\n{_HELP}\n{code}"
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", lines, str(directory)]
    unwanted = {"PYTHONIOENCODING", "PYTHONUTF8", "PYTHONWARNINGS"}
    variables = {name: value for name, value in os.environ.items() if name not in unwanted}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", check=False, timeout=60, env=variables | environment
    )
    assert done.returncode == 0, done.stderr
    log = [line.partition("Z ")[2] for line in read(directory)]
    return [re.sub(r"^\d\S*Z ", "", line) for line in done.stderr.splitlines()], log


_HELP = """
from dccd.daemon.logs import attach, detach
directory = Path(sys.argv[1])
log = logging.getLogger("app")
FORMAT = "mine %(levelname)s %(message)s"
CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"f": {"format": FORMAT}},
    "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
    "root": {"handlers": ["h"]},
}
def mine():
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    return handler
def say():
    log.info("info")
    log.warning("warning")
"""
_OURS = "WARNING app: warning"
_THEIRS = "mine WARNING warning"

CONSOLES = {
    "nothing is configured": ("p = attach(directory); say()", [_OURS], [_OURS]),
    "nothing, and the monitor is closed": ("detach(attach(directory)); say()", ["warning"], []),
    "basicConfig comes before": (
        "logging.basicConfig(format=FORMAT); attach(directory); say()",
        [_THEIRS],
        [_OURS],
    ),
    "basicConfig comes before, and lets INFO pass": (
        "logging.basicConfig(format=FORMAT, level='INFO'); attach(directory); say()",
        ["mine INFO info", _THEIRS],
        ["INFO app: info", _OURS],
    ),
    "basicConfig comes after, and does nothing": (
        "attach(directory); logging.basicConfig(format=FORMAT, level='INFO'); say()",
        [_OURS],
        [_OURS],
    ),
    "basicConfig comes after the monitor is closed": (
        "detach(attach(directory)); logging.basicConfig(format=FORMAT); say()",
        [_THEIRS],
        [],
    ),
    "basicConfig comes after, and takes all handlers away": (
        "p = attach(directory); say(); logging.basicConfig(format=FORMAT, force=True); say(); detach(p); say()",
        [_OURS, _THEIRS, _THEIRS],
        [_OURS],
    ),
    "root gets a handler later": (
        "attach(directory); logging.getLogger().addHandler(mine()); say()",
        [_THEIRS],
        [_OURS],
    ),
    "the logger has a handler of its own": (
        "log.addHandler(mine()); attach(directory); say()",
        [_THEIRS],
        [_OURS],
    ),
    "the logger does not propagate": ("log.propagate = False; attach(directory); say()", ["warning"], []),
    "a NullHandler asks for silence": (
        "logging.getLogger().addHandler(logging.NullHandler()); attach(directory); say()",
        [],
        [_OURS],
    ),
    "dictConfig changes one logger": (
        "attach(directory);logging.config.dictConfig({'version': 1, 'loggers': {'app': {'level': 'INFO'}}}); say()",
        [_OURS],
        ["INFO app: info", _OURS],
    ),
    "dictConfig configures root": (
        "p = attach(directory); logging.config.dictConfig(CONFIG); say(); attach(directory); say(); detach(p)",
        [_THEIRS, _THEIRS],
        [_OURS],
    ),
    "logging is shut down": ("p = attach(directory); logging.shutdown(); say(); detach(p)", [_OURS], [_OURS]),
    "a record does not fit": (
        "attach(directory); log.warning('%d rows', 'many')",
        ["WARNING app: %d rows (not formatted: TypeError, arguments ('many',))"],
        ["WARNING app: %d rows (not formatted: TypeError, arguments ('many',))"],
    ),
    "it ends without closing anything": ("attach(directory); threading.Thread(target=say).start()", [_OURS], [_OURS]),
    "its stderr is gone": ("sys.stderr = None; attach(directory); say()", [], [_OURS]),
    "dccd itself has something to say": (
        "attach(directory); x = logging.getLogger('dccd.x'); x.info('info'); x.debug('debug')",
        [],
        ["INFO dccd.x: info"],
    ),
}


@pytest.mark.parametrize("case", CONSOLES)
def test_the_console_shows_what_it_would_show_without_a_monitor(tmp_path: Path, case: str) -> None:
    """Each warning once, in the program's form where it has one; and all of it is in the file once."""
    code, shown, logged = CONSOLES[case]
    assert program(tmp_path, code) == (shown, logged)


def test_the_file_is_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    """And the console shows what it can."""
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    shown, logged = program(tmp_path, 'attach(directory); log.warning("w\\xf6rld \\u2713 \\udce9")', **plain)
    assert logged == ["WARNING app: wörld ✓ \\udce9"]
    assert shown == ["WARNING app: w\\xf6rld \\u2713 \\udce9"]


_FORK = """
from dccd.daemon import logs
p = attach(directory)
ours = [h for h in logging.getLogger().handlers if isinstance(h, logs.SharedRotatingFileHandler)][0]
held, done = threading.Event(), threading.Event()
def hold():
    with logs._process.lock:
        ours.acquire()
        held.set()
        done.wait()
        ours.release()
holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if child == 0:
    log.warning("child")
    detach(attach(directory))
    log.warning("child again")
    detach(p)
    assert ours not in logging.getLogger().handlers
    sys.stderr.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
done.set()
holder.join()
log.warning("parent")
detach(p)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_logs_to_the_file_of_its_parent(tmp_path: Path) -> None:
    """Whatever another thread was at when it was forked; and closing there leaves the parent alone."""
    shown, logged = program(tmp_path, _FORK)
    assert logged == shown == [f"WARNING app: {text}" for text in ("child", "child again", "parent")]
