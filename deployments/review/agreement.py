"""What readers who graded blindly make of a run's knees, beside its labels and its model."""

from deployments.review.run_tables import find_run, read_run_tables
from deployments.review.sheet import build_sheet
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import StoreError
from jsl_core.evaluation.readers import compare_readers
from jsl_core.review.acts import UNGRADABLE
from jsl_core.review.journal import Journal
from jsl_core.storage import Store

__all__ = ["collect_readings", "print_agreement"]


def collect_readings(store: Store, run: str) -> dict[str, dict[str, int]]:
    """Collect grades by knee: of each reader, of the run's table (`label`), and of its model (`model`).

    Raises:
        StoreError: If nobody has graded yet.
    """
    readings: dict[str, dict[str, int]] = {}
    for act in Journal(store).acts():
        if act.subject.what == "reading" and act.counts:
            own = readings.setdefault(act.subject.reader, {})
            own.pop(normalise_knee(act.subject.knee), None)
            if act.value and act.value != UNGRADABLE:
                own[normalise_knee(act.subject.knee)] = int(act.value)
    if not any(readings.values()):
        raise StoreError(f"store {store.url}: nobody has graded yet; start with jsl review --grade NAME")
    entries = [
        entry
        for entry in build_sheet(read_run_tables(store, find_run(store, run)))
        if entry.packed is not None
    ]
    for name, fact in (("label", "grade"), ("model", "predicted")):
        known = {
            normalise_knee(entry.ID): int(entry.facts[fact])
            for entry in entries
            if entry.facts[fact] is not None
        }
        readings[f"the {name}"] = known
    return readings


def print_agreement(store: Store, run: str) -> None:
    """Print how far every two agree, one line a pair."""
    for agreement in compare_readers(collect_readings(store, run)):
        print(agreement)
