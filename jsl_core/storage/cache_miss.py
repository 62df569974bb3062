"""Why a step ran again: which part of its key is another one than in the runs before."""

from collections.abc import Iterator
from typing import Any

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.history import History, Run, Step
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in

__all__ = ["why"]


def why(store: Store, run: str, stage: str) -> list[str]:
    """One line a step of the stage, and one a part of its key that changed since earlier runs.

    Raises StoreError if there is no such run, or it had no such stage.
    """
    history = History(store)
    runs = history.runs()
    this = history.find(run)
    now = history.steps([this], stage)
    if not now:
        known = sorted({key.partition("/")[0] for key in this.keys})
        raise StoreError(f"run {this} had no task {stage!r}; it had {', '.join(known) or 'none'}")
    earlier = runs[[one.id for one in runs].index(this.id) + 1 :]
    known_steps = history.steps(earlier, stage)
    return [line for step in now.values() for line in _told(step, earlier, known_steps)]


def _told(step: Step, earlier: list[Run], known: dict[str, Step]) -> Iterator[str]:
    name = f"{step.stage} {step.digest[:12]}"
    same = next((run for run in earlier if step.key in run.keys), None)
    if same:
        yield f"{name}: the same key as in run {same}, whose result is used where it is whole"
        return
    if not known:
        yield f"{name}: no earlier run had this task"
        return
    # The nearest step is the one that shares most; of several alike the newest run's.
    nearest = min(known.values(), key=lambda one: len(list(_changes(one, step))))
    run = next(run for run in earlier if nearest.key in run.keys)
    yield f"{name}: against {nearest.digest[:12]} of run {run}"
    yield from (f"  {change}" for change in _changes(nearest, step))


def _changes(old: Step, new: Step) -> Iterator[str]:
    for part in sorted(old.code.keys() | new.code.keys()):
        before, after = old.code.get(part, "absent"), new.code.get(part, "absent")
        if before != after:
            yield f"code {part}: {before[:12]} → {after[:12]}"
    for name in sorted(old.parameters.keys() | new.parameters.keys()):
        yield from _difference(name, old.parameters.get(name), new.parameters.get(name))


def _difference(name: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    before, after = artifacts_in(old), artifacts_in(new)
    if before or after:
        yield from _inputs(name, before, after)
    elif isinstance(old, dict) and isinstance(new, dict):
        for part in sorted(old.keys() | new.keys()):
            yield from _difference(f"{name}.{part}", old.get(part), new.get(part))
    else:
        yield f"{name}: {old!r} → {new!r}"


def _inputs(name: str, before: list[Artifact], after: list[Artifact]) -> Iterator[str]:
    old, new = {one.name: one.sha256 for one in before}, {one.name: one.sha256 for one in after}
    added, gone = new.keys() - old.keys(), old.keys() - new.keys()
    changed = {one for one in old.keys() & new.keys() if old[one] != new[one]}
    for one in sorted(changed)[:5]:
        yield f"{name}: {one} {old[one][:12]} → {new[one][:12]}"
    for what, names in (("added", added), ("gone", gone), ("changed", changed)):
        if names and (what != "changed" or len(names) > 5):
            yield f"{name}: {len(names)} {what}, such as {sorted(names)[0]}"
