"""What a function reaches, in a small project of its own: everything that it may run, and nothing else."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from jsl_core.system import import_closure as closures
from jsl_core.system.import_closure import ImportClosure, import_closure
from jsl_core.system.source_code import read_module

FILES = {
    "__init__.py": '"""Hands on."""\nfrom house.rooms import kitchen\n__all__ = ["kitchen"]\n',
    "task.py": """
from typing import TYPE_CHECKING
from house.rooms.kitchen import cook
from house.rooms.cellar import store
import house.tools as tools
if TYPE_CHECKING:
    from house.attic import Dust

MENU = {}
MENU["soup"] = "hot"
SIZE = 3
UNUSED = 4

def helper():
    return SIZE

def stage(dust: "Dust"):
    from house.lazy import late
    return cook(helper()), MENU, late, tools

def other():
    return store()

class Base:
    limit = 1

    def method(self):
        return self.limit

def outer():
    value = 1

    def inner():
        return value

    return inner
""",
    "tools.py": 'def run():\n    return ["-m", "house.worker"]\n',
    "worker.py": "WORK = 1\n",
    "lazy.py": "late = 1\n",
    "attic.py": "class Dust: ...\n",
    "rooms/__init__.py": "from house.rooms.kitchen import cook\nfrom house.rooms.cellar import store\n",
    "rooms/kitchen.py": 'from house.rooms import stove\ndef cook(size):\n    return size, "recipe.txt"\n',
    "rooms/stove.py": "import numpy\nHEAT = 1\n",
    "rooms/cellar.py": "def store(): ...\n",
    "rooms/recipe.txt": "salt, see spices.txt",
    "rooms/spices.txt": "pepper",
    "rooms/notes.txt": "nobody names this",
    "acts/__init__.py": "import os\nos.environ['X'] = '1'\n",
    "acts/quiet.py": "def whisper(): ...\n",
    "acts/task.py": "from house.acts.quiet import whisper\ndef stage():\n    return whisper()\n",
    "ring_a/__init__.py": "from house.ring_b import b\n",
    "ring_b/__init__.py": "from house.ring_a import a\n",
    "ring.py": "def stage():\n    from house.ring_a import a\n    return a\n",
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "house" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(closures, "_PROJECT", ("house",))
    for module in [name for name in sys.modules if name.partition(".")[0] == "house"]:
        del sys.modules[module]
    clear()
    return tmp_path / "house"


def clear() -> None:
    for cached in (closures._closure, closures._file_of, closures._data_in):
        cached.cache_clear()


def closure(module: str = "house.task", name: str = "stage") -> ImportClosure:
    target = import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    function: Callable[..., object] = target() if name == "outer" else target  # type: ignore[assignment]
    return import_closure(function)


def test_imports_are_followed_through_packages_into_functions_strings_and_data(house: Path) -> None:
    reached = closure()
    assert set(reached.code) == {
        "house.task:stage",
        "house.lazy",
        "house.tools",
        "house.worker",
        "house.rooms.kitchen",
        "house.rooms.stove",
        "house/rooms/recipe.txt",
        "house/rooms/spices.txt",
    }
    assert reached.libraries == {"numpy"}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("SIZE = 3", "SIZE = 5", True),
        ("return SIZE", "return SIZE + 0", True),
        ('MENU["soup"] = "hot"', 'MENU["soup"] = "cold"', True),
        ("UNUSED = 4", "UNUSED = 5", False),
        ("return store()", "return None", False),
        ("SIZE = 3", "SIZE = 3  # three", False),
        ("def helper():\n", 'def helper():\n    """Help."""\n', False),
        ("import Dust", "import Dust as Dirt", False),
    ],
)
def test_of_its_own_file_counts_what_it_reaches(house: Path, before: str, after: str, changes: bool) -> None:
    old = closure()
    file = house / "task.py"
    file.write_text(file.read_text().replace(before, after))
    del sys.modules["house.task"]
    clear()
    assert (closure() != old) == changes


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("Base.method", "limit = 1", "limit = 2"), ("outer", "value = 1", "value = 2")],
)
def test_what_stands_round_a_function_counts_with_it(house: Path, name: str, before: str, after: str) -> None:
    old = closure(name=name)
    file = house / "task.py"
    file.write_text(file.read_text().replace(before, after))
    del sys.modules["house.task"]
    clear()
    assert closure(name=name) != old


def test_an_init_that_acts_counts_where_a_module_below_it_does(house: Path) -> None:
    assert "house.acts" in closure("house.acts.task").code


def test_packages_that_import_each_other_end(house: Path) -> None:
    assert set(closure("house.ring").code) == {"house.ring:stage"}


def test_a_function_that_its_file_has_no_more_is_told(house: Path) -> None:
    module = import_module("house.task")
    (house / "task.py").write_text("\n\n" + FILES["task.py"])
    with pytest.raises(LookupError, match="no function stage begins on line"):
        import_closure(module.stage)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = {**a, b: c}", "x = {b: a, **c}"),
        ("def f(*, a=1, b): ...", "def f(*, a, b=1): ..."),
        ("x = 1", "x = 1.0"),
        ("x = 'a'", "x = b'a'"),
        ("from a import b", "from a import *"),
    ],
)
def test_other_meanings_have_other_digests(tmp_path: Path, one: str, other: str) -> None:
    digests = []
    for number, text in enumerate((one, other)):
        file = tmp_path / f"{number}.py"
        file.write_text(text)
        digests.append(read_module(file, "m").digest)
    assert digests[0] != digests[1]
