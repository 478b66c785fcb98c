"""Build the wheel and the source distribution, check them, and try the wheel alone.

``python3 tools/dev.py dist`` calls it, in the environment that has the tools.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
BASE: str = getattr(sys, "_base_executable", sys.executable)
OLDEST = "315532800"  # 1980, before which a zip file has no dates


def main() -> int:
    """Make dist/ anew, or test what is there, and return the exit code."""
    if sys.argv[1:] == ["--test"]:
        return test_installed()
    shutil.rmtree(DIST, ignore_errors=True)
    source, wheel = build(DIST)
    program("twine", "check", "--strict", str(source), str(wheel))
    program("check-wheel-contents", "--config", str(ROOT / "pyproject.toml"), str(wheel))
    try_alone(wheel)
    print(f"\n{source.relative_to(ROOT)}\n{wheel.relative_to(ROOT)}")
    return 0


def test_installed() -> int:
    """Run the tests against the wheel, in a copy of the checkout that has no source.

    Its environment is a copy of ours with the wheel in place of the checkout. What only the source can show, its own
    doctests and the making of the wheel, is left out.
    """
    [wheel] = DIST.glob("*.whl")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "checkout"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("src", ".venv", "dist", "__pycache__", ".*_cache"))
        python = environment_in(Path(scratch) / "venv")
        install(python, "--require-hashes", "-r", str(ROOT / "requirements" / "dev.txt"))
        install(python, "--no-deps", str(wheel))
        command = [
            str(python),
            "-m",
            "pytest",
            "-q",
            "tests",
            "--ignore=tests/test_release.py",
            "--ignore=tests/test_project.py",
        ]
        return subprocess.run(command, cwd=copy, check=False).returncode


def environment_in(directory: Path) -> Path:
    """Return the interpreter of a new environment."""
    venv.create(directory, with_pip=False)
    return directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(python: Path, *what: str) -> None:
    """Install into an environment, with the pip of the interpreter that ours was made with, as ours has none."""
    pip = [BASE, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, *what], check=True)


def build(target: Path) -> tuple[Path, Path]:
    """Build the source distribution from the checkout, and the wheel from the source distribution."""
    with tempfile.TemporaryDirectory() as scratch:
        hatchling(ROOT, target, "sdist")
        [source] = target.glob("*.tar.gz")
        with tarfile.open(source) as packed:
            packed.extractall(scratch, filter="data")
        [unpacked] = Path(scratch).iterdir()
        hatchling(unpacked, target, "wheel")
    [wheel] = target.glob("*.whl")
    return source, wheel


def hatchling(directory: Path, target: Path, kind: str) -> None:
    """Build one of the two; what is built twice from the same commit is the same to the byte."""
    date = os.environ.get("SOURCE_DATE_EPOCH") or last_commit() or OLDEST
    variables = {**os.environ, "SOURCE_DATE_EPOCH": date}
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=directory, env=variables, check=True, stdout=subprocess.DEVNULL)


def last_commit() -> str:
    """Return when the last commit was made, in Unix seconds; nothing where there is no history."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "log", "-1", "--format=%ct"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def program(name: str, *arguments: str) -> None:
    """Run a tool of this environment, which must succeed."""
    subprocess.run([Path(sys.executable).with_name(name), *arguments], check=True)


def try_alone(wheel: Path) -> None:
    """Install the wheel with the core requirements only, away from the checkout, and use it."""
    with tempfile.TemporaryDirectory() as scratch:
        python = environment_in(Path(scratch))
        install(python, "--require-hashes", "-r", str(ROOT / "requirements" / "core.txt"))
        install(python, "--no-deps", str(wheel))
        command = python.with_name("dccd.exe" if os.name == "nt" else "dccd")
        said = subprocess.run([command, "--version"], cwd=scratch, capture_output=True, text=True, check=True).stdout
        print(said, end="")
        if str(ROOT) in said:
            sys.exit("dist: the command is that of the checkout, not that of the wheel")
        lacking = subprocess.run([command, "demo"], cwd=scratch, capture_output=True, text=True, check=False)
        print(f"$ dccd demo\n{lacking.stderr}", end="")
        if lacking.returncode != 1 or "collect" not in lacking.stderr or "Traceback" in lacking.stderr:
            sys.exit("dist: without the extra, dccd demo does not say which one it needs")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(f"dist: {Path(error.cmd[0]).name} failed")
