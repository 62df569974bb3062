"""Why a step ran again: which part of its key is another one than in the runs before."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.history import History, Run, Step
from jsl_core.storage.interface import Store
from jsl_core.storage.memo import artifacts_in

__all__ = ["explain_misses"]

_SHOWN = 12  # characters of a digest
_NAMED = 5  # modules, or inputs, of one kind of change


def explain_misses(store: Store, run: str, stage: str) -> list[str]:
    """Explain why the steps of a stage ran.

    Args:
        store: Where the run's results lie.
        run: The beginning of a run's name or id, or `latest`.
        stage: A task's name.

    Returns:
        One line for each step, followed by one for each part of its key that changed since earlier runs.

    Raises:
        StoreError: Where there is no such run, or it had no such stage.
    """
    history = History(store)
    runs = history.runs()
    this = history.find(run)
    steps = history.steps([this], stage)
    if not steps:
        stages = sorted({key.partition("/")[0] for key in this.keys})
        raise StoreError(f"run {this} had no task {stage!r}; it had {', '.join(stages) or 'none'}")
    earlier = runs[[one.id for one in runs].index(this.id) + 1 :]
    earlier_steps = history.steps(earlier, stage)
    return [line for step in steps.values() for line in _explain(step, earlier, earlier_steps)]


def _explain(step: Step, earlier: list[Run], earlier_steps: Mapping[str, Step]) -> Iterator[str]:
    name = f"{step.stage} {step.digest[:_SHOWN]}"
    same = next((run for run in earlier if step.key in run.keys), None)
    if same:
        yield f"{name}: the same key as in run {same}, whose result is used where it is whole"
        return
    if not earlier_steps:
        yield f"{name}: no earlier run had this task"
        return
    # The nearest step is the one that shares most; of several alike the newest run's.
    nearest = min(earlier_steps.values(), key=lambda other: len(list(_changes(other, step))))
    run = next(run for run in earlier if nearest.key in run.keys)
    yield f"{name}: against {nearest.digest[:_SHOWN]} of run {run}"
    yield from (f"  {change}" for change in _changes(nearest, step))


def _changes(old: Step, new: Step) -> Iterator[str]:
    if old.version != new.version:
        yield f"the task's declared version: {old.version} → {new.version}"
    code = list(_differences(old.code, new.code))
    for name, before, after in code[:_NAMED]:
        if before is None or after is None:
            yield f"code {name} is {'reached now' if before is None else 'no longer reached'}"
        else:
            yield f"code {name} changed"
    if len(code) > _NAMED:
        yield f"code: {len(code) - _NAMED} more modules differ"
    for name, before, after in _differences(old.libraries, new.libraries):
        yield f"package {name}: {before or 'not imported'} → {after or 'not imported'}"
    for name, before, after in _differences(old.parameters, new.parameters):
        yield from _parameter_changes(name, before, after)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """The names under which two mappings differ, each with both values, None for a missing one."""
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, old.get(name), new.get(name)


def _parameter_changes(parameter: str, old: Any, new: Any) -> Iterator[str]:
    name = parameter.removeprefix("settings.")
    if _is_content(old) and _is_content(new):
        digests = f"{old['sha256'][:_SHOWN]} → {new['sha256'][:_SHOWN]}"
        yield f"setting {name}: the file that it names holds something else ({digests})"
    elif _are_artifacts(old) or _are_artifacts(new):
        yield from _input_changes(name, artifacts_in(old), artifacts_in(new))
    elif isinstance(old, dict) and isinstance(new, dict) and not (_is_content(old) or _is_content(new)):
        for part, one, other in _differences(old, new):
            yield from _parameter_changes(f"{parameter}.{part}", one, other)
    else:
        yield f"setting {name}: {_describe(old)} → {_describe(new)}"


def _are_artifacts(value: Any) -> bool:
    """Whether a parameter is an artifact, or a list of them, perhaps of lists."""
    if isinstance(value, list):
        return bool(value) and all(map(_are_artifacts, value))
    return isinstance(value, dict) and value.keys() == Artifact.model_fields.keys()


def _is_content(value: Any) -> bool:
    """Whether a setting names a file, and so stands in the key as what the file holds."""
    return isinstance(value, dict) and value.keys() == {"sha256"}


def _describe(value: Any) -> str:
    """A setting's value for a person: what `keyed_settings` made of files and packages in words."""
    if _is_content(value):
        return f"a file ({value['sha256'][:_SHOWN]})"
    if isinstance(value, dict) and value and all(map(_is_content, value.values())):
        return f"a folder ({len(value)} files)"
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), dict):
        word, packages = next(iter(value.items()))
        return f"{word!r} ({', '.join(f'{name} {version}' for name, version in packages.items())})"
    return "nothing" if value is None else repr(value)


def _input_changes(name: str, before: list[Artifact], after: list[Artifact]) -> Iterator[str]:
    """What became of the inputs of a parameter; several may have the same name, as the buckets' tables."""
    old, new = _digests_by_name(before), _digests_by_name(after)
    changed, added, removed = [], [], []
    for one in sorted(old.keys() | new.keys()):
        lost, gained = sorted((old[one] - new[one]).elements()), sorted((new[one] - old[one]).elements())
        pairs = zip(lost, gained, strict=False)
        changed += [f"{one} changed ({was[:_SHOWN]} → {now[:_SHOWN]})" for was, now in pairs]
        added += [one] * (len(gained) - len(lost))
        removed += [one] * (len(lost) - len(gained))
    yield from (f"input {name}: {change}" for change in changed[:_NAMED])
    if len(changed) > _NAMED:
        yield f"input {name}: {len(changed) - _NAMED} more changed"
    for what, names in (("added", added), ("removed", removed)):
        if names:
            yield f"input {name}: {len(names)} {what}, such as {names[0]}"
    if not (changed or added or removed):
        yield f"input {name}: the same in another order"


def _digests_by_name(artifacts: list[Artifact]) -> defaultdict[str, Counter[str]]:
    digests: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for artifact in artifacts:
        digests[artifact.name][artifact.sha256] += 1
    return digests
