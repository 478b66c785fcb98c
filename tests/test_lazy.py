"""Names of a package that are loaded when they are first used."""

import subprocess
import sys

import pytest

import dccd
import dccd.daemon
from dccd._lazy import load_lazily

NAMES = {".units": ("parse_duration",), ".clock": ("Clock", "SystemClock")}


def test_a_name_comes_from_the_module_that_is_listed_with_it() -> None:
    """The module is found from the package."""
    from dccd.clock import SystemClock

    assert load_lazily("dccd", "SystemClock", NAMES) is SystemClock


@pytest.mark.parametrize("name", ["SYSTEM_CLOCK", "clock", ""])
def test_a_name_that_is_not_listed_is_an_attribute_error(name: str) -> None:
    """Also if the module has it."""
    with pytest.raises(AttributeError, match=f"module 'dccd' has no attribute '{name}'"):
        load_lazily("dccd", name, NAMES)


@pytest.mark.parametrize("name", dccd.daemon.__all__)
def test_the_names_of_the_daemon_are_names_of_dccd(name: str) -> None:
    """They are the same objects, and `dir` lists them."""
    assert getattr(dccd, name) is getattr(dccd.daemon, name)
    assert name in dir(dccd)


def test_a_misspelt_name_cannot_be_imported() -> None:
    """The error is that of any module."""
    with pytest.raises(AttributeError, match="module 'dccd' has no attribute 'HealthMonitr'"):
        dccd.HealthMonitr  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'HealthMonitr' from 'dccd'"):
        from dccd import HealthMonitr  # noqa: F401


def test_the_monitor_is_loaded_with_nothing_heavy() -> None:
    """Neither does importing the package load the monitor."""
    code = """
import sys
import dccd
before = "dccd.daemon.health" in sys.modules
from dccd import HealthMonitor, read_metrics
heavy = {"apscheduler", "ccxt", "filelock", "pyarrow", "pydantic", "requests", "tenacity"}
print(before, HealthMonitor.__name__, sorted(heavy & {*sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False HealthMonitor []"
