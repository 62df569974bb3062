"""`jsl bench`: what can be measured, and that a benchmark finds the code that it measures."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

from flows.cli.main import main

_SCRIPTS = sorted(Path(__file__).parents[1].joinpath("benchmarks").glob("*.py"))
_ROOMS = {"deployments", "flows", "tasks", "jsl_core"}


def test_benchmarks_are_listed_with_what_they_measure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench"])
    benchmarks = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert {"orchestration", "detection", "training_speed", "store"} <= benchmarks.keys()
    with pytest.raises(SystemExit) as ended:
        main(["bench", "nothing"])
    assert ended.value.code == 1
    assert "there is no benchmark nothing" in capsys.readouterr().err


@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda script: script.stem)
def test_a_benchmark_takes_from_the_project_only_what_is_there(script: Path) -> None:
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in _ROOMS:
            module = importlib.import_module(node.module)
            for name in node.names:
                submodule = f"{node.module}.{name.name}"
                assert hasattr(module, name.name) or importlib.util.find_spec(submodule), submodule
