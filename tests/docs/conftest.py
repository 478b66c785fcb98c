"""The site, built once for all tests of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once, from a copy, so that no page is written into the checkout."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs" / "source", root / "docs" / "source", ignore=shutil.ignore_patterns("generated"))
    for path in (ROOT / "CHANGELOG.md", ROOT / "README.md", *ROOT.glob("Dockerfile"), *ROOT.glob("deploy/**/*.*")):
        target = root / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    out = root / "html"
    command = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(root / "docs" / "source"), str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out
