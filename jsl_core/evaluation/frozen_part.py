"""The frozen test part of a line of models: which decisions it made, and whom another can be made of."""

import io
from collections.abc import Collection, Iterable

from jsl_core.cohort.persons import person_key, person_keys
from jsl_core.errors import JslError
from jsl_core.storage import Store, digest_of, tree_files
from jsl_core.storage.registry import Decision, Registry
from jsl_core.system.spreadsheet import read_csv

__all__ = ["comparisons_on", "fresh_participants", "name_test_part"]


def fresh_participants(store: Store, participants: Collection[str]) -> frozenset[str]:
    """Find those participants whom no registered model learned from, was chosen on or was measured on.

    Args:
        store: With the registry; each model's `predictions.csv` names all participants of its dataset.
        participants: Of a cohort table, as the store names them.

    Raises:
        JslError: None is fresh; or the store knows none of them, so that nobody can tell who is.
    """
    registry, known = Registry(store), set[str]()
    for regime in registry.regimes():
        for version in registry.versions(regime):
            table = store.get(tree_files(store, version.model)["predictions.csv"])
            known |= person_keys(read_csv(io.BytesIO(table))["participant"])
    if not person_keys(participants) & known:
        raise JslError(
            "the models of the store have seen none of the table's participants; give the table that they "
            "learn from, and of a run with pseudonyms the one that it packed (datasets/…/table.csv)"
        )
    fresh = frozenset(name for name in participants if person_key(name) not in known)
    if not fresh:
        raise JslError("the models of the store have seen all of the table's participants; wait for new ones")
    return fresh


def comparisons_on(part: str, history: Iterable[Decision]) -> list[Decision]:
    """The decisions of a line that compared two models on this test part, of `name_test_part`.

    Those of earlier versions, which did not name theirs, count: a decision is then stricter than it must be.
    """
    return [
        each for each in history if "figure" in each.figures and each.figures.get("test_part", part) == part
    ]


def name_test_part(participants: Collection[str]) -> str:
    """The digest by which a decision names the participants it was made on."""
    return digest_of(sorted(participants))
