"""The registry: one champion whom all readers agree on, and every decision with what it rests on."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jsl_core.errors import StoreError
from jsl_core.storage import FolderStore, Overtaken, Registry, Version

LINE = "jsl-joint"


class InterruptedStore(FolderStore):
    """A store in which something happens right before the next decision is written."""

    before: Callable[[], object] | None = None

    def write(self, key: str, data: bytes) -> None:
        if "/decisions/" in key and self.before:
            action, self.before = self.before, None
            action()
        super().write(key, data)


class LaggingStore(FolderStore):
    """A store whose listing does not yet show what came last."""

    def keys(self, prefix: str) -> Iterator[str]:
        yield from list(super().keys(prefix))[:-1] if "decisions" in prefix else super().keys(prefix)


@pytest.fixture
def store(tmp_path: Path) -> InterruptedStore:
    return InterruptedStore(tmp_path / "store")


@pytest.fixture
def registry(store: FolderStore) -> Registry:
    return Registry(store)


@pytest.fixture
def models(registry: Registry, store: FolderStore) -> list[Version]:
    return [registry.register(LINE, store.put(bytes([i]), "bundle.json"), {"auc": i}) for i in range(4)]


def champion(registry: Registry) -> str:
    version = registry.champion(LINE)
    return version.name if version else ""


def test_a_model_is_one_version_however_often_it_is_registered(
    registry: Registry, store: FolderStore, models: list[Version]
) -> None:
    assert registry.register(LINE, models[1].model, {"auc": 9}) == models[1]
    assert sorted(registry.versions(LINE), key=lambda one: one.facts["auc"]) == models
    assert registry.regimes() == [LINE]
    assert registry.versions("other") == []


def test_a_model_that_is_not_in_the_store_is_not_registered(
    registry: Registry, models: list[Version]
) -> None:
    gone = models[0].model.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(StoreError, match="is missing"):
        registry.register(LINE, gone, {})


def test_the_last_promoted_is_champion_and_a_refused_challenger_is_not(
    registry: Registry, models: list[Version]
) -> None:
    assert registry.champion(LINE) is None
    registry.promote(LINE, models[0].name, {"first": True})
    registry.promote(LINE, models[1].name, {"delta": 0.02}, over=models[0].name)
    registry.keep(LINE, models[2].name, {"delta": -0.1}, over=models[1].name)
    assert registry.champion(LINE) == models[1]
    assert [(one.action, one.over) for one in registry.history(LINE)] == [
        ("promote", ""),
        ("promote", models[0].name),
        ("keep", models[1].name),
    ]
    assert registry.history(LINE)[2].figures == {"delta": -0.1}


def test_a_rollback_goes_back_step_by_step(registry: Registry, models: list[Version]) -> None:
    for model in models[:3]:
        registry.promote(LINE, model.name, {})
    registry.rollback(LINE, "worse at another site")
    assert champion(registry) == models[1].name
    registry.rollback(LINE, "that one too")
    assert champion(registry) == models[0].name
    with pytest.raises(StoreError, match="no earlier champion"):
        registry.rollback(LINE, "and again")
    registry.promote(LINE, models[3].name, {})
    registry.rollback(LINE, "no")
    assert champion(registry) == models[0].name


def test_of_two_who_compared_with_the_same_champion_the_later_gets_an_error(
    store: InterruptedStore, registry: Registry, models: list[Version]
) -> None:
    registry.promote(LINE, models[0].name, {})
    store.before = lambda: registry.promote(LINE, models[1].name, {}, over=models[0].name)
    overtaken = False
    try:
        registry.promote(LINE, models[2].name, {}, over=models[0].name)
    except Overtaken:
        overtaken = True
    assert champion(Registry(store)) == models[1 if overtaken else 2].name
    assert len(registry.history(LINE)) == 2
    assert len(registry.overtaken(LINE)) == 1


def test_a_writer_who_slept_through_many_decisions_undoes_none(
    store: InterruptedStore, registry: Registry, models: list[Version]
) -> None:
    registry.promote(LINE, models[0].name, {})

    def decide_first() -> None:
        for model in models[1:3] * 3:
            registry.promote(LINE, model.name, {})

    store.before = decide_first
    with pytest.raises(Overtaken):
        registry.promote(LINE, models[3].name, {}, over=models[0].name)
    assert champion(registry) == models[2].name
    assert len(registry.history(LINE)) == 7


def test_a_person_who_promotes_whatever_is_champion_succeeds_after_all(
    store: InterruptedStore, registry: Registry, models: list[Version]
) -> None:
    registry.promote(LINE, models[0].name, {})

    def decide_first() -> None:
        registry.keep(LINE, models[1].name, {})
        registry.promote(LINE, models[1].name, {})

    store.before = decide_first
    registry.promote(LINE, models[2].name, {"why": "by hand"})
    assert champion(registry) == models[2].name


def test_a_listing_that_lags_loses_no_decision(tmp_path: Path, models: list[Version]) -> None:
    lagging = Registry(LaggingStore(tmp_path / "store"))
    for model in models[:3]:
        lagging.promote(LINE, model.name, {})
    assert champion(lagging) == models[2].name
    prompt = Registry(FolderStore(tmp_path / "store"))
    assert [one.version for one in prompt.history(LINE)] == [model.name for model in models[:3]]


def test_processes_that_decide_at_once_leave_one_history_and_lose_nothing(
    store: FolderStore, registry: Registry, models: list[Version]
) -> None:
    code = (
        "import sys; from pathlib import Path; from jsl_core.storage import FolderStore, Registry\n"
        "registry = Registry(FolderStore(Path(sys.argv[1])))\n"
        "for i in range(10): registry.promote('jsl-joint', sys.argv[2], {'by': sys.argv[2], 'i': i})\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(store.root), model.name]) for model in models[:3]
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    counted = {(one.figures["by"], one.figures["i"]) for one in registry.history(LINE)}
    written = {
        (one.figures["by"], one.figures["i"]) for one in [*registry.history(LINE), *registry.overtaken(LINE)]
    }
    assert written == {(model.name, i) for model in models[:3] for i in range(10)}
    assert counted <= written
    assert champion(registry) == registry.history(LINE)[-1].version


def test_a_changed_decision_is_read_from_its_copy_and_reported_where_that_is_changed_too(
    store: FolderStore, registry: Registry, models: list[Version]
) -> None:
    decision = registry.promote(LINE, models[0].name, {"auc": 0.7})
    key = f"registry/{LINE}/decisions/{decision.name}.json"
    for place in (key, f"copies/{key}"):
        path = store.root / place
        path.write_bytes(path.read_bytes().replace(b"0.7", b"0.9"))
        if place == key:
            assert registry.history(LINE) == [decision]
    with pytest.raises(StoreError, match=rf"{key} is damaged; restore it from a backup"):
        registry.champion(LINE)


def test_a_wrong_name_is_one_clear_line(registry: Registry, models: list[Version]) -> None:
    with pytest.raises(StoreError, match=r"no one version 'zzz' of jsl-joint"):
        registry.promote(LINE, "zzz", {})
    with pytest.raises(StoreError, match="is no name for a line"):
        registry.versions("../outside")
