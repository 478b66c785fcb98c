"""Surroundings that a test makes up: nothing of this machine is read."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dccd.daemon.config.load import Surroundings, Traced, trace
from dccd.daemon.config.sources import of_arguments
from dccd.errors import ConfigError


@dataclass
class Place:
    """A working directory, an environment, and a directory of secrets."""

    path: Path
    environ: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file, relative to the working directory."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, path: Path | None = None, **arguments: Any) -> Traced:
        """Load what is here."""
        elsewhere = (self.path / "user", self.path / "site")
        around = Surroundings(self.environ, self.path, config_directories=elsewhere, secrets=self.path / "run")
        return trace(around, path, of_arguments(arguments))

    def problems(self, path: Path | None = None, **arguments: Any) -> list[str]:
        """Return what is wrong, a line each, with paths relative to the working directory."""
        with pytest.raises(ConfigError) as caught:
            self.load(path, **arguments)
        assert caught.value.__cause__ is None
        return self.relative(str(caught.value)).splitlines()

    def relative(self, text: str) -> str:
        """Return a text with paths relative to the working directory."""
        return text.replace(f"{self.path}/", "")
