"""`jsl models`: who is champion and why, and what people decide goes into the registry."""

from pathlib import Path

import pytest

from flows.cli.main import main
from jsl_core.storage import Registry, open_store, put_tree


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A line of two versions; the first is champion."""
    store = open_store(str(tmp_path / "store"))
    registry = Registry(store)
    for content in (b"1", b"2"):
        registry.register("jsl-joint", store.put(content, "bundle.json"), {})
    first, second = (version.name for version in registry.versions("jsl-joint"))
    registry.promote("jsl-joint", first, {"why": "the first of its line"}, over="")
    figures = {
        "figure": "AUC", "challenger": 0.7, "champion": 0.75, "difference": -0.05, "low": -0.1, "high": 0.0,
        "margin": 0.03, "why": "not shown to be as good",
    }  # fmt: skip
    registry.keep("jsl-joint", second, figures, over=first)
    return store.url


def jsl(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def names(store: str) -> list[str]:
    return [version.name for version in Registry(open_store(store)).versions("jsl-joint")]


def test_the_list_marks_the_champion(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert jsl("models", "list", "--store", store) == 0
    marked = [line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("*")]
    assert marked == names(store)[:1]


def test_show_tells_what_was_decided_and_with_which_figures(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jsl("models", "show", "jsl-joint", "--store", store) == 0
    output = capsys.readouterr().out
    assert "the first of its line" in output
    assert "AUC 0.700 against 0.750, difference -0.050 [-0.100, +0.000], margin 0.030" in output


def test_a_test_part_that_is_worn_is_told(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    registry = Registry(open_store(store))
    first, second = names(store)
    figures = dict(registry.history("jsl-joint")[-1].figures)
    for optimism in (0.01, 0.02):
        reuse = {"decisions": 7, "level": 0.9994, "optimism": optimism}
        registry.keep("jsl-joint", second, figures | reuse, over=first)
    jsl("models", "show", "jsl-joint", "--store", store)
    *_, fresh, worn = capsys.readouterr().out.splitlines()
    told = "decision 7 on these knees at level 0.999, champion flattered by"
    assert f"{told} 0.010 if all models are equal)" in fresh
    assert f"{told} 0.020 if all models are equal; freeze a new test part" in worn


def test_a_worn_test_part_is_replaced_by_participants_whom_no_model_has_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(str(tmp_path / "store"))
    registry = Registry(store)
    for regime, seen in (("kl", [1, 2, 3]), ("jsl-joint", [3, 4])):
        folder = tmp_path / regime
        folder.mkdir()
        rows = "".join(f"{number}_1,{number},train\n" for number in seen)
        (folder / "predictions.csv").write_text(f"ID,participant,split\n{rows}")
        registry.register(regime, put_tree(store, folder, "bundle.json"), {})
    cohort = tmp_path / "JSL.csv"
    cohort.write_text("ID\n" + "".join(f"{number}_1\n{number}_2\n" for number in range(1, 7)))
    command = ("models", "retire", "jsl-joint", "--cohort", str(cohort), "--store", store.url)
    assert jsl(*command) == 1
    assert "has no frozen test part yet" in capsys.readouterr().err
    registry.freeze_test("jsl-joint", ["4"])
    assert jsl(*command) == 0
    assert "2 participants are the test part now, instead of 1" in capsys.readouterr().out
    assert registry.frozen_test("jsl-joint") == {"5", "6"}
    cohort.write_text("ID\n1_1\n2_2\n")
    assert jsl(*command) == 1
    assert "have seen all of the table's participants" in capsys.readouterr().err
    cohort.write_text("ID\nP8_1\n")
    assert jsl(*command) == 1
    assert "have seen none of the table's participants" in capsys.readouterr().err
    assert registry.frozen_test("jsl-joint") == {"5", "6"}


def test_people_promote_and_roll_back_with_a_reason(store: str) -> None:
    first, second = names(store)
    registry = Registry(open_store(store))
    assert jsl("models", "promote", "jsl-joint", second[:6], "--why", "a reader study", "--store", store) == 0
    champion = registry.champion("jsl-joint")
    assert champion is not None
    assert champion.name == second
    assert jsl("models", "rollback", "jsl-joint", "--why", "it drifts", "--store", store) == 0
    champion = registry.champion("jsl-joint")
    assert champion is not None
    assert champion.name == first
    assert registry.history("jsl-joint")[-1].figures == {"why": "it drifts"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "kl"), "kl has no champion yet"),
        (("promote", "jsl-joint", "ffff", "--why", "x"), "no one version 'ffff'"),
        (("rollback", "jsl-joint", "--why", "x"), "no earlier champion"),
    ],
)
def test_what_is_not_there_is_one_line(
    store: str, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert jsl("models", *words, "--store", store) == 1
    errors = capsys.readouterr().err
    assert message in errors
    assert len(errors.splitlines()) == 1


def test_an_empty_registry_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").mkdir()
    assert jsl("models", "list", "--store", str(tmp_path)) == 1
    assert "no run has made a model yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ("models", "list"),
        ("models", "show", "kl"),
        ("models", "promote", "kl", "3f", "--why", "x"),
        ("lineage", "3fa2"),
        ("why", "latest", "train"),
        ("diff", "3fa2c0", "3fa2c1"),
        ("gc", "--keep-last", "3"),
        ("link", "latest"),
    ],
    ids=" ".join,
)
def test_a_store_that_is_not_there_is_told_and_not_made(
    tmp_path: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "nosuch"
    assert jsl(*command, "--store", str(store)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"jsl: store {store}: there is no such folder; ")
    assert not store.exists()
    store.mkdir()
    assert jsl(*command, "--store", str(store)) == 1
    assert f"store {store}: no run has stored anything here; " in capsys.readouterr().err
