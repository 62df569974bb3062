"""Reference figures for comparison: published ones, and the best attainable on phantoms."""

from collections.abc import Mapping
from typing import Any

from jsl_core.cohort.outcomes import USUAL_OUTCOME

__all__ = ["INFORMATION", "SEED_KL_ACCURACY", "TITLES", "best_attainable", "published_auc"]

TITLES = {
    "kl": "KL grade",
    "jsl-image": "Image",
    "jsl-joint-frozen": "Image + risk factors, CNN frozen",
    "jsl-joint": "Image + risk factors",
    "multitask": "Multi-task, KL and progression",
    "risk-factors": "Risk factors alone",
}

# The inputs of each progression model, as the phantom's truth.json names it.
INFORMATION = {
    "risk-factors": "risk-factors",
    "jsl-image": "image",
    "multitask": "image",
    "jsl-joint-frozen": "image+factors",
    "jsl-joint": "image+factors",
}

# The notebooks this project grew from, on 300 (progression) and 500 (KL) OAI knees: test parts balanced by
# downsampling, and knees of a participant on both sides of the split. Not comparable figure by figure.
_SEED_AUC = {"risk-factors": 0.60, "jsl-image": 0.721, "jsl-joint-frozen": 0.720, "multitask": 0.696}
SEED_KL_ACCURACY = {"kl": 0.726, "multitask": 0.63}


def published_auc(model: str, figures: Mapping[str, Any]) -> float | None:
    """The notebooks' AUC of a regime; None where the run's outcome is another one than theirs."""
    return _SEED_AUC.get(model) if figures.get("outcome", "") in ("", USUAL_OUTCOME) else None


def best_attainable(model: str, figures: Mapping[str, Any]) -> float | None:
    """The AUC of a perfect model of the same inputs; None where the truth is not known."""
    attainable = figures.get("best_attainable") or {}
    return attainable.get(INFORMATION.get(model, ""))
