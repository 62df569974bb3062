"""The rows of the contact sheet: every knee and film of a run with what one filters and sorts by."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from deployments.review.entry import Entry
from deployments.review.run_tables import RunTables
from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, PROGRESSION, RISK, STRANGE, VISIT, row_names
from jsl_core.cohort.persons import normalise_knee
from jsl_core.evaluation.called import call_grades
from jsl_core.scans.rows import Row

__all__ = ["COLUMNS", "HIDDEN_FROM_GRADERS", "build_sheet"]

COLUMNS = (
    *("key", "ID", "film", "side", "picture", "reason", "sentence", "score", "ambiguous", "padded"),
    *("side_from", "side_sure", "contradiction", "polarity_turned", "note", "joints_seen", "visit", "split"),
    *("site", "grade", "progressed", "predicted", "sure", "probabilities", "risk", "strange", "width"),
)
HIDDEN_FROM_GRADERS = (
    *("grade", "progressed", "predicted", "sure", "probabilities", "risk", "split", "site", "note"),
    *("strange", "width"),
)

_BY_PREFERENCE = ("jsl-joint", "multitask", "jsl-image", "kl")  # of several models that predict the same
_CONTRADICTIONS = frozenset(
    {"unknown_side", "one_knee_expected_two", "two_knees", "too_many_joints", "turned"}
)
_DENIED = 0.3  # probability of a side by the anatomy, below which it contradicts
_NOT_FILMS = frozenset({"not_dicom", "directory", "presentation_state", "report", "document", "own_result"})


def build_sheet(tables: RunTables) -> list[Entry]:
    """List all knees and films of a run in the order of films and sides, right one first."""
    predictions = _predictions(tables)
    names = row_names(tables.table) if len(tables.table) else []
    records = zip(names, _records(tables.table), strict=True)
    in_table = {name: (number, row) for number, (name, row) in enumerate(records)}
    visits = {(row["file"], row["ID"]): row[VISIT] for row in tables.gathered if VISIT in row}
    widths = {(row["file"], row["ID"]): row for row in tables.widths}
    left_out = {
        (row["file"], "" if pd.isna(row["ID"]) else row["ID"]): row
        for row in _records(tables.rejected)
        if isinstance(row["file"], str)
    }
    entries = []
    for film, knees in _knees_by_film(tables):
        for side, knee, joint in knees or [(0, {}, {})]:
            name = str(knee.get("ID") or joint.get("ID") or "")
            visit = visits.get((film["file"], name), "")
            row_name = f"{normalise_knee(name)}@{visit}" if visit else normalise_knee(name)
            number, labels = in_table.get(row_name, (None, {})) if name else (None, {})
            rejection = _rejection(film, knee, joint, left_out)
            used = number if joint.get("png") and not rejection else None
            facts = {
                **_film_facts(film, side, knee, joint),
                **_label_facts(labels),
                **_predicted_facts(predictions, row_name if used is not None else ""),
                "visit": visit,
                "reason": rejection.get("reason", ""),
                "sentence": rejection.get("sentence", ""),
                "width": _number(widths.get((film.get("file"), name), {}).get("mjsw_medial_mm")),
            }
            entries.append(Entry(film, side, name, knee, joint, used, facts))
    if not tables.films:
        entries += _entries_of_crops(tables, predictions)
    return entries


def _knees_by_film(tables: RunTables) -> Iterator[tuple[Row, list[tuple[int, Row, Row]]]]:
    """Each film with its knees: side, row of the split stage, row of the crop stage."""
    knees: dict[str, dict[int, list[Row]]] = {}
    for place, rows in ((0, tables.knees), (1, tables.joints)):
        for row in rows:
            side = row.get("side") or 0
            knees.setdefault(row["file"], {}).setdefault(side, [{}, {}])[place] = row
    films = {row["file"]: row for row in tables.films if row.get("reason") not in _NOT_FILMS}
    for file, film in sorted(films.items()):
        of_film = sorted(knees.get(file, {}).items())
        yield (
            film,
            [(side, knee, joint) for side, (knee, joint) in of_film if side]
            or [(0, knee, joint) for _, (knee, joint) in of_film],
        )


def _rejection(film: Row, knee: Row, joint: Row, left_out: Mapping[Any, Row]) -> Row:
    """The row that says why there is no knee; an empty one where there is."""
    for row in (film, knee, joint):
        if row.get("reason"):
            return row
    name = joint.get("ID") or knee.get("ID") or ""
    return left_out.get((film["file"], name)) or left_out.get((film["file"], "")) or {}


def _film_facts(film: Row, side: int, knee: Row, joint: Row) -> dict[str, Any]:
    sure = _side_sureness(film, side)
    source = joint or knee
    note = str(source.get("note") or film.get("note") or "")
    reason = next((row["reason"] for row in (film, knee, joint) if row.get("reason")), "")
    return {
        "score": _number(joint.get("score")),
        "ambiguous": bool(joint.get("ambiguous")),
        "padded": bool(joint.get("padded")),
        "side_from": source.get("side_from", ""),
        "side_sure": sure,
        "contradiction": bool(reason in _CONTRADICTIONS or (sure is not None and sure < _DENIED)),
        "polarity_turned": film.get("polarity_from") == "picture" and "turned" in str(film.get("note")),
        "note": note,
        "joints_seen": source.get("joints_seen"),
        "visit": "",
    }


def _side_sureness(film: Row, side: int) -> float | None:
    """The probability of the knee's side by its anatomy; None where nobody looked or no joint was found."""
    joints = (film.get("look") or {}).get("joints", [])
    if not joints or not side or film.get("flipped") or film.get("upside_down"):
        return None
    ordered = sorted(joints, key=lambda joint: joint["x1"])
    joint = ordered[0] if side == 1 else ordered[-1]
    return round(joint["right"] if side == 1 else 1 - joint["right"], 4)


def _label_facts(labels: Mapping[str, Any]) -> dict[str, Any]:
    site = labels.get("Site", labels.get("site"))
    return {
        "grade": _number(labels.get(GRADE)),
        "progressed": _number(labels.get(PROGRESSION)),
        "split": str(labels.get("split", "")),
        "site": "" if site is None or pd.isna(site) else str(site),
    }


def _predictions(tables: RunTables) -> dict[str, dict[Any, dict[Any, Any]]]:
    """The predictions by kind (`grade`, `risk`), of the preferred model that has them, by knee."""
    found: dict[str, pd.DataFrame] = {}
    names = [*_BY_PREFERENCE, *tables.predictions]
    for kind, column in (("grade", GRADE_PROBABILITIES[0]), ("risk", RISK)):
        for name in names:
            predicted = tables.predictions.get(name)
            if predicted is not None and column in predicted and predicted[column].notna().any():
                found[kind] = (
                    predicted.assign(name=row_names(predicted)).drop_duplicates("name").set_index("name")
                )
                break
    if "grade" in found:
        known = found["grade"].dropna(subset=GRADE_PROBABILITIES)
        called = call_grades(known[GRADE_PROBABILITIES].to_numpy(), "cost")
        found["grade"] = known.assign(called=called)
    return {kind: table.to_dict("index") for kind, table in found.items()}


def _predicted_facts(predictions: Mapping[str, Any], knee: str) -> dict[str, Any]:
    graded = predictions.get("grade", {}).get(knee, {})
    risky = predictions.get("risk", {}).get(knee, {})
    shares = [round(float(graded[name]), 3) for name in GRADE_PROBABILITIES] if graded else None
    return {
        "predicted": int(graded["called"]) if graded else None,
        "probabilities": shares,
        "sure": max(shares) if shares else None,
        "risk": _number(risky.get(RISK)),
        "strange": _number(graded.get(STRANGE, risky.get(STRANGE))),
    }


def _entries_of_crops(tables: RunTables, predictions: Mapping[str, Any]) -> Iterator[Entry]:
    """The knees of a run whose table names pictures: there are no films."""
    nothing = _film_facts({}, 0, {}, {})
    names = row_names(tables.table) if len(tables.table) else []
    for number, (name, row) in enumerate(zip(names, _records(tables.table), strict=True)):
        facts = {
            **nothing,
            **_label_facts(row),
            **_predicted_facts(predictions, name),
            "visit": str(row.get(VISIT, "")),
            "reason": "",
            "sentence": "",
            "width": None,
        }
        yield Entry(side=int(row["side"]), ID=str(row["ID"]), packed=number, facts=facts)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): cell for name, cell in row.items()} for row in table.to_dict("records")]


def _number(value: Any) -> float | None:
    if value is None or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return None
    return round(float(value), 4)
