"""The types, as users' checkers see them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "typed_user"
PYRIGHT = Path(sys.executable).with_name("pyright")
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="pyright needs node, and there is none")


def pyright(directory: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    """Return the exit code of pyright in strict mode, and what it says; it asks no network."""
    settings = {"typeCheckingMode": "strict", "venvPath": str(Path(sys.prefix).parent), "venv": Path(sys.prefix).name}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "VIRTUAL_ENV": sys.prefix}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = [str(PYRIGHT), "--outputjson", *arguments]
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def mypy(path: Path) -> subprocess.CompletedProcess[str]:
    """Return what mypy says in strict mode, without the plugin of pydantic, which users may not have."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=mypy", "--no-error-summary"]
    return subprocess.run([*command, path.name], capture_output=True, text=True, check=False, cwd=path.parent)


@pytest.fixture(name="program")
def program_(tmp_path: Path) -> Path:
    """What is right, in a directory of its own."""
    return Path(shutil.copy(HERE / "program.py", tmp_path))


@pytest.fixture(name="mistakes")
def mistakes_(tmp_path: Path) -> Path:
    """What is wrong; kept as text, so that nothing else of the project takes it for a module."""
    return Path(shutil.copy(HERE / "mistakes.txt", tmp_path / "mistakes.py"))


def test_a_program_of_a_user_passes_mypy(program: Path) -> None:
    """Plain texts and lists are fine where the models take them."""
    done = mypy(program)
    assert (done.returncode, done.stdout) == (0, "")


def test_mistakes_of_a_user_are_seen_by_mypy(mistakes: Path) -> None:
    """One for each line."""
    done = mypy(mistakes)
    assert [line.split(":")[1] for line in done.stdout.splitlines() if ": error:" in line] == ["5", "6", "7"]


@needs_node
def test_a_program_of_a_user_passes_pyright(program: Path) -> None:
    """In strict mode."""
    code, said = pyright(program.parent, program.name)
    assert said["generalDiagnostics"] == []
    assert code == 0


@needs_node
def test_mistakes_of_a_user_are_seen_by_pyright(mistakes: Path) -> None:
    """So that passing means something."""
    _, said = pyright(mistakes.parent, mistakes.name)
    found = said["generalDiagnostics"]
    assert isinstance(found, list)
    assert sorted({each["range"]["start"]["line"] + 1 for each in found}) == [5, 6, 7]


@needs_node
def test_every_public_type_is_known(tmp_path: Path) -> None:
    """Whoever imports dccd gets no unknown type from it."""
    _, said = pyright(tmp_path, "--verifytypes", "dccd", "--ignoreexternal")
    completeness = said["typeCompleteness"]
    assert isinstance(completeness, dict)
    unknown = [
        f"{symbol['name']}: {problem['message']}"
        for symbol in completeness["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"]
        for problem in symbol["diagnostics"]
    ]
    assert unknown == []
    assert completeness["completenessScore"] == 1
