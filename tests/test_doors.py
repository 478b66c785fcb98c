"""A package is entered by its door: what its ``__init__`` lists, and nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"
# Modules behind a door that are public under names of their own: the reference lists what is in them.
PUBLIC = {"dccd.testing.market", "dccd.testing.server", "dccd.testing.faults"}
FACADES = {"dccd", "dccd.daemon"}


def breaches(source: Path) -> Iterator[str]:
    """Yield each import that comes past a door."""
    packages = {name_of(path.parent, source): listed(path) for path in source.rglob("__init__.py")}
    rooms = {name: names for name, names in packages.items() if name not in FACADES}
    for path in source.rglob("*.py"):
        importer = name_of(path.parent if path.name == "__init__.py" else path, source)
        for line, module, name in imports(path):
            for room, names in rooms.items():
                is_inside = f"{importer}.".startswith(f"{room}.")
                if is_inside or not f"{module}.".startswith(f"{room}.") or module in PUBLIC:
                    continue
                # A room within a room has a door of its own.
                if module != room and not any(inner.startswith(f"{room}.") for inner in rooms if inner == module):
                    yield f"{path.relative_to(source)}:{line}: {module} is behind the door of {room}"
                elif module == room and name not in names:
                    yield f"{path.relative_to(source)}:{line}: {room} does not list {name}"


def name_of(path: Path, source: Path) -> str:
    """Return the dotted name of a module or package."""
    return ".".join(path.relative_to(source).with_suffix("").parts)


def listed(path: Path) -> set[str]:
    """Return the names in ``__all__`` of a file."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__" and isinstance(node, ast.Assign | ast.AnnAssign):
            return set(ast.literal_eval(node.value)) if node.value is not None else set()
    return set()


def imports(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the module and the name of each import of dccd in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and f"{node.module}.".startswith("dccd."):
            yield from ((node.lineno, node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, "") for alias in node.names if f"{alias.name}.".startswith("dccd."))


def test_every_package_is_entered_by_its_door() -> None:
    """What a package does not list is its own affair, for the type checker and within functions too."""
    assert list(breaches(SOURCE)) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("from dccd.disk.files import replace", "dccd.disk.files is behind the door of dccd.disk"),
        ("from dccd.disk import locks", "dccd.disk does not list locks"),
        ("import dccd.disk.files", "dccd.disk.files is behind the door of dccd.disk"),
        ("def f():\n    from dccd.disk.files import replace", "behind the door"),
        ("from dccd.disk import files", ""),
    ],
)
def test_an_import_past_a_door_is_found(tmp_path: Path, statement: str, said: str) -> None:
    """In a small house made for the purpose."""
    disk = tmp_path / "dccd" / "disk"
    disk.mkdir(parents=True)
    (tmp_path / "dccd" / "__init__.py").touch()
    (disk / "__init__.py").write_text('from dccd.disk import files\n__all__ = ["files"]\n')
    (disk / "files.py").touch()
    (tmp_path / "dccd" / "user.py").write_text(f"{statement}\n")
    found = list(breaches(tmp_path))
    assert said in "\n".join(found)
    assert bool(said) == bool(found)
