"""`jsl bench`: runs the benchmarks in `tests/benchmarks` of a checkout, by name."""

import ast
import os
import subprocess
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jsl_core.errors import JslError
from jsl_core.system.isolation import PYTHON

__all__ = ["bench"]

_ROOT = Path(__file__).resolve().parents[3]
_FOLDER = _ROOT / "tests" / "benchmarks"
_RESULTS = Path("benchmarks")  # below the current folder, for the short ones
_SHORT = (  # finished within ten minutes on two cores, all together
    ("ingest", "--films", "24"),
    ("orchestration", "--films", "100"),
    ("detection",),
    ("training_speed", "--backbones", "jslnet", "resnet18", "--knees", "80", "--rounds", "1"),
    ("scale_out", "--films", "24", "--knees", "160", "--epochs", "3"),
    ("learning_value", "--participants", "50", "100", "200", "--test", "200"),
    ("sizing",),
)


def bench(
    name: str = "",
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True)],
    short: bool = False,
) -> None:
    """Measure, beside what others wrote: one benchmark by its name, or the short ones in a row.

    Args:
        name: The benchmark; without one they are listed.
        arguments: What the benchmark takes; its file's first lines tell.
        short: Run those that take a few minutes, one after another; figures and plots go into ./benchmarks.
    """
    if not _FOLDER.is_dir():
        raise JslError("the benchmarks are not part of an installed JSL; run jsl bench in a checkout")
    if short:
        _RESULTS.mkdir(exist_ok=True)
        for short_name, *options in _SHORT:
            print(f"\n== {' '.join([short_name, *options])}", flush=True)
            _run(short_name, *options, "--out", str(_RESULTS / short_name))
    elif name:
        _run(name, *arguments)
    else:
        for benchmark, purpose in _benchmarks().items():
            print(f"{benchmark:20} {purpose}")


def _run(name: str, *arguments: str) -> None:
    if name not in (names := _benchmarks()):
        raise JslError(f"there is no benchmark {name}; choose one of {', '.join(names)}")
    paths = os.pathsep.join(filter(None, (str(_ROOT), str(_FOLDER), os.environ.get("PYTHONPATH"))))
    command = [*PYTHON, str(_FOLDER / f"{name}.py"), *arguments]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths})
    if done.returncode:
        raise JslError(f"benchmark {name} ended with code {done.returncode}; see its messages above")


def _benchmarks() -> dict[str, str]:
    """The first line of each benchmark's docstring, by the benchmark's name."""
    texts = {path.stem: path.read_text() for path in sorted(_FOLDER.glob("[a-z]*.py"))}
    return {
        name: (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
        for name, text in texts.items()
        if "__main__" in text
    }
