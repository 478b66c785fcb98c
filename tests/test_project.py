"""The promises of the package as a whole: its names, its weight, its documentation, its files."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from numpydoc.validate import validate

import dccd

ROOT = Path(__file__).parent.parent
MODULES = ["dccd", *(m.name for m in pkgutil.walk_packages(dccd.__path__, "dccd.") if not m.name.endswith("__main__"))]
PACKAGES = ["dccd", *(module.name for module in pkgutil.walk_packages(dccd.__path__, "dccd.") if module.ispkg)]
# What is public: the reference lists it.
DOORS = re.findall(
    r"^\.\. automodule:: (\S+)$", (ROOT / "docs/source/reference.rst").read_text(encoding="utf-8"), re.MULTILINE
)
# Checks that would ask for padding rather than for information.
NOT_ASKED = {
    "ES01",  # a summary may say it all
    "EX01",  # an example where it helps; pytest runs those there are
    "GL01",  # ruff holds the layout of docstrings
    "GL02",
    "PR08",  # descriptions may start with a value (``auto``) or a name
    "RT02",  # a returned value may have a name
    "SA01",  # a See Also where it helps
    "SS05",  # "Address" and "Does" end in s too; ruff D401 knows verbs
}
HEAVY = ["apscheduler", "ccxt", "filelock", "pyarrow", "pydantic", "pydantic_settings", "requests", "tenacity"]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_door_lists_what_is_there(name: str) -> None:
    """Every name in `__all__` exists and is there once."""
    module = importlib.import_module(name)
    exported: list[str] = module.__all__
    assert len(exported) == len(set(exported))
    for each in exported:
        assert getattr(module, each) is not None


def documented_objects() -> list[str]:
    """Return the full name of each object that the reference lists and of its public methods, once, at its home."""
    names: dict[str, None] = {}
    for name in reference():
        value = pkgutil.resolve_name(name)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        home = f"{value.__module__}.{value.__qualname__}"
        names[home] = None
        if inspect.isclass(value):
            names.update(dict.fromkeys(f"{home}.{method}" for method in public_members(value)))
    return list(names)


def reference() -> list[str]:
    """Return the full names that the reference lists."""
    text = (ROOT / "docs/source/reference.rst").read_text(encoding="utf-8")
    names, module = [], ""
    for line in text.splitlines():
        if found := re.match(r"\.\. automodule:: (\S+)", line):
            module = found[1]
        elif found := re.match(r"\.\. autoclass:: (\S+)", line):
            names.append(found[1])
        elif found := re.match(r"   ([A-Za-z_]\w*)$", line):
            names.append(f"{module}.{found[1]}")
    return names


def test_the_reference_lists_every_public_name() -> None:
    """What a public module exports is on its page; what is for ourselves is left out."""
    listed = {name.rpartition(".")[2] for name in reference()}
    listed |= {"Candle", "SourceFactory", "SYSTEM_CLOCK", "close_all"}
    inner = set(importlib.import_module("dccd.daemon.config").__all__) - set(importlib.import_module("dccd").__all__)
    missing = {name for module in DOORS for name in importlib.import_module(module).__all__} - listed - inner
    assert not missing


def public_members(owner: type) -> list[str]:
    """Return the names of the methods and properties a class adds to its bases, whose documentation it inherits."""
    kinds = (property, classmethod, staticmethod)
    return [
        name
        for name, value in vars(owner).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, kinds))
        and not any(hasattr(base, name) for base in owner.__mro__[1:])
    ]


def inherits_its_signature(value: object) -> bool:
    """Return whether a class is constructed as another package says: a protocol, or a handler of logging."""
    return inspect.isclass(value) and not any(
        {"__init__", "__new__"} & set(vars(base)) or hasattr(base, "model_fields")
        for base in value.__mro__
        if base.__module__.startswith("dccd.") and not getattr(base, "_is_protocol", False)
    )


@pytest.mark.parametrize("name", documented_objects())
def test_a_public_object_has_a_complete_numpydoc_docstring(name: str) -> None:
    """Summary, parameters in order, returns and yields are documented, in sections numpydoc knows."""
    skipped = NOT_ASKED | ({"PR01"} if inherits_its_signature(pkgutil.resolve_name(name)) else set())
    problems = {code: text for code, text in validate(name)["errors"] if code not in skipped}
    assert not problems


def test_every_module_has_a_floor() -> None:
    """The contract of the floors covers each module, so that a new one cannot stand outside the house."""
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    floors = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    facades = {"dccd", "dccd.daemon"}
    homeless = [name for name in MODULES if not any(name == floor or name.startswith(f"{floor}.") for floor in floors)]
    assert set(homeless) <= facades


@pytest.mark.parametrize("name", ["dccd.daemon.health", "dccd.daemon", "dccd"])
def test_importing_the_monitor_loads_nothing_heavy(name: str) -> None:
    """What HealthMonitor needs only later is imported only then."""
    code = f"import sys, {name}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


def test_the_version_is_the_same_everywhere() -> None:
    """`dccd.__version__` is the version of the distribution."""
    assert pyproject()["project"]["version"] == dccd.__version__


def test_no_file_names_a_registry_or_a_home_directory() -> None:
    """Files work from any mirror and tell nothing about the machine they were written on."""
    hosts = ["pypi" + ".org", "python" + "hosted.org"]
    forbidden = re.compile("|".join([*map(re.escape, hosts), re.escape(str(ROOT)) + r"\b", r"/(?:home|Users)/\w"]))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match[0]}"
        for path in project_files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := forbidden.search(line))
    ]
    assert not found


def pyproject() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def project_files() -> list[Path]:
    """Return the files git has or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not in a git checkout")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]
