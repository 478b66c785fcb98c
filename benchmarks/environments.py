"""Environments of their own for the packages measured, below ``build``, and the processes that run in them."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["BUILD", "Environment", "Worker", "dccd", "environment", "worker"]

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = ROOT / "build" / "bench"
REQUIREMENTS: Final = Path(__file__).resolve().parent / "requirements"


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment with one version of dccd."""

    directory: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._programs / f"python{self._suffix}"

    @property
    def command(self) -> Path:
        """Its ``dccd``."""
        return self._programs / f"dccd{self._suffix}"

    @property
    def _programs(self) -> Path:
        return self.directory / ("Scripts" if os.name == "nt" else "bin")

    @property
    def _suffix(self) -> str:
        return ".exe" if os.name == "nt" else ""

    def weight(self) -> tuple[int, int]:
        """Return how many packages are installed, and their bytes."""
        done = subprocess.run(
            [self.python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        site = Path(done.stdout.strip())
        installed = len(list(site.glob("*.dist-info")))
        return installed, sum(file.lstat().st_size for file in site.rglob("*") if file.is_file())


def environment(name: str, pip: str) -> Environment:
    """Make the environment that a file of requirements describes, unless it is there.

    Parameters
    ----------
    name : str
        ``peer``, ``core`` or ``collect``.
    pip : str
        An interpreter that has pip.

    Returns
    -------
    Environment
        It has no pip of its own.
    """
    made = Environment(BUILD / name)
    wanted = (ROOT / "requirements" if name == "core" else REQUIREMENTS) / f"{name}.txt"
    stamp = made.directory / "stamp.txt"
    digest = f"{sys.version} {hashlib.sha256(wanted.read_bytes()).hexdigest()}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != digest:
        _say(f"installing {name} ...")
        shutil.rmtree(made.directory, ignore_errors=True)
        subprocess.run([pip, "-m", "venv", "--without-pip", made.directory], check=True)
        _install(made, pip, "--require-hashes", "-r", str(wanted))
        stamp.write_text(digest, encoding="utf-8")
    return made


def dccd(name: str, pip: str) -> Environment:
    """Make an environment with this checkout in it, built as it would be published.

    Parameters
    ----------
    name : str
        ``core`` or ``collect``.
    pip : str
        An interpreter that has pip.

    Returns
    -------
    Environment
        What is installed in it is a copy: it does not follow later changes.
    """
    made = environment(name, pip)
    wheels = BUILD / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = wheels.glob("*.whl")
    _install(made, pip, "--no-deps", "--force-reinstall", str(wheel))
    return made


class Worker:
    """A process in an environment that carries out orders.

    Parameters
    ----------
    process : subprocess.Popen
        It runs worker.py.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, do: str, **arguments: object) -> Any:  # noqa: ANN401 - each order has an answer of its own
        """Give an order and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            sys.exit(f"benchmarks: a worker ended at {do}; what went wrong is above")
        return json.loads(answer)


@contextmanager
def worker(place: Environment) -> Iterator[Worker]:
    """Run a worker for as long as the context lasts."""
    program = Path(__file__).with_name("worker.py")
    with subprocess.Popen(
        [place.python, "-I", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            yield Worker(process)
        except BaseException:
            process.kill()
            raise


def _install(made: Environment, pip: str, *arguments: str) -> None:
    options = ["--disable-pip-version-check", "--no-input", "--quiet", "--progress-bar=off"]
    command = [pip, "-m", "pip", "--python", str(made.python), "install", *options, *arguments]
    subprocess.run(command, check=True, stdout=sys.stderr)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
