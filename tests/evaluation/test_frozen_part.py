"""Decisions count on the test part that they were made on, and a retired part counts for nothing."""

from pathlib import Path

from jsl_core.evaluation.frozen_part import comparisons_on, name_test_part
from jsl_core.storage import Registry, open_store


def test_decisions_on_a_retired_part_do_not_count_and_those_that_named_none_do(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    registry = Registry(store)
    registry.register("kl", store.put(b"1", "bundle.json"), {})
    [version] = registry.versions("kl")
    old, new = name_test_part(["4", "9"]), name_test_part(["5"])
    registry.promote("kl", version.name, {"why": "the first of its line"}, over="")
    for figures in (
        {"figure": "AUC"},
        {"figure": "AUC", "test_part": old},
        {"figure": "AUC", "test_part": new},
    ):
        registry.keep("kl", version.name, figures, over=version.name)
    history = registry.history("kl")
    assert [each.figures.get("test_part") for each in comparisons_on(new, history)] == [None, new]
    assert len(comparisons_on(old, history)) == 2


def test_a_part_has_one_name_in_whatever_order_its_participants_come() -> None:
    assert name_test_part(["9", "4"]) == name_test_part(frozenset({"4", "9"}))
    assert name_test_part(["9"]) != name_test_part(["4", "9"])
