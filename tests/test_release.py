"""What is released: the wheel and the source distribution."""

import email
import hashlib
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import dccd

ROOT = Path(__file__).parent.parent


def build(target: Path, kind: str) -> Path:
    """Return what hatchling makes of the checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={"SOURCE_DATE_EPOCH": "1700000000"})
    [built] = target.iterdir()
    return built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built once."""
    return build(tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture
def metadata(wheel: Path) -> Message:
    """Return the metadata of the wheel."""
    with zipfile.ZipFile(wheel) as packed:
        [name] = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(packed.read(name))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, the marker that says it is typed, the licence; no tests."""
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    information = {name for name in names if ".dist-info/" in name}
    source = ROOT / "src"
    modules = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.suffix in {".py", ".typed"}}
    assert names - information == modules
    assert "dccd/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in information)


def test_the_wheel_is_the_same_each_time(wheel: Path, tmp_path: Path) -> None:
    """To the byte, so that anyone can check who built it from what."""
    again = build(tmp_path, "wheel")
    assert hashlib.sha256(again.read_bytes()).hexdigest() == hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_the_metadata_say_what_is_needed(metadata: Message) -> None:
    """The core brings no package of an extra; each extra brings its own."""
    needed = metadata.get_all("Requires-Dist") or []
    core = {line.split(">")[0].strip() for line in needed if "extra ==" not in line}
    assert metadata["Version"] == dccd.__version__
    assert metadata["License-Expression"] == "MIT"
    assert {"requests", "tenacity", "pydantic-settings"} <= core
    assert not core & {"ccxt", "pyarrow", "prometheus-client", "pyyaml", "apprise", "pysocks"}
    assert set(metadata.get_all("Provides-Extra") or []) == {"apprise", "collect", "metrics", "migrate", "socks"}
    assert metadata.get_all("Project-URL") is None  # none is invented


def test_the_source_distribution_can_be_tested(tmp_path: Path) -> None:
    """It holds what the tests and the documentation read; nothing that a build left behind."""
    with tarfile.open(build(tmp_path, "sdist")) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    for wanted in ("tests/conftest.py", "docs/source/index.rst", "tools/dev.py", "requirements/dev.txt", "mypy.ini"):
        assert wanted in names
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy").rglob("*") if path.is_file()} <= names
    assert not [name for name in names if "__pycache__" in name or "/generated/" in name or name.startswith(".venv")]
