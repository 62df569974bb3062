"""How unlike the cohort is the one that a model was made on, and what of its AUC that explains."""

from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import FACTORS, GRADE, PROGRESSION, RISK
from jsl_core.evaluation.statistics.calibration import log_odds
from jsl_core.evaluation.statistics.case_mix import (
    expected_auc,
    membership_auc,
    standardised_difference,
)
from jsl_core.evaluation.statistics.delong import auc_interval
from jsl_core.evaluation.statistics.interval import independent_difference, number_or_none
from jsl_core.evaluation.validation.targets import Target, rows_of_target

__all__ = ["case_mix_figures"]

_FEWEST = 20  # knees of the development, below which there is nothing to compare with
_KNOWN = 0.5  # share of either sample's knees that must have a factor for it to count
_CODES = {"Sex": (2,), "Race": (0, 1, 2, 3), GRADE: (0, 1, 2, 3, 4), "Knee_Injury": (1,)}
_NAMES = {"Sex": "women", "Knee_Injury": "knee injury", PROGRESSION: "outcome", RISK: "log odds of the risk"}
_RACES = ("other", "white", "black", "Asian")


def case_mix_figures(
    development: pd.DataFrame | None, predictions: pd.DataFrame, target: Target, source: str
) -> dict[str, Any]:
    """Compare the knees of the validation with those of the development.

    Args:
        development: Knees of the development that the model did not learn from, with participant, the label,
            risk factors, and the model's predictions where it has kept them; None where nothing is known.
        predictions: The knees of the validation with their predictions, likewise.
        target: The outcome.
        source: What the knees of the development are, for readers; of None, why nothing is known.

    Returns:
        As JSON: a `reason` where there is nothing to compare with; else `source`, `n`, `inputs` (of the
        membership model), `membership` (its AUC), `characteristics` (by name: mean or share in either sample
        and their standardised difference), and, where the predictions are known, `mean` and `spread` of the
        linear predictor and `auc` of the development: observed, and expected if each risk were right, and the
        difference of the AUC here from it.
    """
    if development is None:
        return {"reason": source}
    known = set(target.predictions) <= set(development)
    own = _labelled(development, target, known)
    validated, _ = rows_of_target(predictions, target)
    if len(own) < _FEWEST:
        return {"reason": f"of the development {len(own)} labelled knees are known, fewer than {_FEWEST}"}
    both = pd.concat([own.assign(validated=False), validated.assign(validated=True)], ignore_index=True)
    inputs = _inputs(both, with_risk=known)
    side = both["validated"].to_numpy(bool)
    people = [f"{name} {sample}" for name, sample in zip(both["participant"], side, strict=True)]
    figures = {
        "source": source,
        "n": len(own),
        "participants": int(own["participant"].nunique()),
        "inputs": list(inputs),
        "membership": membership_auc(inputs.to_numpy(float), side, np.array(people)).to_json(),
        "characteristics": {name: _compare(column.to_numpy(float), side) for name, column in inputs.items()},
    }
    return figures | (_predictors(own, validated) if known else {})


def _labelled(development: pd.DataFrame, target: Target, known: bool) -> pd.DataFrame:
    """The development's labelled knees, with the outcome as `JSL_Prog` and, where it is known, the risk."""
    if known:
        return rows_of_target(development, target)[0]
    stand_in = development.assign(**dict.fromkeys(target.predictions, 0.2))
    return rows_of_target(stand_in, target)[0].drop(columns=RISK)


def _inputs(both: pd.DataFrame, with_risk: bool) -> pd.DataFrame:
    """What the membership model is shown: outcome, factors known in both samples, linear predictor."""
    columns = {_NAMES[PROGRESSION]: both[PROGRESSION]}
    for factor in (*FACTORS, GRADE):
        values = both.get(factor, pd.Series(np.nan, both.index))
        known = [values[both["validated"] == sample].notna().mean() for sample in (False, True)]
        if min(known) < _KNOWN:
            continue
        if factor not in _CODES:
            columns[_name(factor)] = values
        for code in _CODES.get(factor, ()):
            columns[_name(factor, code)] = (values == code).where(values.notna()).astype(float)
    if with_risk:
        columns[_NAMES[RISK]] = pd.Series(log_odds(both[RISK]), both.index)
    return pd.DataFrame(columns)


def _name(factor: str, code: int = 0) -> str:
    if factor == "Race":
        return f"race {_RACES[code]}"
    if factor == GRADE:
        return f"KL grade {code}"
    return _NAMES.get(factor, factor.replace("_degree", ", °").replace("Age", "age, years"))


def _compare(values: Any, side: Any) -> dict[str, float | None]:
    first, second = (values[mask & ~np.isnan(values)] for mask in (~side, side))
    return {
        "development": number_or_none(float(first.mean())),
        "validation": number_or_none(float(second.mean())),
        "difference": number_or_none(standardised_difference(first, second)),
    }


def _predictors(own: pd.DataFrame, validated: pd.DataFrame) -> dict[str, Any]:
    """Mean and spread of the linear predictor in both samples, and the AUC in the development."""
    odds = {"development": log_odds(own[RISK]), "validation": log_odds(validated[RISK])}
    positive, risk = own[PROGRESSION].to_numpy() == 1, own[RISK].to_numpy(float)
    both = 0 < positive.sum() < len(own)
    there = auc_interval(positive, risk, own["participant"].to_numpy()) if both else None
    here = auc_interval(
        validated[PROGRESSION] == 1, validated[RISK].to_numpy(float), validated["participant"].to_numpy()
    )
    return {
        "mean": {name: float(values.mean()) for name, values in odds.items()},
        "spread": {name: float(values.std()) for name, values in odds.items()},
        "auc": {
            "n": len(own),
            "observed": there.to_json() if there else None,
            "expected": number_or_none(expected_auc(risk)),
            "difference": independent_difference(here, there).to_json() if there else None,
        },
    }
