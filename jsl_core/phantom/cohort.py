"""A synthetic cohort on disk: films, the table a study would have, and the truth behind both."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from jsl_core.config import PhantomSettings
from jsl_core.errors import BadScan, JslError, StoreError
from jsl_core.phantom.anatomy import FIRST_PARTICIPANT, Anatomy, draw_anatomy, make_generator
from jsl_core.phantom.defects import DEFECTS, encode_defective
from jsl_core.phantom.dicom import encode_film
from jsl_core.phantom.encoding import draw_encoding, stored_box, stored_values
from jsl_core.phantom.film import joint_boxes, make_film, plan_film
from jsl_core.phantom.replacement import HORIZON, draw_replacement, replacement_risk
from jsl_core.phantom.risk import COEFFICIENTS, INTERCEPT, at_risk, attainable_auc, progression_risk
from jsl_core.phantom.visit_table import tabulate_visits
from jsl_core.phantom.visits import draw_progression
from jsl_core.phantom.widths import knee_margins, measure_widths
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import parallel_map

__all__ = ["claim_folder", "make_tables", "write_phantom"]

_CENSORED = 0.02  # share of knees replaced or lost before 48 months
_MISSING_SHARES = {"BMI": 0.01, "Knee_Injury": 0.015, "Alignment_degree": 0.03}  # of a column's cells


def write_phantom(
    dst: Path,
    settings: PhantomSettings,
    jobs: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `scans/<participant>.dcm`, `JSL.csv`, `truth.csv` and, last, `truth.json` into `dst`.

    Films of later visits lie in `scans_12m/` and so on. Films that are already there are kept; a complete
    folder returns at once. A film depends on the seed, its number and its visit alone, so more participants
    or visits leave the earlier films as they are. With several visits `JSL_visits.csv` has a row a knee and
    visit (see `tabulate_visits`). `JSL.csv` has one row per knee, `truth.csv` one per film
    and knee: boxes in pixels of the stored picture, lengths and widths in mm (see widths.py), `risk` the true
    probability of progression, `defect` empty or the known reason why the scan is unusable.

    Args:
        dst: The cohort's folder, made where it is missing.
        settings: Of the cohort.
        jobs: Worker processes; 0: one per processor core.
        progress: Called with the films done and their number.

    Raises:
        JslError: Where `dst` holds a phantom of other settings.
        StoreError: Where `dst` is a file or cannot be written.
    """
    same = {"outcome"} if settings.outcome == "jsl" else set()  # as cohorts have it that know no other
    truth: dict[str, Any] = {"settings": settings.model_dump(mode="json", exclude=same)}
    if _finished_settings(dst) == truth["settings"]:
        return
    # More participants or visits of the same cohort only add films.
    own = settings.model_dump(mode="json", exclude={"patients", "visits", *same})
    claim_folder(dst, own, "phantom cohort", _film_path(dst, 0))
    _remove(dst / "truth.json")  # the cohort is not finished
    films = [(index, month) for index in range(settings.patients) for month in settings.visits]
    missing = [film for film in films if not _film_path(dst, *film).exists()]
    done = len(films) - len(missing)
    work = partial(_write_film, dst, settings)
    for count, outcome in enumerate(parallel_map(work, missing, jobs), start=done + 1):
        if isinstance(outcome, BadScan):  # its worker was killed
            raise outcome
        if progress:
            progress(count, len(films))

    study, known = make_tables(settings)
    tables = {"JSL.csv": study, "truth.csv": known}
    if len(settings.visits) > 1 and settings.outcome == "jsl":
        tables["JSL_visits.csv"] = tabulate_visits(settings, study, known)
    for name, table in tables.items():
        _write(dst / name, table.to_csv(index=False, lineterminator="\n"))
    model = {"intercept": INTERCEPT, "coefficients": COEFFICIENTS}
    attainable = attainable_auc() if settings.outcome == "jsl" else {}
    truth |= {"seed": settings.seed, "attainable_auc": attainable, "model": model}
    _write(dst / "truth.json", json.dumps(truth, indent=2) + "\n")


def make_tables(settings: PhantomSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make the study's table, a row per knee, and the truth, a row per film and knee, without any film."""
    participants = range(settings.patients)
    study = pd.DataFrame([row for index in participants for row in _study_rows(settings, index)])
    films = [(index, month) for month in settings.visits for index in participants]
    truth = pd.DataFrame([row for film in films for row in _truth_rows(settings, *film)])
    whole = ("Knee_Injury", "JSL_Prog", "Event", "Outcome_months")
    return study.astype({name: "Int64" for name in whole if name in study}), truth


def _finished_settings(dst: Path) -> dict[str, Any] | None:
    try:
        return json.loads((dst / "truth.json").read_text())["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def claim_folder(dst: Path, settings: dict[str, Any], kind: str, first_output: Path) -> None:
    """Record in `settings.json` whose films a folder holds, before the first is written, so that none mix.

    Args:
        dst: The folder, made where it is missing.
        settings: What must not change between two runs into it.
        kind: What messages call its contents.
        first_output: A file or folder that only a run that claimed the folder may have written.

    Raises:
        JslError: Where the folder holds films of other settings.
        StoreError: Where it is a file, or cannot be read or written.
    """
    if os.path.exists(dst) and not os.path.isdir(dst):
        raise StoreError(f"{dst}: is a file; name a folder")
    record = dst / "settings.json"
    try:
        recorded = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        recorded = None
    except OSError as error:
        raise StoreError(f"{record}: cannot be read ({error.strerror}); give an empty folder") from error
    if recorded not in (None, settings) or (recorded is None and os.path.exists(first_output)):
        raise JslError(f"{dst}: holds a {kind} of other settings; give an empty folder")
    _write(record, json.dumps(settings) + "\n")


def _film_path(dst: Path, index: int, month: int = 0) -> Path:
    return dst / (f"scans_{month}m" if month else "scans") / f"{FIRST_PARTICIPANT + index}.dcm"


def _draw_defect(settings: PhantomSettings, index: int, month: int) -> str:
    rng = make_generator(settings.seed, index, "defect", month)
    kind = list(DEFECTS)[int(rng.integers(len(DEFECTS)))]
    return kind if rng.random() < settings.defects else ""


def _write_film(dst: Path, settings: PhantomSettings, film: tuple[int, int]) -> None:
    index, month = film
    picture = make_film(settings.seed, index, settings, month=month)
    encoding = draw_encoding(make_generator(settings.seed, index, "encoding", month))
    values = stored_values(picture, encoding)
    participant, defect = str(FIRST_PARTICIPANT + index), _draw_defect(settings, index, month)
    if defect:
        data = encode_defective(defect, values, participant, picture.spacing_mm, encoding, month)
    else:
        data = encode_film(values, participant, picture.spacing_mm, encoding, month)
    with write_atomically(_film_path(dst, index, month)) as file:
        file.write(data)


def _study_rows(settings: PhantomSettings, index: int) -> list[dict[str, Any]]:
    """Both knees of a participant in the study's table."""
    anatomy = draw_anatomy(make_generator(settings.seed, index, "anatomy"))
    labels = _label_rows(anatomy, settings, index)
    outcome = make_generator(settings.seed, index, "outcome")
    missing_draws = outcome.spawn(1)[0].random((2, len(_MISSING_SHARES)))
    rows = []
    for knee, label in zip((anatomy.knee(0, 1), anatomy.knee(0, 2)), labels, strict=True):
        missing = {
            name
            for (name, share), draw in zip(_MISSING_SHARES.items(), missing_draws[knee.side - 1], strict=True)
            if draw < share
        }
        study = {
            "ID": f"{FIRST_PARTICIPANT + index}_{knee.side}",
            "Age": knee.age,
            "Sex": knee.sex,
            "Race": knee.race,
            "BMI": knee.bmi,
            "Knee_Injury": knee.injury,
            "Alignment_degree": knee.alignment,
            "BL_KL_grade": knee.kl,
            "BL_mJSW_mm": round(knee.mjsw_medial, 3),
            **label,
        }
        rows.append({name: None if name in missing else value for name, value in study.items()})
    return rows


def _truth_rows(settings: PhantomSettings, index: int, month: int) -> list[dict[str, Any]]:
    """Both knees of one film in the table of the truth."""
    true_risk = replacement_risk if settings.outcome == "replacement" else progression_risk
    risks = true_risk(draw_anatomy(make_generator(settings.seed, index, "anatomy")))[0]
    layout = plan_film(settings.seed, index, settings, month=month)
    encoding = draw_encoding(make_generator(settings.seed, index, "encoding", month))
    rows = []
    for place, knee in enumerate(layout.knees):
        widths = measure_widths(knee_margins(knee, layout.variations[place]))
        corners = stored_box(joint_boxes(layout)[knee.side], layout.width, encoding)
        truth = {
            "ID": f"{FIRST_PARTICIPANT + index}_{knee.side}",
            "file": _film_path(Path(), index, month).as_posix(),
            "side": knee.side,
            "visit": month,
            "risk": round(float(risks[knee.side - 1]), 6),
            "mjsw_medial_mm": round(knee.mjsw_medial, 3),
            "mjsw_lateral_mm": round(knee.mjsw_lateral, 3),
            "plateau_mm": round(knee.plateau, 3),
            "spacing_mm": round(layout.spacing, 6),
            **{name: round(value, 2) for name, value in zip(("x1", "y1", "x2", "y2"), corners, strict=True)},
            "KL": knee.kl,
            "defect": _draw_defect(settings, index, month),
            "density_ratio": round(knee.density_ratio, 4),
            "sclerosis_medial": round(knee.sclerosis_medial, 4),
            "osteophytes_medial_mm": round((knee.osteophytes[0] + knee.osteophytes[2]) / 2, 3),
            "texture": round(knee.texture, 4),
        }
        rows.append(
            truth | {f"{name}_mm": round(value, 3) for name, value in widths.items() if name[0] == "j"}
        )
    return rows


def _label_rows(anatomy: Anatomy, settings: PhantomSettings, index: int) -> list[dict[str, Any]]:
    """The columns of the right and left knee that say what became of them."""
    if settings.outcome == "jsl":
        return [{"JSL_Prog": label} for label in _draw_outcomes(anatomy, settings, index)]
    named = {"Outcome": "replacement", "Outcome_months": HORIZON}
    rows = []
    for month, event in zip(*draw_replacement(anatomy, settings.seed, index), strict=True):
        lost = event == 0 and month < HORIZON
        label = None if lost else int(event == 1 and month <= HORIZON)
        rows.append({"JSL_Prog": label, **named, "Event_months": float(month), "Event": int(event)})
    return rows


def _draw_outcomes(anatomy: Anatomy, settings: PhantomSettings, index: int) -> list[int | None]:
    """Progression of the right and left knee: 1, 0, or None where censored or with nothing left to lose."""
    rng = make_generator(settings.seed, index, "outcome")
    rng.random(2)  # what draw_progression draws
    progressed, censored = draw_progression(anatomy, settings.seed, index), rng.random(2) < _CENSORED
    known = at_risk(anatomy)[0] & ~censored
    return [int(p) if k else None for p, k in zip(progressed, known, strict=True)]


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as file:
        file.write(text.encode())


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: cannot be removed ({error.strerror}); give an empty folder") from error
