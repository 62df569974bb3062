"""The content of a report: plain values, so that the page can be written, and tested, without a pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Box", "ReportContent", "SaliencyExample", "StagedKnee", "Stages", "TestedKnee"]

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class StagedKnee:
    """One knee of the example film, after splitting and after cropping.

    `place` (x1, y1, x2, y2) is the knee's part of the film, in the film's pixels; `image` uint8 H×W is that
    part; `box` is the joint in pixels of `image`; `joint` uint8 S×S is the crop.
    """

    ID: str
    place: Box
    image: Image
    box: Box
    joint: Image


@dataclass(frozen=True)
class Stages:
    """The example film, uint8 H×W, and its knees."""

    film: Image
    knees: Sequence[StagedKnee]


@dataclass(frozen=True)
class SaliencyExample:
    """A knee with a model's saliency: `image` uint8 S×S, and `saliency` float S×S oriented the same way.

    `answer` (the model's) and `truth` are a few words each, such as `risk 0.81` and `progressed, KL 3`;
    `correct` says whether they agree.
    """

    model: str
    ID: str
    image: Image
    saliency: NDArray[np.float32]
    answer: str
    truth: str
    correct: bool


@dataclass(frozen=True)
class TestedKnee:
    """A knee of the measured part: `image` uint8 S×S as the networks see it, and what one model said of it.

    `answer` and `truth` are a few words each, as of `SaliencyExample`; `correct` is None without a label.
    """

    __test__ = False  # no class of tests

    ID: str
    image: Image
    answer: str
    truth: str
    correct: bool | None


@dataclass(frozen=True)
class ReportContent:
    """All that the page shows.

    `figures` is the summary that the evaluate stage writes: `models` (by name, of
    `evaluate_predictions`), the `part` they were measured on (`test`, or `val` where there is none), the
    `design` (of `StudyDesign`),
    `comparisons` (of `compare_models`), `grade_comparisons` (of `compare_grades`), `best_attainable` (AUC by
    set of information, or None on real films) and `dataset`. `table` is the packed dataset's; `histories` the
    learning curves (`history.csv`) by model; `films` are the
    accepted ones, as `tabulate_films` takes them; `rejected` has file, ID, reason, sentence; `grades` a few
    joints, uint8 S×S, by KL grade; `joint_space_share` the mean share of saliency inside the joint space by
    model, where it was measured. `knees` are all of the measured part, the surest answers first, with what
    model `knees_of` said. `widths` are the rows of the measure stage, `readings` what readers measured
    on the same films, of `read_readings`.
    `corrections` counts reviewers' corrections by kind, of `Corrections.tally`.
    `decision` is a retraining's decision on its model, as the registry keeps it.
    `lineage` are the steps from the scans to this page: stage, what it made, the start of that's digest.
    `settings` is JSON, `origins` has those that are not at their default: name, value, where it came from and
    what it stands in place of; `versions` names what made the report and from which dataset.
    """

    name: str
    date: str
    phantom: bool
    figures: Mapping[str, Any]
    table: pd.DataFrame
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    histories: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    scans: int | None = None
    films: pd.DataFrame = field(default_factory=pd.DataFrame)
    rejected: pd.DataFrame = field(default_factory=pd.DataFrame)
    stages: Stages | None = None
    grades: Mapping[int, Sequence[Image]] = field(default_factory=dict)
    examples: Sequence[SaliencyExample] = ()
    joint_space_share: Mapping[str, float] = field(default_factory=dict)
    knees: Sequence[TestedKnee] = ()
    knees_of: str = ""
    widths: pd.DataFrame = field(default_factory=pd.DataFrame)
    readings: pd.DataFrame | None = None
    lineage: Sequence[tuple[str, str, str]] = ()
    decision: Mapping[str, Any] | None = None
    corrections: Mapping[str, int] = field(default_factory=dict)
    origins: Sequence[tuple[str, str, str, str]] = ()
