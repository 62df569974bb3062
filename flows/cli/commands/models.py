"""`jsl models`: the versions of each line of models, which is champion, and why."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import App

from flows.cli.options import usual_store
from jsl_core.errors import JslError

if TYPE_CHECKING:
    from jsl_core.storage.registry import Decision, Registry

__all__ = ["decision_line", "models", "promote", "retire", "rollback", "show", "table"]

models = App(
    name="models", help="Models: the registry with its champions, and models passed on and taken from others."
)
for _name, _path, _help in (  # by path, as they import much; so the list of commands needs their help here
    (
        "ship",
        "model_files:ship",
        "Make a grader of a kl bundle: small, free of participants, without PyTorch.",
    ),
    ("fetch", "model_files:fetch", "Fetch a model from a file or an address, checked by its digest."),
    ("import", "import_model:import_file", "Make a bundle of a model of the notebooks."),
):
    models.command(f"flows.cli.commands.{_path}", name=_name, help=_help)


_STORE = ""


@models.command(name="list")
def table(store: str = _STORE) -> None:
    """List the versions of all lines of models, a * marks the champion, and the models of runs.

    Args:
        store: Folder, or s3://bucket/prefix. By default that of jsl run, jsl up or jsl demo in this folder.
    """
    from jsl_core.evaluation.run_list import published_models
    from jsl_core.storage import open_existing_store

    registry, opened = _registry(store), open_existing_store(usual_store(store))
    registered: set[tuple[str, str]] = set()
    for regime in registry.regimes():
        champion = registry.champion(regime)
        for version in registry.versions(regime):
            registered.add((regime, version.name))
            mark = "*" if version == champion else " "
            print(f"{mark} {regime:<18}{version.name}  {version.registered}")
    of_runs = [model for model in published_models(opened) if model[:2] not in registered]
    for regime, version_name, figures, run in of_runs:
        print(f"  {regime:<18}{version_name}  run {run}" + (f"\n{'':<20}{figures}" if figures else ""))
    if not registered and not of_runs:
        raise JslError(f"store {opened.url}: no run has made a model yet; jsl run and jsl retrain do")


@models.command
def show(regime: str, version: str = "", *, store: str = _STORE) -> None:
    """Show a version, by default the champion, and every decision about it.

    Args:
        regime: The line of models, such as jsl-joint.
        version: The start of the version's name.
        store: Folder, or s3://bucket/prefix; by default as for jsl models list.
    """
    registry = _registry(store)
    chosen = registry.find(regime, version) if version else registry.champion(regime)
    if chosen is None:
        raise JslError(f"store {store}: {regime} has no champion yet; name a version (jsl models list)")
    print(json.dumps(chosen.model_dump(), indent=1))
    for decision in registry.history(regime):
        if chosen.name in (decision.version, decision.over):
            print(decision_line(decision))


@models.command
def promote(regime: str, version: str, *, why: str, store: str = _STORE) -> None:
    """Make a version the champion.

    Args:
        regime: The line of models, such as jsl-joint.
        version: The start of the version's name.
        why: Goes into the registry.
        store: Folder, or s3://bucket/prefix; by default as for jsl models list.
    """
    print(decision_line(_registry(store).promote(regime, version, {"why": why})))


@models.command
def rollback(regime: str, *, why: str, store: str = _STORE) -> None:
    """Return to the champion before the present one.

    Args:
        regime: The line of models, such as jsl-joint.
        why: Goes into the registry.
        store: Folder, or s3://bucket/prefix; by default as for jsl models list.
    """
    print(decision_line(_registry(store).rollback(regime, why)))


@models.command
def retire(regime: str, *, cohort: Path, store: str = _STORE) -> None:
    """Give a line another frozen test part: all participants of a table whom no model has seen.

    Retrainings learn from the former test participants from then on, and count their decisions anew.

    Args:
        regime: The line of models, such as jsl-joint.
        cohort: The table that the next retraining learns from.
        store: Folder, or s3://bucket/prefix; by default as for jsl models list.
    """
    from jsl_core.cohort import read_cohort
    from jsl_core.evaluation.frozen_part import fresh_participants
    from jsl_core.storage import open_existing_store

    registry = _registry(store)
    former = registry.frozen_test(regime)
    if former is None:
        raise JslError(f"store {store}: {regime} has no frozen test part yet; the first retraining makes one")
    fresh = fresh_participants(
        open_existing_store(usual_store(store)), set(read_cohort(cohort)["participant"])
    )
    registry.freeze_test(regime, fresh)
    print(f"{regime}: {len(fresh)} participants are the test part now, instead of {len(former)}")


def _registry(store: str) -> "Registry":
    from jsl_core.storage import open_existing_store
    from jsl_core.storage.registry import Registry

    return Registry(open_existing_store(usual_store(store)))


def decision_line(decision: "Decision") -> str:
    """A decision in a line: when, what, over whom, and by which figures."""
    over = f" over {decision.over}" if decision.over else ""
    return f"{decision.when} {decision.action} {decision.version}{over}: {_figures(decision.figures)}"


def _figures(figures: dict[str, Any]) -> str:
    if "figure" not in figures:
        return str(figures.get("why", ""))
    return (
        f"{figures['why']} ({figures['figure']} {figures['challenger']:.3f} against "
        f"{figures['champion']:.3f}, difference {figures['difference']:+.3f} "
        f"[{figures['low']:+.3f}, {figures['high']:+.3f}], margin {figures['margin']:.3f}{_reuse(figures)})"
    )


def _reuse(figures: dict[str, Any]) -> str:
    """How often the test part was asked, and what that is worth; earlier versions kept neither."""
    if "decisions" not in figures:
        return ""
    worn = (
        "; freeze a new test part (jsl models retire)" if figures["optimism"] > figures["margin"] / 2 else ""
    )
    return (
        f", decision {figures['decisions']} on these knees at level {figures['level']:.3f}, champion "
        f"flattered by {figures['optimism']:.3f} if all models are equal{worn}"
    )
