"""A synthetic cohort on disk: films, the table a study would have, and the truth behind both."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from jsl_core.config import PhantomSettings
from jsl_core.errors import BadScan, JslError
from jsl_core.phantom.anatomy import Anatomy, draw_anatomy, stream
from jsl_core.phantom.defects import DEFECTS, broken
from jsl_core.phantom.dicom import encode
from jsl_core.phantom.encoding import draw_encoding, stored_box, stored_values
from jsl_core.phantom.film import joint_boxes, make_film, plan_film
from jsl_core.phantom.risk import COEFFICIENTS, INTERCEPT, at_risk, attainable_auc, risk_of
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import parallel_map

__all__ = ["study_and_truth", "write_phantom"]

_FIRST = 1_000_001  # invented participants
_CENSORED = 0.02  # share of knees replaced or lost before 48 months
_BLANK = {"BMI": 0.01, "Knee_Injury": 0.015, "Alignment_degree": 0.03}  # share of missing cells


def write_phantom(
    dst: Path,
    settings: PhantomSettings,
    jobs: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `scans/<participant>.dcm`, `JSL.csv`, `truth.csv` and, last, `truth.json` into `dst`.

    Films that are already there are kept; a complete folder returns at once. A film depends on the seed and
    its number alone, so more participants leave the earlier films as they are. `truth.csv` has one row per
    knee: boxes in pixels of the stored picture, lengths in mm, `risk` the true probability of progression,
    `defect` blank or the known reason why the scan is unusable.

    Raises JslError where `dst` holds a phantom of other settings, StoreError where it cannot be written.
    """
    truth: dict[str, Any] = {"settings": settings.model_dump(mode="json")}
    if _stated(dst) == truth["settings"]:
        return
    _claim(dst, settings)
    missing = [index for index in range(settings.patients) if not _film(dst, index).exists()]
    done = settings.patients - len(missing)
    work = partial(_write_film, dst, settings)
    for count, outcome in enumerate(parallel_map(work, missing, jobs), start=done + 1):
        if isinstance(outcome, BadScan):  # its worker was killed
            raise outcome
        if progress:
            progress(count, settings.patients)

    for name, table in zip(("JSL.csv", "truth.csv"), study_and_truth(settings), strict=True):
        _write(dst / name, table.to_csv(index=False, lineterminator="\n"))
    model = {"intercept": INTERCEPT, "coefficients": COEFFICIENTS}
    truth |= {"seed": settings.seed, "attainable_auc": attainable_auc(), "model": model}
    _write(dst / "truth.json", json.dumps(truth, indent=2) + "\n")


def study_and_truth(settings: PhantomSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table a study of this cohort would have, and the truth; nothing is drawn. One row per knee each."""
    knees = [row for index in range(settings.patients) for row in _knees(settings, index)]
    study, truth = (pd.DataFrame([pair[part] for pair in knees]) for part in (0, 1))
    return study.astype({"Knee_Injury": "Int64", "JSL_Prog": "Int64"}), truth


def _stated(dst: Path) -> dict[str, Any] | None:
    try:
        return json.loads((dst / "truth.json").read_text())["settings"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError):
        return None


def _claim(dst: Path, settings: PhantomSettings) -> None:
    """Note whose films the folder holds before the first is written, so that two cohorts never mix."""
    note = dst / "settings.json"
    # More participants of the same cohort only add films.
    mine = settings.model_dump(mode="json", exclude={"patients"})
    try:
        theirs = json.loads(note.read_text())
    except (FileNotFoundError, ValueError):
        theirs = None
    if theirs not in (None, mine):
        raise JslError(f"{dst}: holds a phantom cohort of other settings; give an empty folder")
    if theirs is None and _film(dst, 0).exists():
        raise JslError(f"{dst}: holds scans that are not this cohort's; give an empty folder")
    _write(note, json.dumps(mine) + "\n")
    (dst / "truth.json").unlink(missing_ok=True)


def _film(dst: Path, index: int) -> Path:
    return dst / "scans" / f"{_FIRST + index}.dcm"


def _defect(settings: PhantomSettings, index: int) -> str:
    rng = stream(settings.seed, index, "defect")
    kind = list(DEFECTS)[int(rng.integers(len(DEFECTS)))]
    return kind if rng.random() < settings.defects else ""


def _write_film(dst: Path, settings: PhantomSettings, index: int) -> None:
    film = make_film(settings.seed, index, settings)
    encoding = draw_encoding(stream(settings.seed, index, "encoding"))
    values = stored_values(film, encoding)
    participant, defect = str(_FIRST + index), _defect(settings, index)
    if defect:
        data = broken(defect, values, participant, film.spacing_mm, encoding)
    else:
        data = encode(values, participant, film.spacing_mm, encoding)
    with write_atomically(_film(dst, index)) as file:
        file.write(data)


def _knees(settings: PhantomSettings, index: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Per knee of a participant, its row of the study's table and its row of the truth."""
    anatomy = draw_anatomy(stream(settings.seed, index, "anatomy"))
    layout = plan_film(settings.seed, index, settings)
    encoding = draw_encoding(stream(settings.seed, index, "encoding"))
    labels, risks = _outcome(anatomy, settings, index), risk_of(anatomy)[0]
    blanks = stream(settings.seed, index, "outcome").spawn(1)[0].random((2, len(_BLANK)))
    rows = []
    for knee, label in zip(layout.knees, labels, strict=True):
        blank = {name for name, u in zip(_BLANK, blanks[knee.side - 1], strict=True) if u < _BLANK[name]}
        study = {
            "ID": f"{_FIRST + index}_{knee.side}",
            "Age": knee.age,
            "Sex": knee.sex,
            "Race": knee.race,
            "BMI": knee.bmi,
            "Knee_Injury": knee.injury,
            "Alignment_degree": knee.alignment,
            "BL_KL_grade": knee.kl,
            "JSL_Prog": label,
        }
        corners = stored_box(joint_boxes(layout)[knee.side], layout.width, encoding)
        truth = {
            "ID": study["ID"],
            "file": _film(Path(), index).as_posix(),
            "side": knee.side,
            "risk": round(float(risks[knee.side - 1]), 6),
            "mjsw_medial_mm": round(knee.mjsw_medial, 3),
            "mjsw_lateral_mm": round(knee.mjsw_lateral, 3),
            "plateau_mm": round(knee.plateau, 3),
            "spacing_mm": round(layout.spacing, 6),
            **{name: round(value, 2) for name, value in zip(("x1", "y1", "x2", "y2"), corners, strict=True)},
            "KL": knee.kl,
            "defect": _defect(settings, index),
            "density_ratio": round(knee.density_ratio, 4),
            "sclerosis_medial": round(knee.sclerosis_medial, 4),
            "osteophytes_medial_mm": round((knee.osteophytes[0] + knee.osteophytes[2]) / 2, 3),
        }
        rows.append(({name: None if name in blank else value for name, value in study.items()}, truth))
    return rows


def _outcome(anatomy: Anatomy, settings: PhantomSettings, index: int) -> list[int | None]:
    """Progression of the right and left knee: 1, 0, or None where censored or with nothing left to lose."""
    rng = stream(settings.seed, index, "outcome")
    progressed, censored = rng.random(2) < risk_of(anatomy)[0], rng.random(2) < _CENSORED
    known = at_risk(anatomy)[0] & ~censored
    return [int(p) if k else None for p, k in zip(progressed, known, strict=True)]


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())
