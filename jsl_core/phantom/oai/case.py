"""One invented participant of a release: rows of every table, films, and the truth a reader must find."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np

from jsl_core.config import PhantomSettings
from jsl_core.phantom.anatomy import draw_anatomy, make_generator
from jsl_core.phantom.risk import progression_risk

__all__ = ["BILATERAL_PA", "VISIT_MONTHS", "Case", "PlannedFilm", "Row", "Visits", "draw_case"]

Row = dict[str, str]

# Months after enrolment by the release's number; at the second and fourth no film of both knees is taken.
VISIT_MONTHS = {"00": 0, "01": 12, "02": 18, "03": 24, "04": 30, "05": 36, "06": 48, "08": 72, "10": 96}
BILATERAL_PA = "Bilateral PA Fixed Flexion Knee"
FIRST_PARTICIPANT = 1_000_001
_SEX = {1: "1: Male", 2: "2: Female"}
_RACE = {
    0: "0: Other Non-white",
    1: "1: White or Caucasian",
    2: "2: Black or African American",
    3: "3: Asian",
}
_COHORT = {1: "1: Progression", 2: "2: Incidence", 3: "3: Non-exposed control group"}
_NO = "0: No"
_LABEL_STEPS = {
    "no baseline mJSW",
    "too narrow to progress",
    "replaced before follow-up",
    "no follow-up mJSW",
}


@dataclass(frozen=True)
class PlannedFilm:
    """A film to be written: where, with which header, and which lists name it.

    Header fields that are empty are the folder's. `storage` is a folder, a zip of many films, or the series'
    own tar.gz as newer archives have it. `visit` is when it was taken, where that is not its release's;
    `package` the folder of its release, where that is not its visit's.
    """

    participant: str
    taken: date
    barcode: str
    release: str = "0.C.2"
    description: str = BILATERAL_PA
    header_description: str = ""
    time_point: str = "Screening Visit"
    header_participant: str = ""
    header_date: str = ""
    header_barcode: str = ""
    storage: str = "folder"
    accepted: str = "Y"
    listed: bool = True
    in_clinic: bool = True
    visit: str = ""
    package: str = ""

    @property
    def taken_at(self) -> str:
        """The number of its visit, such as `06`."""
        return self.visit or self.release.partition(".")[0].zfill(2)

    @property
    def folder(self) -> str:
        """The folder of the release in which it lies."""
        return self.package or f"images/{VISIT_MONTHS[self.release.partition('.')[0].zfill(2)]:02d}m"


@dataclass
class Visits:
    """What a participant's visits add to a case.

    Attributes:
        sq: By visit, rows of the semi-quantitative readings.
        jsw: By visit, rows of the joint space widths.
        clinical: By visit, the row of the clinical table, for the visits that have one.
        truth: By visit and side the row that a reader must make.
        excluded: By visit and side the step at which a row must be excluded, and the reason.
    """

    sq: dict[str, list[Row]] = field(default_factory=dict)
    jsw: dict[str, list[Row]] = field(default_factory=dict)
    clinical: dict[str, Row] = field(default_factory=dict)
    truth: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    excluded: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)


@dataclass
class Case:
    """A participant under construction; quirks change it, and the truth with it.

    Attributes:
        index: Of the participant, from 0.
        number: Its ID.
        enrollee: Row of the table of enrollees; None where it has none, as the next two.
        clinical: Row of the clinical table.
        outcome: Row of the table of outcomes.
        sq: Rows of the semi-quantitative readings (KL grades).
        jsw00: Rows of the joint space widths at baseline.
        jsw06: Those at 48 months.
        fta: Rows of the femorotibial angles.
        films: The films in the release.
        truth: By side (1 right, 2 left) the row of the cohort table that a reader must make.
        baseline_film: The film a reader must choose.
        excluded: By side, the step at which a knee must be excluded, and the reason.
        at_visits: What a release with all visits has and a reader of them must find; None in others.
    """

    index: int
    number: str
    enrollee: Row | None
    clinical: Row | None
    outcome: Row | None
    sq: list[Row]
    jsw00: list[Row]
    jsw06: list[Row]
    fta: list[Row]
    films: list[PlannedFilm]
    truth: dict[int, dict[str, Any]]
    baseline_film: PlannedFilm | None
    excluded: dict[int, tuple[str, str]] = field(default_factory=dict)
    at_visits: "Visits | None" = None

    def exclude(self, step: str, reason: str, sides: tuple[int, ...] = (1, 2)) -> None:
        """Set that a reader must exclude these knees at this step."""
        for side in sides:
            self.excluded[side] = (step, reason)
            self.truth[side] |= {"JSL_Prog": None, "JSL_mm": None}
            if step not in _LABEL_STEPS:
                self.truth[side] = {}

    def clear_truth(self, column: str, sides: tuple[int, ...] = (1, 2)) -> None:
        """Set that a reader must find no value in this column."""
        for side in sides:
            self.truth[side][column] = None

    def set_widths(self, side: int, baseline: float, followup: float) -> None:
        """Set a knee's joint space widths, and its label by them."""
        lost = round(baseline - followup, 3)
        self.jsw00[side - 1]["V00MCMJSW"], self.jsw06[side - 1]["V06MCMJSW"] = f"{baseline}", f"{followup}"
        self.truth[side] |= {
            "BL_mJSW_mm": baseline,
            "FU_mJSW_mm": followup,
            "JSL_mm": lost,
            "JSL_Prog": int(lost >= 0.7),
        }
        self.excluded.pop(side, None)
        if baseline < 0.7:
            self.exclude("too narrow to progress", "too narrow to progress", (side,))

    def change_film(self, **changes: Any) -> None:
        """Change the participant's film."""
        self.films[0] = replace(self.films[0], **changes)
        self.baseline_film = self.films[0]


def draw_case(settings: PhantomSettings, index: int) -> Case:
    """Participant `index` without any quirk: the anatomy of the phantom of the same seed and index."""
    anatomy = draw_anatomy(make_generator(settings.seed, index, "anatomy"))
    rng = make_generator(settings.seed, index, "outcome")
    number = str(FIRST_PARTICIPANT + index)
    taken = date(2004, 3, 1) + timedelta(days=int(rng.integers(700)))
    barcode = f"{330_000 + 7 * index:08d}"
    cohort, site = int(rng.integers(1, 4)), "ABCDE"[int(rng.integers(5))]
    film = PlannedFilm(number, taken, barcode, "0.C.2" if index % 2 else "0.E.1")
    knee = anatomy.knee(0, 1)
    case = Case(
        index,
        number,
        {"ID": number, "VERSION": "25", "P02SEX": _SEX[knee.sex], "P02RACE": _RACE[knee.race],
         "V00COHORT": _COHORT[cohort], "V00SITE": site},
        {"ID": number, "VERSION": "0.2.2", "V00AGE": str(knee.age), "P01BMI": f"{knee.bmi:.1f}",
         "V00CITY": "Montréal\x85"},
        {"id": number, "VERSION": "11"}
        | {f"V99E{s}K{what}": "" for s in "RL" for what in ("RPCF", "RPSN", "DAYS")}
        | {f"V99E{s}KBLRP": _NO for s in "RL"},
        [], [], [], [], [film], {}, film,
    )  # fmt: skip
    assert case.clinical is not None
    for side, name in ((1, "1: Right"), (2, "2: Left")):
        knee = anatomy.knee(0, side)
        case.clinical[f"P01INJ{' RL'[side]}"] = "1: Yes" if knee.injury else _NO
        key = {"ID": number, "SIDE": name}
        case.sq.append(
            key | {"READPRJ": "15", "VERSION": "0.8", "V00XRKL": str(knee.kl), "V00BARCDBU": f"0166{barcode}"}
        )
        case.jsw00.append(key | {"READPRJ": "15", "VERSION": "0.8", "V00NOMJSWX": "0"})
        case.jsw06.append(key | {"READPRJ": "15", "VERSION": "0.8", "V06NOMJSWX": "0"})
        case.fta.append(key | {"READPRJ": "15", "VERSION": "0.1", "V00FTANGLE": f"{knee.alignment}"})
        case.truth[side] = {
            "ID": f"{number}_{side}", "Age": knee.age, "Sex": knee.sex, "Race": knee.race, "BMI": knee.bmi,
            "Knee_Injury": knee.injury, "Alignment_degree": knee.alignment, "BL_KL_grade": knee.kl,
            "Cohort": cohort, "Site": site, "Barcode": barcode,
        }  # fmt: skip
        baseline = max(round(knee.mjsw_medial, 2), 0.0)
        progressed = rng.random() < progression_risk(anatomy)[0, side - 1]
        loss = rng.uniform(0.7, 1.6) if progressed else rng.uniform(-0.2, 0.69)
        case.set_widths(side, baseline, round(float(np.clip(baseline - loss, 0.0, 9.0)), 2))
    return case
