"""What every test has: the state of the process as it found it, and settings of hypothesis."""

import logging
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from tests.chromium import PROGRAMS, Browser

from dccd.testing import WebhookReceiver

settings.register_profile("dccd", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dccd")


class Isolation:
    """Fixtures for every test, the doctests in src and docs included."""

    @pytest.fixture(autouse=True)
    def _no_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in os.environ:
            if name.upper().startswith("DCCD_"):
                monkeypatch.delenv(name)
        for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
            monkeypatch.delenv(name, raising=False)

    @pytest.fixture(autouse=True)
    def _process_as_found(self, _no_settings: None) -> Iterator[None]:
        environment, directory = dict(os.environ), os.getcwd()  # noqa: PTH109 - restored below, as it was
        handled = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        loggers = {name: _state(logging.getLogger(name)) for name in (None, "dccd", "apscheduler")}
        yield
        for number, handler in handled.items():
            if signal.getsignal(number) is not handler and threading.current_thread() is threading.main_thread():
                signal.signal(number, handler)
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(environment)
        for thread in threading.enumerate():
            if thread.name.startswith("dccd"):  # one that closing did not wait for would log in the next test
                thread.join(10)
        left_behind = _restore(loggers)
        if (health := sys.modules.get("dccd.daemon.health")) is not None:
            health.close_all()  # so that one test's omission is its failure alone
        assert not left_behind, f"handlers left behind: {left_behind}; close the monitor that the test opened"


_LoggerState = tuple[list[logging.Handler], int, bool, bool]


def _state(logger: logging.Logger) -> _LoggerState:
    return list(logger.handlers), logger.level, logger.propagate, logger.disabled


def _restore(loggers: dict[str | None, _LoggerState]) -> list[logging.Handler]:
    left_behind = []
    for name, (handlers, level, propagate, disabled) in loggers.items():
        logger = logging.getLogger(name)
        for handler in [handler for handler in logger.handlers if handler not in handlers]:
            logger.removeHandler(handler)
            if not type(handler).__module__.startswith("_pytest."):
                handler.close()
                left_behind.append(handler)
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled
    return left_behind


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """Return a receiver that serves."""
    with WebhookReceiver() as serving:
        yield serving


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    """Return a browser; without one on the machine the test is skipped."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    return Browser(program, tmp_path / "profile")


def pytest_configure(config: pytest.Config) -> None:
    """Register the fixtures as a plugin: those of a conftest hold for its own directory only."""
    config.pluginmanager.register(Isolation(), "dccd-isolation")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background; the commands under test heed it
        signal.signal(signal.SIGINT, signal.default_int_handler)
