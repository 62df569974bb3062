"""Stage 7: all figures of all models, as one JSON artifact."""

import io
import json

import pandas as pd

from jsl_core.cohort.columns import key_columns
from jsl_core.config import EvaluateSettings
from jsl_core.storage import Artifact, Store, tree_files
from jsl_core.system.spreadsheet import read_csv
from tasks.caching import Placement, stage
from tasks.progress import Progress

__all__ = ["evaluate", "predictions_of"]


@stage("evaluate", version=3)
def evaluate(
    dataset: Artifact,
    models: dict[str, Artifact],
    truth: Artifact | None,
    settings: EvaluateSettings,
    placement: Placement,
    repeats: list[dict[str, Artifact]] | None = None,
) -> Artifact:
    """Every model on the test knees (where there are none, on the validation knees), every two compared.

    `repeats` are the same trainings with other seeds, which tell how much of the figures is luck of a seed.
    """
    from jsl_core.cohort.outcomes import describe_outcome_of
    from jsl_core.evaluation.comparisons import compare_grades, compare_models
    from jsl_core.evaluation.seeds import seed_figures
    from jsl_core.evaluation.study_design import StudyDesign
    from jsl_core.evaluation.summary import evaluate_predictions

    store = placement.open()
    packed = tree_files(store, dataset)
    table = read_csv(io.BytesIO(store.get(packed["table.csv"])))
    predictions = {name: predictions_of(store, model, table) for name, model in models.items()}
    packing = json.loads(store.get(packed["dataset.json"]))
    progress = Progress("evaluate", len(models))
    bundles = {
        name: json.loads(store.get(tree_files(store, model)["bundle.json"])) for name, model in models.items()
    }
    folds = max((bundle.get("folds", 0) for bundle in bundles.values()), default=0)
    design = StudyDesign.of(table, folds, "test" in packing["given"])
    part, figures, thresholds = design.part, {}, {}
    for name, rows in predictions.items():
        bundle = bundles[name]
        thresholds[name] = bundle["thresholds"].get("jsl")
        figures[name] = evaluate_predictions(rows, thresholds[name], settings, part)
        progress.step()
    trainings = [
        predictions,
        *({name: predictions_of(store, each[name], table) for name in models} for each in repeats or ()),
    ]
    summary = {
        "models": figures,
        "part": part,
        "design": design.to_json(),
        "comparisons": compare_models(predictions, thresholds, settings, part),
        "grade_comparisons": compare_grades(predictions, settings, part),
        "best_attainable": json.loads(store.get(truth))["attainable_auc"] if truth else None,
        "dataset": packing,
        "outcome": describe_outcome_of(table),
        "seeds": seed_figures(trainings, part, settings) if repeats else {},
    }
    return store.put(json.dumps(summary, indent=1).encode(), "metrics.json")


def predictions_of(store: Store, model: Artifact, table: pd.DataFrame) -> pd.DataFrame:
    """A model's `predictions.csv` with the factor columns of the packed table beside."""
    data = store.get(tree_files(store, model)["predictions.csv"])
    rows = read_csv(io.BytesIO(data))
    factors, keys = [column for column in table if column not in rows], key_columns(rows)
    return rows.merge(table[[*keys, *factors]], on=keys, validate="one_to_one")
