"""Settings from TOML files."""

from pathlib import Path

import pytest
from tests.daemon.config.surroundings import Place


@pytest.mark.parametrize("name", ["dccd.toml", "user/dccd.toml", "site/dccd.toml", "pyproject.toml", ".env"])
def test_a_byte_order_mark_and_ends_of_lines_of_windows_do_no_harm(place: Place, name: str) -> None:
    """As editors there write them."""
    table = "[tool.dccd.alerts]" if name == "pyproject.toml" else "[alerts]"
    text = "DCCD_ALERTS__SOURCE=x\r\n" if name == ".env" else f"{table}\r\nsource = 'x'\r\n"
    place.write(name, b"\xef\xbb\xbf" + text.encode())
    traced = place.load()
    assert traced.config.alerts.source == "x"
    assert place.relative(traced.origins["alerts.source"]) == f"{name}:{1 if name == '.env' else 2}"


def test_yaml_is_told_from_toml(place: Place) -> None:
    """It is probably a file of dccd 2.x."""
    path = place.write("config.yml", "storage:\n  local_path: /data\n")
    assert place.problems(path) == [
        "config.yml: is YAML, not TOML: dccd migrate config.yml converts a file of dccd 2.x"
    ]


def test_a_file_that_is_there_and_cannot_be_read_is_no_default(place: Place) -> None:
    """Docker makes a directory of a file it cannot mount; a link may be broken or lead to itself."""
    path = place.path / "dccd.toml"
    path.mkdir()
    place.write("user/dccd.toml", "[log]\nlevel = 'DEBUG'\n")
    assert place.problems() == ["dccd.toml cannot be read (Is a directory): give the path of a TOML file"]
    path.rmdir()
    for target in ("nothing", "dccd.toml"):
        path.symlink_to(target)
        [line] = place.problems()
        assert line.startswith("dccd.toml cannot be read (")
        path.unlink()
    assert place.load().config.log.level == "DEBUG"


@pytest.mark.parametrize("name", ["dccd.toml", "pyproject.toml"])
@pytest.mark.parametrize(
    "text",
    [
        f"[{'.'.join('a' * 2000)}]\n",
        f"{'.'.join('a' * 2000)} = 1\n",
        f"a = {'{a = ' * 150}1{'}' * 150}\n",
        f"a = {'[' * 150}{']' * 150}\n",
        f"a = {'[' * 5000}{']' * 5000}\n",
    ],
    ids=["table", "key", "inline", "list", "deep list"],
)
def test_a_table_that_is_nested_too_deeply_is_told(place: Place, name: str, text: str) -> None:
    """What reads settings goes down by recursion, and would end in a traceback."""
    place.write(name, text)
    assert place.problems() == [f"{name}: is nested too deeply to be read"]


@pytest.mark.parametrize("written", ['"/data"', "s3://bucket", "data "])
def test_a_path_that_was_written_wrongly_is_told_before_it_is_joined(place: Place, written: str) -> None:
    """Beside the directory of the file it would look like a path."""
    place.write("dccd.toml", f"[storage]\nlocal_path = '{written}'\n")
    (line,) = place.problems()
    assert line.startswith("dccd.toml:2: storage.local_path: ")


def test_a_file_named_in_quotes_is_told(place: Place) -> None:
    """By the option, too."""
    assert place.problems(Path('"dccd.toml"')) == ['"dccd.toml": is in quotes: write the path without them']
