"""The gallery: the knees of which a model was surest, right and wrong, with its saliency."""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK, row_names
from jsl_core.dataset import PackedDataset
from jsl_core.evaluation.called import GradeRule, call_grades
from jsl_core.evaluation.report.content import SaliencyExample, TestedKnee
from jsl_core.evaluation.saliency import SaliencyMethod, compute_saliency_maps, joint_space_share
from jsl_core.learning.model.bundle import ModelBundle

__all__ = ["build_gallery", "mean_joint_space_share", "select_surest"]

_OUTCOMES = {0: "stable", 1: "progressed"}


def build_gallery(
    model: str,
    bundle: ModelBundle,
    packed: PackedDataset,
    predictions: pd.DataFrame,
    method: SaliencyMethod,
    count: int,
    rule: GradeRule = "cost",
) -> list[SaliencyExample]:
    """Collect the knees of which a model is surest with their saliency, the correct ones first.

    Args:
        model: Its name.
        bundle: The model.
        packed: The dataset with the images.
        predictions: The model's rows of `predictions.csv`, of knees of `packed`.
        method: Of the saliency.
        count: How many knees at most.
        rule: How grades are called.
    """
    predictions = predictions.assign(ID=row_names(predictions))
    chosen = select_surest(predictions, bundle.thresholds.get("jsl"), count, rule)
    if chosen.empty:
        return []
    images, rows = _select_knees(packed, chosen["ID"])
    maps = compute_saliency_maps(bundle, images, rows, method)
    columns = (chosen[column] for column in ("ID", "answer", "truth", "correct"))
    return [
        SaliencyExample(model, name, image, saliency, answer, truth, correct)
        for name, answer, truth, correct, image, saliency in zip(*columns, images, maps, strict=True)
    ]


def list_tested_knees(
    bundle: ModelBundle, packed: PackedDataset, predictions: pd.DataFrame, rule: GradeRule = "cost"
) -> list[TestedKnee]:
    """List all knees that a model was measured on: correct answers, wrong ones, then those without a label.

    Args:
        bundle: The model.
        packed: The dataset with the images.
        predictions: The model's rows of `predictions.csv`, of knees of `packed`.
        rule: How grades are called.
    """
    names = row_names(predictions)
    judged = select_surest(predictions.assign(ID=names), bundle.thresholds.get("jsl"), len(predictions), rule)
    known = set(judged["ID"])
    unlabelled = pd.DataFrame({"ID": [name for name in names if name not in known]})
    chosen = pd.concat([judged, unlabelled.reindex(columns=judged.columns)])
    images, _ = _select_knees(packed, chosen["ID"])
    return [
        TestedKnee(str(row["ID"]), image, "", "no label", None)
        if pd.isna(row["answer"])
        else TestedKnee(str(row["ID"]), image, row["answer"], row["truth"], bool(row["correct"]))
        for row, image in zip(chosen.to_dict("records"), images, strict=True)
    ]


def mean_joint_space_share(
    bundle: ModelBundle,
    packed: PackedDataset,
    predictions: pd.DataFrame,
    method: SaliencyMethod,
    count: int = 32,
) -> float:
    """Mean share of a model's saliency inside the joint space.

    Args:
        bundle: The model.
        packed: The dataset with the images.
        predictions: The model's rows of `predictions.csv`, of knees of `packed`.
        method: Of the saliency.
        count: How many of the rows at most, spread evenly.
    """
    places = np.unique(np.linspace(0, len(predictions) - 1, count).round().astype(int))
    images, rows = _select_knees(packed, [row_names(predictions)[place] for place in places])
    return float(joint_space_share(compute_saliency_maps(bundle, images, rows, method)).mean())


def select_surest(
    predictions: pd.DataFrame, threshold: float | None, count: int, rule: GradeRule = "cost"
) -> pd.DataFrame:
    """Select the knees of the widest margin, half of them correct, half wrong, as far as there are as many.

    Args:
        predictions: Rows of `predictions.csv`.
        threshold: Of the risk; the margin is then the log odds ratio of the two. None for the KL grade, whose
            margin is its probability.
        count: How many knees at most.
        rule: How grades are called.

    Returns:
        Columns ID, answer, truth (a few words each) and correct.
    """
    knees = pd.DataFrame(
        list(
            _progression_answers(predictions, threshold)
            if threshold is not None
            else _grade_answers(predictions, rule)
        ),
        columns=["ID", "answer", "truth", "correct", "margin"],
    ).sort_values(["margin", "ID"], ascending=[False, True])
    correct, wrong = knees[knees["correct"]], knees[~knees["correct"]]
    wrongs = min(len(wrong), max(count // 2, count - len(correct)))
    return pd.concat([correct[: count - wrongs], wrong[:wrongs]]).drop(columns="margin")


def _progression_answers(
    predictions: pd.DataFrame, threshold: float
) -> Iterator[tuple[str, str, str, bool, float]]:
    for knee in predictions.dropna(subset=[PROGRESSION, RISK]).to_dict("records"):
        risk, truth = knee[RISK], int(knee[PROGRESSION])
        grade = "" if np.isnan(knee[GRADE]) else f", KL {knee[GRADE]:.0f}"
        answer = f"risk {risk:.2f}: {'progresses' if risk >= threshold else 'stable'}"
        yield (
            knee["ID"],
            answer,
            _OUTCOMES[truth] + grade,
            (risk >= threshold) == truth,
            abs(_log_odds(risk) - _log_odds(threshold)),
        )


def _grade_answers(predictions: pd.DataFrame, rule: GradeRule) -> Iterator[tuple[str, str, str, bool, float]]:
    for knee in predictions.dropna(subset=[GRADE, GRADE_PROBABILITIES[0]]).to_dict("records"):
        probability = np.array([knee[column] for column in GRADE_PROBABILITIES])
        guess, truth = int(call_grades(probability[None], rule)[0]), int(knee[GRADE])
        margin = float(probability[guess])
        yield knee["ID"], f"KL {guess} ({margin:.0%})", f"KL {truth}", guess == truth, margin


def _log_odds(risk: float) -> float:
    risk = min(max(risk, 1e-9), 1 - 1e-9)
    return math.log(risk / (1 - risk))


def _select_knees(packed: PackedDataset, names: Iterable[str]) -> tuple[NDArray[np.uint8], pd.DataFrame]:
    """Images and rows of the table, in the order of the names, which are those of `row_names`."""
    rows = pd.Index(row_names(packed.table)).get_indexer(pd.Index(list(names)))
    return np.asarray(packed.images[rows]), packed.table.iloc[rows]
