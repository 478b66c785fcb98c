"""How long patterns take on text that somebody else chose."""

import importlib
import pkgutil
import re
from collections.abc import Callable
from time import perf_counter

import pytest

import dccd
from dccd.daemon.sanitize import describe
from dccd.redact import hide_secrets, redact

SHORT, TIMES = 1_500, 8
FREE_SECONDS = 0.05  # what is done in this time is no trouble, and too short to compare
ADDRESS = "GET https://api.example.org/x?a=1 "
BEGINNINGS = ("", ADDRESS, f"{ADDRESS}https://", f"{ADDRESS}https://user:", "?a=1&", "Authorization: Bearer ", "'", "[")
OF_SETTINGS = ("dccd.daemon.config", "dccd.lake.layout", "dccd.daemon.state.json_text")  # matched where a text begins
UNITS = (
    *"-.@/:?&=;_ '\"[]<>a0\\\n\t",
    *("ab-", "f0.", "a:", "a@", "a=", "x-", "://", "a://", "a:b://", "a:b@://", "a:b/", "http://", "http://x:", "/@"),
    *("a.webhook.", "discord.com/", "?a.", "&key", "&key=", "?api_", "bearer ", "authorization:", ":1", "ab' ", "_1_"),
)


def modules() -> list[str]:
    """Return the modules whose patterns see text that somebody else chose."""
    return [
        module.name
        for module in pkgutil.walk_packages(dccd.__path__, "dccd.")
        if "__main__" not in module.name and not module.name.startswith(OF_SETTINGS)
    ]


def patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return the patterns for text that modules keep, by name."""
    found = {}
    for name in modules():
        for what, value in vars(importlib.import_module(name)).items():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                found[f"{name}.{what}"] = value
    return sorted(found.items())


def least(work: Callable[[str], object], text: str) -> float:
    """Return the least of the times of five tries."""
    times = []
    for _ in range(5):
        begun = perf_counter()
        work(text)
        times.append(perf_counter() - begun)
        if times[-1] < FREE_SECONDS:
            break
    return min(times)


def slow(work: Callable[[str], object]) -> str | None:
    """Return a text for which eight times the length takes more than twenty times as long, or None."""
    for beginning in BEGINNINGS:
        for unit in UNITS:
            count = SHORT // len(unit)
            long = least(work, beginning + unit * count * TIMES)
            if long > FREE_SECONDS and long > 20 * least(work, beginning + unit * count):
                return f"{beginning}{unit}{unit}..."
    return None


@pytest.mark.parametrize("pattern", [pytest.param(pattern, id=name) for name, pattern in patterns()])
def test_a_pattern_takes_time_in_proportion_to_the_text(pattern: re.Pattern[str]) -> None:
    """Whatever the text repeats, searched for and replaced."""
    assert slow(lambda text: pattern.sub("", text)) is None


def test_hiding_secrets_takes_time_in_proportion_to_the_text() -> None:
    """With a secret registered, too."""
    with hide_secrets("https://user:p@ss/w@example.com/hook/s3cret-token?key=an0ther"):
        assert slow(redact) is None


def test_an_error_is_read_to_a_bound() -> None:
    """A page or a dump of any length costs no more than one of 20,000 characters."""

    def reading(length: int) -> float:
        error = ValueError("https://a:b@c " * (length // 14))
        return min(least(describe, error) for _ in range(5))  # type: ignore[arg-type]  # an error, not its text

    assert reading(4_000_000) < 4 * reading(100_000) + 0.02
