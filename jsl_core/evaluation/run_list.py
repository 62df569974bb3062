"""The runs of a store as a person asks for them: when, which flow, how it stands, and what came of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsl_core.evaluation.report.overview import format_number
from jsl_core.storage.history import History
from jsl_core.storage.interface import Store, read_facts
from jsl_core.storage.run_folders import list_run_folders

__all__ = ["RunLine", "list_runs", "published_models", "tell_figures"]


@dataclass(frozen=True)
class RunLine:
    """A run.

    Attributes:
        name: Its folder's name below `runs/`, or its own where it publishes nothing.
        flow: Such as `pipeline`; blank where the history has been cleaned away.
        state: `running`, `done`, or `stopped`: it failed, was interrupted, or its machine died.
        started: By UTC, such as `2026-11-30 18:29`; blank where it is not known.
        figures: Of the best models, such as `AUC 0.741 [0.66–0.82] of 120`; blank where nothing was measured.
        models: Keys of the published models by regime.
    """

    name: str
    flow: str
    state: str
    started: str
    figures: str
    models: Mapping[str, str]


def list_runs(store: Store) -> list[RunLine]:
    """List the runs of a store, the newest first: those that publish, then those that only made something."""
    history = {run.id: run for run in History(store).runs()}
    published = []
    for folder in list_run_folders(store):
        record = read_facts(store, f"runs/{folder}/run.json")
        run = history.pop(str(record.get("id")), None)
        done = "report" in record
        state = "done" if done else "running" if run and run.at_work else "stopped"
        published.append(
            RunLine(
                folder,
                run.flow if run else "",
                state,
                str(record.get("started", ""))[:16].replace("T", " "),
                tell_figures(read_facts(store, f"runs/{folder}/metrics.json")) if done else "",
                record["models"] if isinstance(record.get("models"), dict) else {},
            )
        )
    others = [
        RunLine(
            run.name or run.id[:8],
            run.flow,
            "running" if run.at_work else "done" if run.ended else "stopped",
            "",
            "",
            {},
        )
        for run in history.values()
        if run.flow not in ("train", "prepare", "shard") or run.at_work  # parts of other runs
    ]
    return published + others


def published_models(store: Store) -> Iterator[tuple[str, str, str, str]]:
    """Each model that a run has published: regime, digest's start, its figures, and the run's folder."""
    for run in list_runs(store):
        figures = read_facts(store, f"runs/{run.name}/metrics.json") if run.models else {}
        for regime, key in run.models.items():
            own = (figures.get("models") or {}).get(regime)
            figures_text = tell_figures({"models": {regime: own}}) if own else ""
            yield regime, str(key).rpartition("/")[2], figures_text, run.name


def tell_figures(figures: Mapping[str, Any]) -> str:
    """The best AUC and the best grading of an evaluation, each with its interval and the number of knees.

    Args:
        figures: As the evaluate stage writes them, `metrics.json`.
    """
    phrases: list[str] = []
    for section, key, name in (("jsl", "auc", "AUC"), ("kl", "accuracy", "KL accuracy")):
        parts = [(model or {}).get(section) or {} for model in (figures.get("models") or {}).values()]
        known = [part for part in parts if (part.get(key) or {}).get("value") is not None]
        if known:
            best = max(known, key=lambda part: part[key]["value"])
            ends = [best[key].get("low"), best[key].get("high")]
            interval = "" if None in ends else f" [{'–'.join(format_number(end, 2) for end in ends)}]"
            of = f"{best['progressed']} of {best['n']} progressed" if key == "auc" else f"{best['n']} knees"
            phrases.append(f"{name} {format_number(best[key]['value'], 2)}{interval}, {of}")
    return "; ".join(phrases)
