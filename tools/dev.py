"""Set up, run, test and document dccd.

Needs Python 3.11 or newer, pip and git; everything else goes into ``.venv``. ``python3 tools/dev.py --help`` lists the
commands. The file itself must load in an older Python, to say what is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "dccd-setup.txt"
DOCS = ROOT / "docs" / "source"
OLDEST_PYTHON = (3, 11)
OLDEST_PIP = (22, 3)  # the first with --python
# What an active virtualenv or a shell profile sets to change which modules a Python finds.
FOREIGN = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in FOREIGN}

LINT = {
    "ruff check": ["ruff", "check", "--quiet"],
    "ruff format": ["ruff", "format", "--quiet", "--check"],
    "mypy": ["mypy"],
    "import-linter": ["lint-imports", "--no-logo"],
    "zizmor": ["zizmor", "--offline", "--no-progress", "--quiet", ".github"],
}
BUILD_DOCS = ["sphinx-build", "-n", "-W", "--keep-going", "-E", "-q", "-b", "html", "docs/source", "docs/build/html"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="dev.py", description="Set up, run, test and document dccd.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="dccd demo; further arguments are passed on")
    commands.add_parser("test", help="all checks, pytest last; with arguments, pytest alone with these")
    commands.add_parser("soak", help="the tests that break things, with many more runs; arguments go to pytest")
    commands.add_parser("docs", help="build the site into docs/build/html")
    commands.add_parser("lint", help="ruff, mypy, import-linter and zizmor")
    commands.add_parser("dist", help="build the wheel and the source distribution, check them, try the wheel alone")
    commands.add_parser("bench", help="measure dccd beside dccd 2.4.0; --write-docs keeps the figures")
    commands.add_parser("lock", help="rewrite requirements/ from pyproject.toml (needs uv)")
    commands.add_parser("clean", help="remove what tests and builds leave behind, but not .venv")
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command not in {"run", "test", "soak", "bench", "lock"}:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    os.chdir(ROOT)
    if options.command in {"lock", "clean"}:
        return lock(rest) if options.command == "lock" else clean()
    set_up("run" if options.command == "run" else "dev")
    actions: dict[str, Callable[[], int]] = {
        "run": lambda: program(["dccd", "demo", *rest]),
        "test": lambda: test(rest),
        "soak": lambda: soak(rest),
        "lint": lambda: finish(failed_steps(LINT)),
        "docs": docs,
        "bench": lambda: program(["python", "-m", "benchmarks", f"--pip={python_with_pip()}", *rest]),
        "dist": lambda: program(["python", "tools/dist.py"]),
    }
    return actions[options.command]()


def docs() -> int:
    """Build the site and say where it is."""
    failed = failed_steps({"docs": BUILD_DOCS})
    say(f"the site: {ROOT / 'docs' / 'build' / 'html' / 'index.html'}")
    return finish(failed)


def set_up(kind: str) -> None:
    """Bring .venv to what requirements/{kind}.txt and pyproject.toml say, unless it is there already."""
    version = python_version(PYTHON)
    if version in stamps(kind):
        return
    if moved():
        version = ""  # the programs of a .venv name its place
    began = time.monotonic()
    say(f"setting up .venv ({'updating' if version else 'first run, a minute or two'}) ...")
    python = python_with_pip()
    if not version:
        check([python, "-m", "venv", "--clear", "--without-pip", str(VENV)], "cannot create .venv")
        version = python_version(PYTHON)
    STAMP.unlink(missing_ok=True)
    pip = [python, "-m", "pip", "--python", str(PYTHON), "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--quiet", "--progress-bar=off"]
    check([*pip, "--require-hashes", "-r", f"requirements/{kind}.txt"], "pip could not install the requirements")
    check([*pip, "--no-deps", "--no-build-isolation", "-e", "."], "pip could not install dccd itself")
    STAMP.write_text(stamp(kind, version), encoding="utf-8")
    say(f"set up in {time.monotonic() - began:.0f} s")


def stamps(kind: str) -> set[str]:
    """Return the Python versions for which .venv already has what `kind` needs."""
    try:
        written = STAMP.read_text(encoding="utf-8")
    except OSError:
        return set()
    # What tests need includes what a run needs.
    return {line for line in written.split()[:1] for name in {kind, "dev"} if written == stamp(name, line)}


def stamp(kind: str, version: str) -> str:
    """Return what a finished set-up leaves in .venv: it differs as soon as another set-up is due."""
    digest = hashlib.sha256()
    for path in (ROOT / "pyproject.toml", ROOT / "requirements" / f"{kind}.txt"):
        digest.update(path.read_bytes())
    return f"{version} {digest.hexdigest()}\n{ROOT}\n"


def moved() -> bool:
    """Return whether .venv was set up for a checkout in another directory."""
    try:
        return str(ROOT) not in STAMP.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False


def python_version(python: Path) -> str:
    """Return the version of an interpreter such as ``3.11``, or nothing if it does not run or is too old."""
    code = "import sys; print('%d.%d' % sys.version_info[:2] if sys.version_info >= (3, 11) else '')"
    try:
        done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def python_with_pip() -> str:
    """Return an interpreter outside any virtualenv if it has pip, else the one in use."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    found = ""
    for python in dict.fromkeys([base, sys.executable]):
        done = subprocess.run(
            [python, "-m", "pip", "--version"], capture_output=True, text=True, check=False, env=ENVIRONMENT
        )
        match = re.match(r"pip (\d+)\.(\d+)", done.stdout)
        if match is not None:
            found = f"{match[1]}.{match[2]}"
            if (int(match[1]), int(match[2])) >= OLDEST_PIP:
                return python
    problem = f"pip {found} of {base} is too old" if found else f"{base} has no pip"
    sys.exit(f"dev.py: {problem}: install pip 22.3 or newer for it (on Debian and Ubuntu: apt install python3-pip)")


def test(arguments: list[str]) -> int:
    """Run every check, pytest last so that its summary ends the output; with arguments, pytest alone."""
    if arguments:
        return program(["pytest", *arguments])
    failed = failed_steps({**LINT, "docs": BUILD_DOCS})
    if failed:
        say(f"FAILED: {', '.join(failed)}; pytest follows")
    say("== pytest")
    return program(["pytest", "--quiet"]) or bool(failed)


def soak(arguments: list[str]) -> int:
    """Run the fault tests with many more runs, each test for an hour at most unless it sets a bound of its own."""
    ENVIRONMENT["DCCD_SOAK"] = "1"
    return program(["pytest", "tests/faults", "--timeout=3600", "--durations=10", *arguments])


def failed_steps(steps: dict[str, list[str]]) -> list[str]:
    """Run all steps, whatever their outcome, and return the names of those that failed."""
    failed = []
    for name, arguments in steps.items():
        say(f"== {name}")
        began = time.monotonic()
        if name == "docs":
            shutil.rmtree(DOCS / "generated", ignore_errors=True)  # a page of a name that is gone would stay
        code = program(arguments)
        say(f"   {'FAILED' if code else 'ok'} in {time.monotonic() - began:.1f} s")
        if code:
            failed.append(name)
    return failed


def finish(failed: list[str]) -> int:
    """Say which steps failed and return the exit code."""
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    return bool(failed)


def lock(arguments: list[str]) -> int:
    """Pin every dependency with its hashes, for every platform and for Python 3.11 to 3.14."""
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("dev.py: lock needs uv, and is the only command that does: install uv first")
    command = [uv, "pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--generate-hashes"]
    command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--annotation-style=line"]
    compiler = [*command, *arguments]
    command = [*compiler, "pyproject.toml"]
    pinned = "--constraint=requirements/dev.txt"
    wanted = {
        "dev": ["--group=dev", "--all-extras"],
        "run": ["--group=build", "--extra=collect", "--extra=metrics", "--extra=socks", pinned],
        "core": [pinned],
    }
    for kind, selection in wanted.items():
        compile_to(f"requirements/{kind}.txt", [*command, *selection])
    compile_to("benchmarks/requirements/collect.txt", [*command, "--extra=collect", pinned])
    compile_to("benchmarks/requirements/peer.txt", [*compiler, "benchmarks/requirements/peer.in"])
    return 0


def compile_to(path: str, command: list[str]) -> None:
    """Write one file of pinned requirements."""
    check([*command, f"--output-file={path}"], f"uv could not write {path}")
    if "://" in (ROOT / path).read_text(encoding="utf-8"):
        sys.exit(f"dev.py: {path} contains an address: remove it from the configuration of uv")


def clean() -> int:
    """Remove what tests and builds leave behind."""
    leftovers = ["build", "dist", "docs/build", "docs/source/generated", "src/**/__pycache__", "tests/**/__pycache__"]
    leftovers += [".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"]
    for pattern in leftovers:
        for path in list(ROOT.glob(pattern)):
            shutil.rmtree(path)
    return 0


def program(arguments: list[str]) -> int:
    """Run a program of .venv with the terminal as it is, and return its exit code."""
    return subprocess.run([PYTHON.with_name(arguments[0]), *arguments[1:]], check=False, env=ENVIRONMENT).returncode


def check(command: list[str], problem: str) -> None:
    """Run a command that must succeed."""
    if subprocess.run(command, check=False, env=ENVIRONMENT, stdout=sys.stderr).returncode:
        sys.exit(f"dev.py: {problem}; what went wrong is above")


def say(text: str) -> None:
    """Print a line at once, before whatever a program started next prints."""
    print(text, flush=True)


if __name__ == "__main__":
    if sys.version_info < OLDEST_PYTHON:
        sys.exit("dev.py: dccd needs Python 3.11 or newer, this is {}.{}".format(*sys.version_info))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
