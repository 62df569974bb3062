"""What is handed out: a version in one place, a citation that agrees, a wheel that needs no checkout."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from jsl_core import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BUILD = "from setuptools import build_meta; print(build_meta.build_wheel({!r}))"


def test_a_version_stands_in_one_place_and_the_citation_agrees_with_it() -> None:
    assert PROJECT["dynamic"] == ["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (__version__, PROJECT["license"])
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format requires


def test_a_commit_with_a_tag_has_the_tag_s_version_and_a_part_of_the_changelog() -> None:
    command = ["git", "-C", str(ROOT), "tag", "--points-at", "HEAD", "--list", "v*"]
    tags = subprocess.run(command, capture_output=True, text=True).stdout.split()
    assert [tag.removeprefix("v") for tag in tags] in ([], [__version__])
    if tags:
        assert re.search(
            rf"^## \[{re.escape(__version__)}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked, made of the files that git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, listed):
        if name.split("/")[0] not in ("docs", "tests") and (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / "source" / name)
    build = [sys.executable, "-c", BUILD.format(str(folder))]
    subprocess.run(build, cwd=folder / "source", capture_output=True, check=True)
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_a_wheel_has_every_file_of_its_packages_and_the_notices(wheel: Path) -> None:
    packages = ("jsl_core", "tasks", "flows", "deployments")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *packages]
    tracked = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    missing = [name for name in tracked if name and (ROOT / name).is_file() and not (wheel / name).exists()]
    assert not missing
    (notices,) = wheel.glob("*.dist-info/licenses")
    assert {path.name for path in notices.iterdir()} == {"LICENSE", "NOTICE"}


def test_the_code_of_a_wheel_works_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    for words in (["--version"], ["demo", "--help"], ["phantom", "films", "--patients", "1"]):
        command = [sys.executable, "-P", "-m", "flows.cli", *words]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    command = [sys.executable, "-P", "-c", "import jsl_core; print(jsl_core.__file__)"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert Path(done.stdout.strip()).is_relative_to(wheel)
