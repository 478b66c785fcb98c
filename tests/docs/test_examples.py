"""What the README and the guides show: it runs, loads and leads somewhere."""

import importlib
import inspect
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from dccd.candles import check_exchange
from dccd.cli.app import app
from dccd.cli.demo import play
from dccd.daemon.config import load_config
from dccd.daemon.records import keys

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "docs" / "source"
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(SOURCE.glob("*.rst"))]


def blocks(language: str) -> list[str]:
    """Return the blocks of the README in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Return what the README types at a prompt, continued lines joined."""
    text = "\n".join(blocks("console")).replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]


def test_the_python_of_the_readme_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a comment says `prints`."""
    monkeypatch.chdir(tmp_path)
    [block] = blocks("python")
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102 - our own text
    expected = re.findall(r"# prints (.*)$", block, re.MULTILINE)
    assert expected
    assert capsys.readouterr().out.splitlines() == expected


def test_make_run_prints_the_lines_the_readme_shows() -> None:
    """In the order shown; numbers and times differ from run to run, `...` stands for lines left out."""
    [block] = [block for block in blocks("console") if block.startswith("$ make run")]
    shown = [re.sub(r"\d+", "0", line) for line in block.splitlines()[1:] if line != "..."]
    said: list[str] = []
    play(said.append)
    rest = iter(re.sub(r"\d+", "0", re.sub(r" +", " ", "\n".join(said))).splitlines())
    missing = [line for line in shown if re.sub(r" +", " ", line) not in rest]  # `in` moves the iterator on
    assert len(shown) > 3
    assert not missing


def test_environment_variables_alone_are_a_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the README gives a container loads, and its exchange exists."""
    monkeypatch.chdir(tmp_path)
    [command] = [command for command in commands() if "DCCD_" in command]
    words = shlex.split(command)
    of_image = re.findall(r"DCCD_\S+=\S+", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    for setting in [*of_image, *(word for word in words if word.startswith("DCCD_"))]:
        name, _, value = setting.partition("=")
        monkeypatch.setenv(name, value)
    config = load_config()
    assert [key for key, _, _ in keys(config.histo_jobs, {})] == ["kraken/BTC/USD", "kraken/ETH/USD"]
    assert config.alerts.webhook_url
    assert config.storage.local_path == Path("/data")
    for job in config.histo_jobs:
        check_exchange(job.exchange)


def toml_examples() -> list[str]:
    """Return every TOML file that the README and the guides show."""
    pattern = re.compile(r"^\.\. code-block:: toml\n\n((?:   .*\n|\n)+)", re.MULTILINE)
    shown = [match for path in SOURCE.glob("*.rst") for match in pattern.findall(path.read_text(encoding="utf-8"))]
    return [*blocks("toml"), *(re.sub(r"^   ", "", text, flags=re.MULTILINE) for text in shown)]


@pytest.mark.parametrize("text", toml_examples())
def test_each_file_shown_is_a_configuration(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads, its exchanges exist, and it sets something."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dccd.toml"
    path.write_text(text, encoding="utf-8")
    config = load_config()
    assert set(tomllib.loads(text)) <= config.model_fields_set
    assert config.histo_jobs
    for job in config.histo_jobs:
        check_exchange(job.exchange)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_each_command_named_exists(path: Path) -> None:
    """`dccd ...`, `make ...` and `tools/dev.py ...`, at a prompt or in the text."""
    text = path.read_text(encoding="utf-8")
    typed = "\n".join(_typed(text))
    ours = {info.name or (info.callback.__name__ if info.callback else "") for info in app.registered_commands}
    assert set(re.findall(r"(?<![\w./-])(?<!from )dccd ([a-z][a-z-]*)\b(?! *=)", typed)) <= ours
    targets = set(re.findall(r"^([a-z]+(?: [a-z]+)*):$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", typed)) <= {target for line in targets for target in line.split()}
    scripts = set(re.findall(r"tools/dev\.py ([a-z]+)", typed))
    assert all(
        f'add_parser("{script}"' in (ROOT / "tools" / "dev.py").read_text(encoding="utf-8") for script in scripts
    )


def _typed(text: str) -> list[str]:
    return [quoted or prompted for quoted, prompted in re.findall(r"`+([^`\n]+)`+|^\s*\$ (.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_nothing_is_installed_by_the_name_of_another_project(path: Path) -> None:
    """On the public index `dccd` is not ours: every installation is from a checkout."""
    installed = re.findall(r"pip install +(\S+)", path.read_text(encoding="utf-8"))
    assert all(what.strip("`'\"").startswith(".") for what in installed)


def test_a_reader_of_forty_lines_has_seen_it_all() -> None:
    """What it does, that it works, a loop, a container, what is promised, and whom it is not for."""
    lines = README.splitlines()[:40]
    wanted = [
        r"dccd runs .*",
        r"\$ make run",
        r"```python",
        r"\$ docker run .*",
        r"\*\*Promised .*",
        r"\*\*Not for you.*",
    ]
    places = [next((at for at, line in enumerate(lines) if re.fullmatch(want, line)), None) for want in wanted]
    assert None not in places, places


@pytest.mark.parametrize("command", ["run", "test", "docs"])
def test_the_readme_gives_what_to_type_where_make_is_missing(command: str) -> None:
    """Beside each of the targets that it names, and both do the same."""
    assert f"`python3 tools/dev.py {command}`" in README
    assert re.search(rf"^\$ make {command}$|`make {command}`", README, re.MULTILINE)
    (targets,) = re.findall(
        r"^([\w ]+):\n\t@\$\(PYTHON\) tools/dev.py \$@$", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert command in targets.split()


def test_the_readme_and_the_guides_show_the_same() -> None:
    """The container and the file, so that one cannot change without the other."""
    guide = re.sub(r"^   ", "", (SOURCE / "deploy.rst").read_text(encoding="utf-8"), flags=re.MULTILINE)
    [container] = [block for block in blocks("console") if "docker" in block]
    [file] = blocks("toml")
    assert container in guide
    assert file in guide


def test_each_link_of_the_readme_leads_to_a_file() -> None:
    """And every page of the site but the landing page is linked."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert not [link for link in links if not (ROOT / link).is_file()]
    pages = {f"docs/source/{path.name}" for path in SOURCE.glob("*.rst")} - {
        "docs/source/index.rst",
        "docs/source/changelog.rst",
    }
    assert pages <= set(links)


def reference() -> list[str]:
    """Return the full name of each object that the reference has a page for."""
    text = (SOURCE / "reference.rst").read_text(encoding="utf-8")
    parts = re.findall(r"^\.\. automodule:: (\S+)\n(.*?)(?=^\.\. automodule|\Z)", text, re.DOTALL | re.MULTILINE)
    return [
        f"{module}.{name}" for module, part in parts for name in re.findall(r"^   ([A-Za-z]\w+)$", part, re.MULTILINE)
    ]


@pytest.mark.parametrize("name", reference())
def test_each_page_of_the_reference_has_an_example(name: str) -> None:
    """Which pytest runs; errors are shown where they are raised, and a protocol where it is implemented."""
    module, _, attribute = name.rpartition(".")
    shown = getattr(importlib.import_module(module), attribute)
    is_exempt = inspect.isclass(shown) and (issubclass(shown, BaseException) or getattr(shown, "_is_protocol", False))
    assert is_exempt or ">>> " in (inspect.getdoc(shown) or "")
