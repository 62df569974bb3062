"""Champion and challenger: the frozen test part, both models' predictions on it, and the decision."""

import io
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from jsl_core.cohort.columns import key_columns
from jsl_core.cohort.outcomes import USUAL_OUTCOME, describe_outcome_of
from jsl_core.cohort.splits import held_out_participants
from jsl_core.config import RetrainSettings
from jsl_core.errors import BadSettings, BundleError, JslError
from jsl_core.storage import Artifact, Store, checkout, tree_files
from jsl_core.storage.registry import Decision, Registry, Version
from jsl_core.system.spreadsheet import format_csv, read_csv
from tasks.caching import Placement, stage

if TYPE_CHECKING:  # SciPy and PyTorch take seconds to import: a run says before that that it has begun
    from jsl_core.evaluation.champion import Comparison

__all__ = ["decide", "freeze", "predict", "refuse_other_outcome", "size_of"]


def freeze(tree: Artifact, regime: str, placement: Placement) -> frozenset[str]:
    """The frozen test participants of a line; chosen once, as the test part of a dataset or of a model's.

    Of a model that was trained on one knee of a participant, the other knee is no test.
    """
    store = placement.open()
    registry = Registry(store)
    participants = registry.frozen_test(regime)
    if participants is None:
        files = tree_files(store, tree)
        table = store.get(files.get("predictions.csv") or files["table.csv"])
        rows = read_csv(io.BytesIO(table))
        participants = held_out_participants(rows)
        if not participants:
            raise JslError(
                "no participant is in the test part with all knees, so models cannot be compared; raise "
                "pack.test, and split by participant"
            )
        registry.freeze_test(regime, participants)
    return participants


def size_of(model: Artifact, store: Store) -> int:
    """Side in pixels of the crops that a model takes.

    Raises:
        BundleError: It takes none, as the baseline, or is several models, as a cross-validation's.
    """
    bundle = _read_bundle(model, store)
    if not bundle.get("network"):
        raise BundleError(f"model {model.name}: has no network of its own; promote one that has")
    size: int = bundle["network"]["size"]
    return size


def refuse_other_outcome(champion: Version, dataset: Artifact, store: Store) -> None:
    """Refuse to train a challenger on another outcome than the one that the champion predicts.

    Raises:
        BadSettings: The dataset's labels are of another; models of two outcomes cannot be compared.
    """
    bundle = _read_bundle(champion.model, store)
    if "jsl" not in bundle.get("thresholds", {}):
        return
    table = read_csv(io.BytesIO(store.get(tree_files(store, dataset)["table.csv"])))
    predicted, labelled = bundle.get("outcome") or USUAL_OUTCOME, describe_outcome_of(table) or USUAL_OUTCOME
    if predicted != labelled:
        raise BadSettings(
            f"store {store.url}: the champion of {champion.regime} predicts {predicted}, and this table's "
            f"labels are {labelled}; a line of models has one outcome, so use another store for this one"
        )


def _read_bundle(model: Artifact, store: Store) -> dict[str, Any]:
    """The record of a model, empty where it is several models."""
    file = tree_files(store, model).get("bundle.json")
    record: dict[str, Any] = json.loads(store.get(file)) if file else {}
    return record


@stage("predict", version=1)
def predict(model: Artifact, dataset: Artifact, placement: Placement) -> Artifact:
    """A model's predictions for every knee of a dataset, beside the labels: `predictions.csv`."""
    from jsl_core.dataset import PackedDataset
    from jsl_core.learning.model.bundle import ModelBundle

    store = placement.open()
    packed = PackedDataset.load(checkout(store, dataset, placement.folder("trees")))
    bundle = ModelBundle.load(checkout(store, model, placement.folder("trees")))
    predictions = bundle.predict(packed.images, packed.table)
    names = [*key_columns(packed.table), "participant", "split", "BL_KL_grade", "JSL_Prog"]
    labels = packed.table[names]
    rows = pd.concat([labels.reset_index(drop=True), predictions.reset_index(drop=True)], axis=1)
    return store.put(format_csv(rows).encode(), "predictions.csv")


def decide(
    challenger: Version,
    champion: Version | None,
    predictions: tuple[Artifact, Artifact] | None,
    frozen: frozenset[str],
    rule: RetrainSettings,
    placement: Placement,
) -> Decision:
    """Promote the challenger if it is not worse than the champion, and write down why.

    `predictions` are the challenger's and the champion's, None where there is no champion. A decision that
    was made before a run was killed stands. Raises Overtaken if the champion changed meanwhile.
    """
    from jsl_core.evaluation.champion import compare_with_champion, earlier_decision
    from jsl_core.evaluation.frozen_part import comparisons_on, name_test_part

    registry = Registry(placement.open())
    earlier = [each for each in registry.history(rule.regime) if each.version == challenger.name]
    if earlier:
        decision = earlier[-1]
    elif champion is None or predictions is None:
        figures = {"why": "the first model of its line"}
        decision = registry.promote(rule.regime, challenger.name, figures, over="")
    else:
        tables = [_read(placement.open(), each) for each in predictions]
        part = name_test_part(frozen)
        compared = [
            earlier_decision(each.action == "promote", each.figures)
            for each in comparisons_on(part, registry.history(rule.regime))
        ]
        comparison = compare_with_champion(tables[0], tables[1], frozen, rule.margin, compared)
        record = registry.promote if comparison.not_worse else registry.keep
        figures = _figures(comparison) | {"test_part": part}
        decision = record(rule.regime, challenger.name, figures, over=champion.name)
    return decision


def _read(store: Store, predictions: Artifact) -> pd.DataFrame:
    return read_csv(io.BytesIO(store.get(predictions)))


def _figures(comparison: "Comparison") -> dict[str, Any]:
    return asdict(comparison) | {"why": "not worse" if comparison.not_worse else "not shown to be as good"}
