"""What readers who graded blindly make of a run's knees, beside its labels and its model."""

from deployments.review.desk import Desk
from jsl_core.errors import StoreError
from jsl_core.evaluation.readers import compare_readers
from jsl_core.review.acts import UNGRADABLE
from jsl_core.storage import Store

__all__ = ["collect_readings", "print_agreement"]


def collect_readings(store: Store, run: str) -> dict[str, dict[str, int]]:
    """Collect grades by knee and visit: of each reader, the run's table (`label`), and its model (`model`).

    Raises:
        StoreError: If nobody has graded yet.
    """
    desk = Desk(store, run)
    readings: dict[str, dict[str, int]] = {}
    for act in desk.journal.acts():
        if act.subject.what != "reading" or not act.counts:
            continue
        own = readings.setdefault(act.subject.reader, {})
        for entry in desk.entries_of(act.subject):
            if entry.side == act.subject.side or not act.subject.film:
                own.pop(entry.row_name, None)
                if act.value and act.value != UNGRADABLE:
                    own[entry.row_name] = int(act.value)
    if not any(readings.values()):
        raise StoreError(f"store {store.url}: nobody has graded yet; start with jsl review --grade NAME")
    packed = [entry for entry in desk.entries.values() if entry.packed is not None]
    for name, fact in (("label", "grade"), ("model", "predicted")):
        readings[f"the {name}"] = {
            entry.row_name: int(entry.facts[fact]) for entry in packed if entry.facts[fact] is not None
        }
    return readings


def print_agreement(store: Store, run: str) -> None:
    """Print how far every two agree, one line a pair."""
    for agreement in compare_readers(collect_readings(store, run)):
        print(agreement)
