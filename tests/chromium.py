"""Chromium without its window, as a browser for tests."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bs4 import BeautifulSoup

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--dump-dom",
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the browser has made it, and what it wrote to its console."""

    document: BeautifulSoup
    console: list[str]


@dataclass(frozen=True, slots=True)
class Browser:
    """Opens addresses, each in a process of its own."""

    program: str
    profile: Path

    def open(self, address: str, milliseconds: int = 20_000) -> Page:
        """Return a page as it is after a while, which costs no time where nothing happens."""
        options = (f"--user-data-dir={self.profile}", f"--virtual-time-budget={milliseconds}")
        done = subprocess.run(
            [self.program, *_FLAGS, *options, address], capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stderr
        return Page(BeautifulSoup(done.stdout, "html.parser"), re.findall(r"CONSOLE.*", done.stderr))
