"""Several models as one: probabilities averaged, and how far the members disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import (
    GRADE_PROBABILITIES,
    PROGRESSION,
    RISK,
    RISK_INTERVAL,
    STRANGE,
    key_columns,
    risk_months,
)
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.cohort.outcomes import USUAL_OUTCOME
from jsl_core.dataset import fit_crop
from jsl_core.errors import BadTable, BundleError
from jsl_core.learning.model.baseline import BaselineBundle
from jsl_core.learning.model.calibration import best_threshold
from jsl_core.learning.model.grader_record import SHIPPED_GRADER, is_grader
from jsl_core.learning.model.record import PREDICTIONS, BundleRecord
from jsl_core.system.spreadsheet import read_csv

if TYPE_CHECKING:  # graders do without PyTorch, which takes seconds to import, and trainings without OpenCV
    from jsl_core.learning.model.bundle import ModelBundle
    from jsl_core.learning.model.grader import Grader

__all__ = ["Ensemble", "Member", "model_folders", "validation_risks"]

_Z95 = 1.959964
_LOG_ODDS_MAX = 20.0  # a risk of exactly 0 or 1 has none
_REQUIRED = ["ID", "split", PROGRESSION]  # columns of predictions that are of use


class ImageModel(Protocol):
    """What looks at crops: a bundle's network, or a grader."""

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""

    def predict(self, images: NDArray[np.uint8], table: pd.DataFrame, flip: bool | None) -> pd.DataFrame:
        """Predictions of crops, uint8 N×S×S, by column."""


@dataclass(frozen=True)
class Member:
    """One model of an ensemble.

    Attributes:
        name: The shortest end of its folder's path that no other member has.
        bundle: The model.
        predictions: Its `predictions.csv`, of the knees it was trained, chosen and tested on; empty where
            the folder has none.
    """

    name: str
    bundle: "ModelBundle | BaselineBundle | Grader"
    predictions: pd.DataFrame

    @property
    def factors(self) -> FactorEncoder | None:
        """Encodes the risk factors; None where the model has none."""
        return self.bundle.factors

    def predict(
        self, crops: Sequence[NDArray[np.uint8]], table: pd.DataFrame, flip: bool | None
    ) -> pd.DataFrame:
        """The bundle's predictions; arguments are those of `Ensemble.predict_each`."""
        if isinstance(self.bundle, BaselineBundle):
            return self.bundle.predict(table)
        model: ImageModel = self.bundle
        return model.predict(np.stack([fit_crop(crop, model.size) for crop in crops]), table, flip)


@dataclass(frozen=True)
class Ensemble:
    """One model or several as one.

    Attributes:
        members: The bundles.
        threshold: The risk at and above which progression is called; None where no member predicts it.
    """

    members: tuple[Member, ...]
    threshold: float | None

    @classmethod
    def load(cls, folders: Sequence[Path], device: Literal["auto", "cpu", "cuda"] = "auto") -> "Ensemble":
        """The models in these folders as one model.

        Args:
            folders: Of bundles or graders, or none for the shipped grader; that of a cross-validation stands
                for those of its folds.
            device: Where networks compute; graders compute on the processor.

        Raises:
            BundleError: A model cannot be used, or they do not go together.
            BadSettings: A GPU is asked for where there is none.
        """
        folders = [model for folder in folders or [SHIPPED_GRADER] for model in model_folders(folder)]
        names = _short_names(folders)
        members = tuple(
            _load_member(folder, name, device) for folder, name in zip(folders, names, strict=True)
        )
        looking = [one.bundle for one in members if not isinstance(one.bundle, BaselineBundle)]
        if len({_field_mm(model) for model in looking}) > 1:
            raise BundleError("the models look at crops of different sizes in mm; use them one by one")
        if len({_crop_field(model) for model in looking}) > 1:
            raise BundleError(
                "a grader looks at tighter crops than a bundle of this project's crops; use them one by one"
            )
        outcomes = {_outcome(one.bundle) for one in members if "jsl" in one.bundle.thresholds}
        if len(outcomes) > 1:
            raise BundleError(
                f"the models predict {' and '.join(sorted(outcomes))}, which are not one outcome; use them "
                "one by one"
            )
        return cls(members, _threshold(members))

    @property
    def image_bundle(self) -> "ModelBundle | Grader | None":
        """The first member that looks at images."""
        models = (one.bundle for one in self.members)
        return next((model for model in models if not isinstance(model, BaselineBundle)), None)

    @property
    def field_mm(self) -> float | None:
        """Side of the crops in mm, None where the models know no scale."""
        return _field_mm(self.image_bundle) if self.image_bundle else None

    @property
    def crop_field(self) -> float:
        """Side of the crops to be cut from films, as a multiple of the detected joint's box."""
        return _crop_field(self.image_bundle) if self.image_bundle else 1.0

    def check_factors(self, table: pd.DataFrame | None, where: str) -> None:
        """Check that every factor that a member needs is known for at least one knee.

        Args:
            table: A cohort table, None if there is none.
            where: Its name in the message.

        Raises:
            BadTable: A factor is missing for every knee.
        """
        for member in self.members:
            needed = member.factors.columns if member.factors else ()
            if needed and table is None:
                raise BadTable(f"{member.name} needs {', '.join(needed)} of every knee; give {where}")
            for column in needed:
                if table is not None and (column not in table or table[column].isna().all()):
                    raise BadTable(
                        f"{where}: {column} is missing for every knee and {member.name} needs it; fill the "
                        "column, or use a model without it"
                    )

    def predict_each(
        self, crops: Sequence[NDArray[np.uint8]], table: pd.DataFrame, flip: bool | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every member's predictions.

        Args:
            crops: N joints as on the film, uint8 H×W of any size.
            table: N rows with `side`, and the risk factors where a member needs them.
            flip: Whether to average with the mirror images; None does as each bundle says.

        Returns:
            By member's name `kl_0`…`kl_4`, `jsl_risk` or both, N rows.
        """
        return {member.name: member.predict(crops, table, flip) for member in self.members}

    def average(self, each: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The members' mean, with the columns `RISK_INTERVAL` where two or more of them predict a risk.

        A picture is as strange as to the member that finds it strangest.

        The interval is the mean ± 1.96 standard deviations of the members' log odds: where another member
        trained the same way would fall, not where the truth does.

        Args:
            each: Predictions by member, as `predict_each` returns them.
        """
        columns: dict[str, NDArray[np.float64]] = {}
        first = GRADE_PROBABILITIES[0]
        grades = [table[GRADE_PROBABILITIES].to_numpy() for table in each.values() if first in table]
        if grades:
            columns |= dict(zip(GRADE_PROBABILITIES, np.mean(grades, axis=0).T, strict=True))
        strange = [table[STRANGE].to_numpy() for table in each.values() if STRANGE in table]
        if strange:
            columns[STRANGE] = np.max(strange, axis=0)
        risks = np.array([table[RISK].to_numpy() for table in each.values() if RISK in table])
        if len(risks):
            columns[RISK] = risks.mean(axis=0)
            columns |= _mean_risks_by_month([table for table in each.values() if RISK in table])
        if len(risks) > 1:
            odds = np.clip(np.log(risks) - np.log1p(-risks), -_LOG_ODDS_MAX, _LOG_ODDS_MAX)
            centre, spread = odds.mean(axis=0), _Z95 * odds.std(axis=0, ddof=1)
            for name, edge in zip(RISK_INTERVAL, (centre - spread, centre + spread), strict=True):
                columns[name] = 1 / (1 + np.exp(-edge))
        return pd.DataFrame(columns)


def _mean_risks_by_month(tables: Sequence[pd.DataFrame]) -> dict[str, NDArray[np.float64]]:
    """The mean risk by each month that all of some predictions tell."""
    shared = set.intersection(*(set(risk_months(table).values()) for table in tables))
    return {
        name: np.mean([table[name].to_numpy() for table in tables], axis=0)
        for name in risk_months(shared).values()
    }


def model_folders(folder: Path) -> list[Path]:
    """A model's folder itself, or those of a cross-validation: below it, or its namesakes beside."""
    if is_grader(folder):
        return [folder]
    names = [f"fold-{number}" for number in range(1, 1 + BundleRecord.read(folder).folds)]
    below = [folder / name for name in names]
    if below and not below[0].is_dir():
        return [folder.parent / name / folder.name for name in names]
    return below or [folder]


def _load_member(folder: Path, name: str, device: Literal["auto", "cpu", "cuda"]) -> Member:
    if is_grader(folder):
        from jsl_core.learning.model.grader import Grader

        return Member(name, Grader.load(folder), _no_predictions())
    record = BundleRecord.read(folder)
    bundle = BaselineBundle.load(folder) if record.network is None else _load_network(folder, device)
    if (folder / PREDICTIONS).exists():  # the threshold of several models depends on them
        record.check_file(folder, PREDICTIONS)
    return Member(name, bundle, _read_predictions(folder / PREDICTIONS))


def _load_network(folder: Path, device: Literal["auto", "cpu", "cuda"]) -> "ModelBundle":
    from jsl_core.learning.model.bundle import ModelBundle
    from jsl_core.training.device import pick_device

    bundle = ModelBundle.load(folder)
    bundle.network.to(pick_device(device))
    return bundle


def _read_predictions(path: Path) -> pd.DataFrame:
    """A bundle's predictions; without rows where they are absent or damaged, as a bundle can do without."""
    try:
        predictions = read_csv(path, **{PROGRESSION: float, RISK: float})
    except (OSError, ValueError):
        predictions = pd.DataFrame()
    return predictions if {*_REQUIRED} <= {*predictions} else _no_predictions()


def _no_predictions() -> pd.DataFrame:
    return pd.DataFrame(columns=_REQUIRED)


def _field_mm(bundle: "ModelBundle | Grader") -> float | None:
    return None if bundle.mm_per_pixel is None else round(bundle.mm_per_pixel * bundle.size, 3)


def _outcome(bundle: "ModelBundle | BaselineBundle | Grader") -> str:
    return getattr(bundle, "outcome", "") or USUAL_OUTCOME


def _crop_field(bundle: "ModelBundle | Grader") -> float:
    return float(getattr(bundle, "crop_field", 1.0))


def _short_names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that differ."""
    parts = [folder.absolute().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise BundleError("a model is named twice; name each once")
    length = next(n for n in range(1, 1000) if len({part[-n:] for part in parts}) == len(parts))
    return ["/".join(part[-length:]) for part in parts]


def validation_risks(members: Sequence[Member]) -> pd.DataFrame:
    """The mean predicted risk, and the outcome, of the validation knees of the members.

    Each knee's mean is over the members that it was a validation knee of. Of members that share a validation
    part that is the ensemble's own risk; of the folds of a cross-validation, the predictions out of fold.

    Returns:
        `jsl_risk` and the outcome by ID (and visit); empty unless every member that predicts a risk has its
        predictions.
    """
    predictors = [member for member in members if "jsl" in member.bundle.thresholds]
    tables = [member.predictions for member in predictors if RISK in member.predictions]
    if not tables or len(tables) < len(predictors):
        return pd.DataFrame(columns=[RISK, PROGRESSION])
    rows = pd.concat([table[(table["split"] == "val") & table[PROGRESSION].notna()] for table in tables])
    return rows.groupby(key_columns(rows), dropna=False)[[RISK, PROGRESSION]].mean()


def _threshold(members: Sequence[Member]) -> float | None:
    """The best threshold of `validation_risks`; where there are none, the mean of the members' thresholds."""
    thresholds = [member.bundle.thresholds["jsl"] for member in members if "jsl" in member.bundle.thresholds]
    if len(thresholds) < 2:
        return thresholds[0] if thresholds else None
    pooled = validation_risks(members)
    if pooled[PROGRESSION].nunique() < 2:
        return float(np.mean(thresholds))
    return best_threshold(pooled[RISK].to_numpy(), pooled[PROGRESSION].to_numpy())
