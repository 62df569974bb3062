"""Several bundles as one model: probabilities averaged, and how far the members disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jsl_core.cohort.columns import GRADE_PROBABILITIES, PROGRESSION, RISK, RISK_INTERVAL
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.dataset import fit_crop
from jsl_core.errors import BadTable, BundleError
from jsl_core.learning.model.baseline import BaselineBundle
from jsl_core.learning.model.bundle import ModelBundle, read_record
from jsl_core.learning.model.calibration import best_threshold
from jsl_core.training.device import pick_device

__all__ = ["Ensemble", "Member", "validation_risks"]

_Z95 = 1.959964
_LOG_ODDS_MAX = 20.0  # a risk of exactly 0 or 1 has none


@dataclass(frozen=True)
class Member:
    """One bundle, where it came from, and a short name that no other member has.

    `seen` is its `predictions.csv`: what it said of the knees it was trained, chosen and tested on; empty
    where the folder has none.
    """

    name: str
    bundle: ModelBundle | BaselineBundle
    seen: pd.DataFrame

    @property
    def factors(self) -> FactorEncoder | None:
        return self.bundle.factors

    def predict(
        self, crops: Sequence[NDArray[np.uint8]], table: pd.DataFrame, flip: bool | None
    ) -> pd.DataFrame:
        """What the bundle says of N crops, uint8 H×W of any size, with rows of a cohort table."""
        if isinstance(self.bundle, BaselineBundle):
            return self.bundle.predict(table)
        images = np.stack([fit_crop(crop, self.bundle.size) for crop in crops])
        return self.bundle.predict(images, table, flip)


@dataclass(frozen=True)
class Ensemble:
    """One bundle or several; `threshold` is the risk at and above which progression is called, if any."""

    members: tuple[Member, ...]
    threshold: float | None

    @classmethod
    def load(cls, folders: Sequence[Path], device: Literal["auto", "cpu", "cuda"] = "auto") -> "Ensemble":
        """Read the bundles in these folders; a cross-validation's is all its models.

        Raises `BundleError`, `BadSettings`.
        """
        if not folders:
            raise BundleError("no model is named; give the folder of at least one bundle")
        folders = [one for folder in folders for one in _models_of(folder)]
        names = _short_names(folders)
        target = pick_device(device)
        members = tuple(_member(folder, name) for folder, name in zip(folders, names, strict=True))
        for member in members:
            if isinstance(member.bundle, ModelBundle):
                member.bundle.network.to(target)
        fields = {_field_mm(member.bundle) for member in members if isinstance(member.bundle, ModelBundle)}
        if len(fields) > 1:
            raise BundleError("the models look at crops of different sizes in mm; use them one by one")
        return cls(members, _threshold(members))

    @property
    def image_bundle(self) -> ModelBundle | None:
        """The first member that looks at images."""
        return next((one.bundle for one in self.members if isinstance(one.bundle, ModelBundle)), None)

    @property
    def field_mm(self) -> float | None:
        """Side of the crops in mm, None where the models know no scale."""
        return _field_mm(self.image_bundle) if self.image_bundle else None

    def check_factors(self, table: pd.DataFrame | None, where: str) -> None:
        """Raise `BadTable` unless every factor that a member needs is known for at least one knee."""
        for member in self.members:
            needed = member.factors.columns if member.factors else ()
            if needed and table is None:
                raise BadTable(f"{member.name} needs {', '.join(needed)} of every knee; give {where}")
            for column in needed:
                if table is not None and table[column].isna().all():
                    raise BadTable(
                        f"{where}: {column} is missing for every knee and {member.name} needs it; fill the "
                        "column, or use a model without it"
                    )

    def predict_each(
        self, crops: Sequence[NDArray[np.uint8]], table: pd.DataFrame, flip: bool | None = None
    ) -> dict[str, pd.DataFrame]:
        """What every member says, by its name: `kl_0`…`kl_4`, `jsl_risk` or both, a row per knee.

        `crops` are N joints, uint8 H×W of any size, as on the film; `table` has N rows with `side` and the
        factors; `flip` overrides the bundles' own.
        """
        return {member.name: member.predict(crops, table, flip) for member in self.members}

    def average(self, each: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """The members' mean, with the columns `RISK_INTERVAL` where two or more of them predict a risk.

        The interval is the mean ± 1.96 standard deviations of the members' log odds: where another member
        trained the same way would fall, not where the truth does.
        """
        columns: dict[str, NDArray[np.float64]] = {}
        first = GRADE_PROBABILITIES[0]
        grades = [table[GRADE_PROBABILITIES].to_numpy() for table in each.values() if first in table]
        if grades:
            columns |= dict(zip(GRADE_PROBABILITIES, np.mean(grades, axis=0).T, strict=True))
        risks = np.array([told[RISK].to_numpy() for told in each.values() if RISK in told])
        if len(risks):
            columns[RISK] = risks.mean(axis=0)
        if len(risks) > 1:
            odds = np.clip(np.log(risks) - np.log1p(-risks), -_LOG_ODDS_MAX, _LOG_ODDS_MAX)
            centre, spread = odds.mean(axis=0), _Z95 * odds.std(axis=0, ddof=1)
            for name, edge in zip(RISK_INTERVAL, (centre - spread, centre + spread), strict=True):
                columns[name] = 1 / (1 + np.exp(-edge))
        return pd.DataFrame(columns)


def _models_of(folder: Path) -> list[Path]:
    """A bundle's folder itself, or those of a cross-validation: below it, or its namesakes beside."""
    names = [f"fold-{number}" for number in range(1, 1 + read_record(folder).get("folds", 0))]
    below = [folder / name for name in names]
    if below and not below[0].is_dir():
        return [folder.parent / name / folder.name for name in names]
    return below or [folder]


def _member(folder: Path, name: str) -> Member:
    image = read_record(folder).get("network") is not None
    bundle = ModelBundle.load(folder) if image else BaselineBundle.load(folder)
    try:
        seen = pd.read_csv(folder / "predictions.csv", dtype={"ID": str, "participant": str, "split": str})
    except (OSError, ValueError):
        seen = pd.DataFrame(columns=["ID", "split"])
    return Member(name, bundle, seen)


def _field_mm(bundle: ModelBundle) -> float | None:
    return None if bundle.mm_per_pixel is None else round(bundle.mm_per_pixel * bundle.size, 3)


def _short_names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that differ."""
    parts = [folder.absolute().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise BundleError("a model is named twice; name each once")
    length = next(n for n in range(1, 1000) if len({part[-n:] for part in parts}) == len(parts))
    return ["/".join(part[-length:]) for part in parts]


def validation_risks(members: Sequence[Member]) -> pd.DataFrame:
    """The mean `jsl_risk` and the outcome of the knees that members were chosen on, each by those it was.

    Of members that share a validation part that is the ensemble's own; of the folds of a cross-validation,
    the predictions out of fold. Empty unless every member that tells a risk has kept its predictions.
    """
    telling = [member for member in members if "jsl" in member.bundle.thresholds]
    told = [member.seen for member in telling if RISK in member.seen]
    if not told or len(told) < len(telling):
        return pd.DataFrame(columns=[RISK, PROGRESSION])
    chosen = pd.concat([seen[(seen["split"] == "val") & seen[PROGRESSION].notna()] for seen in told])
    return chosen.groupby("ID")[[RISK, PROGRESSION]].mean()


def _threshold(members: Sequence[Member]) -> float | None:
    """The best threshold of `validation_risks`; where there are none, the mean of the members' thresholds."""
    own = [member.bundle.thresholds["jsl"] for member in members if "jsl" in member.bundle.thresholds]
    if len(own) < 2:
        return own[0] if own else None
    pooled = validation_risks(members)
    if pooled[PROGRESSION].nunique() < 2:
        return float(np.mean(own))
    return best_threshold(pooled[RISK].to_numpy(), pooled[PROGRESSION].to_numpy())
