"""External validation of models: on another cohort's knees, none of whom they learned from."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import pandas as pd

from jsl_core.cohort.columns import GRADE, PROGRESSION, RISK, STRANGE, key_columns
from jsl_core.cohort.persons import person_key
from jsl_core.config import EvaluateSettings
from jsl_core.errors import BadTable
from jsl_core.evaluation.grading import grade_figures
from jsl_core.evaluation.report.cohort_tables import tabulate_sample
from jsl_core.evaluation.validation.case_mix import case_mix_figures
from jsl_core.evaluation.validation.figures import FEWEST, too_few, validate_target
from jsl_core.evaluation.validation.targets import TARGETS, Target
from jsl_core.learning.model.ensemble import Ensemble, Member, validation_risks
from jsl_core.scans.rows import Row
from jsl_core.scoring.evaluate import count_training_persons, persons_of, predict_cohort
from jsl_core.scoring.scores import JointCrop

__all__ = ["KnownPersons", "check_targets", "settle_known_persons", "validate_ensemble"]

KnownPersons = Literal["refuse", "leave-out", "other-people"]


def settle_known_persons(
    ensemble: Ensemble, rows: pd.DataFrame, choice: KnownPersons, name: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Leave out, or refuse, the participants whom a model learned from or was chosen on.

    Args:
        ensemble: The models.
        rows: Of the cohort table.
        choice: `refuse` such a cohort; `leave-out` those participants; `other-people`: the numbers are the
            same by chance, as those of two hospitals may be.
        name: Of the table, for messages.

    Returns:
        The rows that stay, and what was done: `choice`, `participants` and `knees` whose number a model
        knows, and whether every model says whom it learned from (`training_known`).

    Raises:
        BadTable: If there are such participants, and they are to be refused, or nobody else is left.
    """
    known = rows["participant"].map(person_key).isin(persons_of(ensemble.members, "train", "val"))
    counts = count_training_persons(ensemble.members, rows)
    people = int(rows.loc[known, "participant"].nunique())
    record = {"choice": choice, "knees": int(known.sum()), "participants": people}
    record["training_known"] = bool(counts["training_known"])
    if people and choice == "refuse":
        raise BadTable(
            f"{name}: the models learned from {people} of its {rows['participant'].nunique()} participants, "
            "or were chosen on them, so that this is no external validation; leave them out (--known "
            "leave-out), or, where other people have the same numbers, say so (--known other-people)"
        )
    if people and choice == "leave-out":
        rows = rows[~known].reset_index(drop=True)
        if rows.empty:
            raise BadTable(f"{name}: the models learned from all of its participants; give another cohort")
    return rows, record


def check_targets(ensemble: Ensemble, rows: pd.DataFrame, name: str) -> None:
    """Check, before anything is scored, that the table can tell how good a model is at what it predicts.

    Raises:
        BadTable: If the table has no label of what any model predicts, or too few knees of either outcome.
    """
    predicted = [target for target in TARGETS if any(_predicts(one, target) for one in ensemble.members)]
    labels = " or ".join(target.label for target in predicted)
    labelled = [target for target in predicted if rows[target.label].notna().any()]
    if not labelled:
        others = [column for column in (GRADE, PROGRESSION) if rows[column].notna().any()]
        there = f"it has {others[0]}, which these models do not predict" if others else "it has no labels"
        raise BadTable(f"{name}: no knee has {labels}: {there}; fill that column, or give other models")
    reasons = {target.title: too_few(_outcomes(rows, target)) for target in labelled}
    if all(reasons.values()):
        title, reason = next(iter(reasons.items()))
        raise BadTable(
            f"{name}: {title[0].lower()}{title[1:]}: {reason}; give a larger cohort, or use jsl evaluate"
        )


def validate_ensemble(
    ensemble: Ensemble,
    crops: Iterable[JointCrop | Row],
    rows: pd.DataFrame,
    settings: EvaluateSettings,
    *,
    development: pd.DataFrame | None = None,
    flip: bool | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Validate every model and, if there are several, their average.

    Args:
        ensemble: The models.
        crops: Joint crops and rows of rejected ones.
        rows: The cohort's, after `settle_known_persons` and `check_targets`.
        settings: Of the figures.
        development: The table that the models learned from, for the risk factors of its knees.
        flip: Whether crops are averaged with their mirror images; None as each model's validation favoured.
        progress: Called with the knees done and the knees in all.

    Returns:
        The figures as JSON: `knees`, `scored`, `participants`, `rejected` (knees by reason),
        `characteristics` (a table), and of each model under `models` the `grades` (of `grade_figures`, or
        None), `targets` (of `validate_target`, with `case_mix`) and how many pictures were strange to it; and
        the predictions by model.

    Raises:
        BadTable: If a needed risk factor is missing, or no knee can be scored.
    """
    predictions, rejected = predict_cohort(ensemble, crops, rows, flip, progress)
    models = {}
    for name, scored in predictions.items():
        members = [one for one in ensemble.members if one.name == name] or list(ensemble.members)
        threshold = members[0].bundle.thresholds.get("jsl") if len(members) == 1 else ensemble.threshold
        origin, source = _development_rows(members, development)
        targets = {}
        for target in TARGETS:
            predictors = [one for one in members if _predicts(one, target)]
            if not predictors or len(predictors) < min(len(members), 2):  # the average of one is that one
                continue
            if not scored[target.label].notna().any():
                continue
            progression = target.label == PROGRESSION
            figures = validate_target(
                scored,
                target,
                threshold if progression else 0.5,
                settings,
                validation_risks(members) if progression else pd.DataFrame(columns=[PROGRESSION, RISK]),
            )
            if "reason" not in figures:
                figures["case_mix"] = case_mix_figures(origin, scored, target, source)
            targets[target.name] = figures
        graded = scored.dropna(subset=[GRADE]) if "osteoarthritis" in targets else None
        models[name] = {
            "members": [one.name for one in members],
            "grades": grade_figures(graded, settings) if graded is not None and len(graded) else None,
            "targets": targets,
            "strange": int((scored[STRANGE] > 1).sum()) if STRANGE in scored else None,
        }
    first = next(iter(predictions.values()))
    return {
        "knees": len(rows),
        "scored": len(first),
        "participants": int(first["participant"].nunique()),
        "rejected": dict(Counter(row["reason"] for row in rejected)),
        "characteristics": tabulate_sample(first),
        "models": models,
    }, predictions


def _predicts(member: Member, target: Target) -> bool:
    """Whether a model predicts an outcome: bundles have a threshold of progression, networks their heads."""
    if target.label == PROGRESSION:
        return "jsl" in member.bundle.thresholds
    network = getattr(member.bundle, "network", None)
    heads = network.spec.heads if network is not None else ("kl",) if member.bundle.regime == "kl" else ()
    return "kl" in heads


def _outcomes(rows: pd.DataFrame, target: Target) -> pd.DataFrame:
    """Participant and outcome of the labelled rows."""
    labelled = rows[rows[target.label].notna()]
    outcome = labelled[GRADE] >= 2 if target.label == GRADE else labelled[PROGRESSION]
    return pd.DataFrame({"participant": labelled["participant"], PROGRESSION: outcome.astype(float)})


def _development_rows(
    members: Sequence[Member], table: pd.DataFrame | None
) -> tuple[pd.DataFrame | None, str]:
    """The knees of the development that no model learned from, and what they are, or why there are none.

    Of several models the mean of their predictions; beside them the factors of the table, where one is given.
    """
    parts = [member.predictions for member in members if "participant" in member.predictions]
    rows, source = None, "the table of the development"
    if parts and len(parts) == len(members):
        for split, name in (("test", "its test part"), ("val", "its validation part")):
            own = pd.concat([part[part["split"] == split] for part in parts])
            if own["participant"].nunique() >= 2 * FEWEST:
                keys = [*key_columns(own), "participant"]
                numbers = [column for column in own if column not in (*keys, "side", "split")]
                rows, source = own.groupby(keys, as_index=False)[numbers].mean(), name
                break
    if rows is None and table is None:
        lacking = "keeps no predictions" if len(parts) < len(members) else "was tested on too few knees"
        return None, f"the model {lacking}; give --development, the cohort table that it learned from"
    if rows is None or table is None:
        return (table if rows is None else rows), source
    keys = [column for column in key_columns(rows) if column in table]
    factors = table[[column for column in table if column in keys or column not in rows]]
    return rows.merge(factors, on=keys, how="left"), f"{source}, with the factors of the table given"
