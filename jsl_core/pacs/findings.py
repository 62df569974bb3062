"""What is reported of a film: its knees with their grades and risks, its header, and by which model."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from jsl_core.cohort.columns import GRADE_PROBABILITIES, KL2_RISK, RISK, RISK_INTERVAL, STRANGE
from jsl_core.imaging.records import ScanRecord
from jsl_core.imaging.split import Side
from jsl_core.scans.rows import Row

__all__ = ["Box", "Film", "KneeFinding", "ModelIdentity", "knee_finding", "mirror_box"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ModelIdentity:
    """Which model it was: its name, the version of JSL that made it, the SHA-256 of its record.

    `outcome` says what its risk is of, "" for a loss of 0.7 mm of joint space within 48 months.
    """

    name: str
    version: str
    digest: str
    outcome: str = ""


@dataclass(frozen=True)
class KneeFinding:
    """What a model says of one knee.

    Attributes:
        side: 1 for right, 2 for left.
        box: The joint (x1, y1, x2, y2) in the film's pixels as stored; None where none was found on the film.
        grade: KL grade, None where the model tells none.
        probabilities: Of KL 0…4, or none.
        kl2_risk: Probability of KL 2 or above.
        risk: Probability of the model's outcome; `risk_interval` where several models tell it.
        strange: Distance from what the model learned from; above 1 the picture is unlike that.
        note: What was done against the header, and what should be looked at.
        widths: Joint space widths in mm by their names, where they were measured.
    """

    side: Side
    box: Box | None = None
    grade: int | None = None
    probabilities: tuple[float, ...] = ()
    kl2_risk: float | None = None
    risk: float | None = None
    risk_interval: tuple[float, float] | None = None
    strange: float | None = None
    note: str = ""
    widths: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_strange(self) -> bool:
        """Whether somebody should look at this one."""
        return self.strange is not None and self.strange > 1


@dataclass(frozen=True)
class Film:
    """A film and what was found on it.

    Attributes:
        header: Who, which study and which object, without pixels.
        record: What is known of the film.
        knees: What the model says, the right knee first.
        picture: uint8 H×W, bone bright, displayed conventionally.
    """

    header: Dataset
    record: ScanRecord
    knees: tuple[KneeFinding, ...]
    picture: npt.NDArray[np.uint8] = field(repr=False)

    def to_display(self, box: Box) -> Box:
        """A box in the film's pixels as stored, in those of its picture."""
        return mirror_box(box, self.record)


def knee_finding(row: Row, box: Box | None = None, widths: Mapping[str, float] | None = None) -> KneeFinding:
    """What a row of `score_crops`, or of the `scores.csv` made of it, says of a knee.

    Args:
        row: The row; a column that is empty or missing was not predicted.
        box: As of `KneeFinding`.
        widths: As of `KneeFinding`.
    """
    grade = _number(row, "kl_grade")
    probabilities = [_number(row, name) for name in GRADE_PROBABILITIES]
    low, high = (_number(row, name) for name in RISK_INTERVAL)
    return KneeFinding(
        side=1 if int(row["side"]) == 1 else 2,
        box=box,
        grade=None if grade is None else int(grade),
        probabilities=tuple(value for value in probabilities if value is not None),
        kl2_risk=_number(row, KL2_RISK),
        risk=_number(row, RISK),
        risk_interval=None if low is None or high is None else (low, high),
        strange=_number(row, STRANGE),
        note=row.get("note") or "",
        widths=widths or {},
    )


def _number(row: Row, name: str) -> float | None:
    value = row.get(name, "")
    return None if value == "" or value is None or math.isnan(float(value)) else float(value)


def mirror_box(box: Box, record: ScanRecord) -> Box:
    """A box in the pixels as stored in those of the display, or the other way round."""
    x1, y1, x2, y2 = box
    if record.flipped:
        x1, x2 = record.width - x2, record.width - x1
    if record.upside_down:
        y1, y2 = record.height - y2, record.height - y1
    return x1, y1, x2, y2
