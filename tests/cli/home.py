"""A home in which the command runs as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from dccd.testing import LoopbackExchange


class Home:
    """An empty home with a working directory, in which the command runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.env = {"HOME": str(path), "PATH": os.environ["PATH"], "COLUMNS": "200", "PYTHONWARNINGS": "error"}
        if "PYTHONPATH" in os.environ:
            self.env["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def write(self, text: str) -> None:
        """Write the configuration; data go to a directory of the home."""
        (self.path / "dccd.toml").write_text(f'[storage]\nlocal_path = "data"\n{text}', encoding="utf-8")

    def dccd(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "dccd", *arguments],
            cwd=self.path,
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def job(exchange: LoopbackExchange, *pairs: str, timeframe: str = "1h") -> str:
    """Return a job of binance as TOML."""
    return (
        f'[[histo_jobs]]\nexchange = "binance"\npairs = {list(pairs)}\n'
        f'timeframe = "{timeframe}"\nbase_url = "{exchange.url}"\n'
    )
