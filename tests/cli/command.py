"""The command ``dccd`` within the process of the tests."""

import sys
from dataclasses import dataclass

import pytest

from dccd.cli import main


@dataclass(frozen=True, slots=True)
class Command:
    """Runs the command."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return its exit code, its output and its errors."""
        self.monkeypatch.setattr(sys, "argv", ["dccd", *arguments])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = self.capsys.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        assert "Traceback" not in said.err
        return code, said.out, said.err
