"""Stage 8: the self-contained HTML page."""

import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jsl_core import __version__
from jsl_core.cohort.columns import VISIT
from jsl_core.config import EvaluateSettings, PipelineSettings
from jsl_core.dataset import PackedDataset
from jsl_core.evaluation.report.content import ReportContent, SaliencyExample, StagedKnee, Stages, TestedKnee
from jsl_core.imaging import decode_png
from jsl_core.scans.rows import Row, accepted, read_rows
from jsl_core.storage import Artifact, Store, checkout, put_tree, tree_files
from jsl_core.system.machine import describe_machine, describe_software
from jsl_core.system.spreadsheet import read_csv
from tasks.caching import Placement, stage
from tasks.gather import Gathered
from tasks.progress import Progress

if TYPE_CHECKING:  # PyTorch takes seconds to import
    from jsl_core.learning.model.bundle import ModelBundle

__all__ = ["report"]

_MOST_KNEES = 3000  # 3 kB of the page each
_MONTAGE = 4  # joints shown of each grade
_SALIENCY_MODELS = (
    "jsl-joint",
    "jsl-image",
    "multitask",
    "kl",
)  # whose saliency is shown: the first there is


@stage("report", version=2)
def report(
    dataset: Artifact,
    models: dict[str, Artifact],
    figures: Artifact,
    films: list[Artifact],
    halves: list[Artifact],
    gathered: Gathered | None,
    name: str,
    settings: PipelineSettings,
    placement: Placement,
    decision: dict[str, Any] | None = None,
    origins: list[tuple[str, str, str, str]] | None = None,
    measured: list[Artifact] | None = None,
    cohort: Artifact | None = None,
    corrections: dict[str, int] | None = None,
) -> Artifact:
    """The page of one run with checklists and model cards, as a tree.

    `films` and `halves` are the tables of the convert and the split stage.
    `measured` are the tables of widths where joints were measured, `cohort` the table, for readers' widths.
    `corrections` counts what reviewers corrected, by kind.
    `origins` says where the settings that are not at their defaults came from.
    """
    from jsl_core.evaluation.report.papers import write_papers
    from jsl_core.width.table import format_widths

    store = placement.open()
    progress = Progress("report", 1)
    packed = PackedDataset.load(checkout(store, dataset, placement.folder("trees")))
    summary = json.loads(store.get(figures))
    model = _SaliencyModel.of(store, models, packed, summary, placement)
    examples, share = _gallery(model, packed, summary, settings.evaluate)
    content = ReportContent(
        name=name,
        date="",
        phantom=summary["best_attainable"] is not None or any(_are_phantoms(store, films)),
        figures=summary,
        table=packed.table,
        settings=settings.model_dump(mode="json", exclude={"sources"}),
        versions={
            "JSL": __version__,
            "Dataset": packed.digest,
            "Software": describe_software(),
            "Machine of this page": describe_machine(),
        },
        histories=dict(_histories(store, models)),
        scans=gathered.scans if gathered else None,
        films=_films(store, films),
        rejected=_rejected(store, dataset, gathered),
        stages=_stages(store, films, halves, gathered) if gathered else None,
        grades=_montage(packed),
        examples=examples,
        joint_space_share=share,
        knees=_tested_knees(model, packed, settings.evaluate),
        knees_of=model.name if model else "",
        lineage=list(_lineage(dataset, models, figures, films, halves, gathered)),
        decision=decision,
        origins=origins or [],
        corrections=corrections or {},
        widths=_widths(store, measured or [], gathered),
        readings=_readings(store, cohort) if measured and cohort else None,
    )
    with tempfile.TemporaryDirectory() as folder:
        write_papers(content, Path(folder))
        if measured:
            Path(folder, "widths.csv").write_bytes(format_widths(content.widths))
        progress.step()
        return put_tree(store, Path(folder), "report.json")


def _lineage(
    dataset: Artifact,
    models: Mapping[str, Artifact],
    figures: Artifact,
    films: list[Artifact],
    halves: list[Artifact],
    gathered: Gathered | None,
) -> Iterator[tuple[str, str, str]]:
    """Stage, what it made, and the digest by which `jsl lineage` knows that."""
    if gathered:
        yield "scans", f"{gathered.scans} films", ""
        for stage_name, tables in (("convert", films), ("split", halves)):
            yield stage_name, f"{len(tables)} tables" if len(tables) > 1 else "1 table", tables[0].sha256[:12]
        yield "crop", gathered.joints.name, gathered.joints.sha256[:12]
    yield "pack", dataset.name, dataset.sha256[:12]
    for name, model in models.items():
        yield "train", name, model.sha256[:12]
    yield "evaluate", figures.name, figures.sha256[:12]


def _histories(store: Store, models: Mapping[str, Artifact]) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, model in models.items():
        curve = tree_files(store, model).get("history.csv")
        if curve:
            yield name, pd.read_csv(io.BytesIO(store.get(curve)))


def _rejected(store: Store, dataset: Artifact, gathered: Gathered | None) -> pd.DataFrame:
    """The scans and knees that fell out on the way, and the rows and joints that found no partner."""
    tables = [tree_files(store, dataset)["rejected.csv"], *([gathered.rejected] if gathered else [])]
    return pd.concat([read_csv(io.BytesIO(store.get(table))) for table in tables])


def _readings(store: Store, cohort: Artifact) -> pd.DataFrame | None:
    """What readers measured, where the cohort's table has it."""
    from jsl_core.width.readings import readings_of_cohort

    with tempfile.TemporaryDirectory() as folder:
        return readings_of_cohort(store.fetch(cohort, Path(folder, cohort.name)))


def _films(store: Store, tables: list[Artifact]) -> pd.DataFrame:
    """What is told of the accepted films: how they were made, not whose they are."""
    facts = ("view", "laterality", "spacing_source", "width", "height", "bits")
    return pd.DataFrame(
        [
            {name: row[name] for name in facts}
            | {"spacing_mm": row["spacing_mm"][0] if row["spacing_mm"] else np.nan}
            for row in accepted(read_rows(store, tables))
        ]
    )


def _are_phantoms(store: Store, tables: list[Artifact]) -> Iterator[bool]:
    """Of each accepted film whether it is simulated."""
    return (row["phantom"] for row in accepted(read_rows(store, tables)))


def _widths(store: Store, measured: list[Artifact], gathered: Gathered | None) -> pd.DataFrame:
    """The widths of all films; where packed ones have visits, with that of each, "" of one not packed."""
    rows = read_rows(store, measured)
    joints = read_rows(store, [gathered.joints]) if rows and gathered else []
    visits = {(joint["file"], joint["ID"]): joint[VISIT] for joint in joints if VISIT in joint}
    if visits:
        rows = [row | {VISIT: visits.get((row["file"], row["ID"]), "")} for row in rows]
    return pd.DataFrame(rows)


def _stages(store: Store, films: list[Artifact], halves: list[Artifact], gathered: Gathered) -> Stages | None:
    """The first film that gave two joints, with what became of it."""
    joints: dict[str, list[Row]] = {}
    for row in read_rows(store, [gathered.joints]):
        joints.setdefault(row["file"], []).append(row)
    whole = next((file for file, rows in sorted(joints.items()) if len(rows) == 2), None)
    if whole is None:
        return None
    knees = {row["ID"]: row for row in read_rows(store, halves) if row["file"] == whole}
    film = next(row for row in read_rows(store, films) if row["file"] == whole)
    return Stages(
        film=_image(store, film),
        knees=[
            StagedKnee(
                ID=joint["ID"],
                place=_box(knees[joint["ID"]]),
                image=_image(store, knees[joint["ID"]]),
                box=_box(joint),
                joint=_image(store, joint),
            )
            for joint in joints[whole]
        ],
    )


def _box(row: Row) -> tuple[float, float, float, float]:
    return row["x1"], row["y1"], row["x2"], row["y2"]


def _image(store: Store, row: Row) -> np.ndarray:
    return decode_png(store.get(Artifact.model_validate(row["png"])))


def _montage(packed: PackedDataset) -> dict[int, list[np.ndarray]]:
    grades = packed.table["BL_KL_grade"]
    chosen = {grade: np.flatnonzero(grades == grade)[:_MONTAGE] for grade in range(5)}
    return {grade: list(packed.images[rows]) for grade, rows in chosen.items() if len(rows)}


@dataclass(frozen=True)
class _SaliencyModel:
    """The model whose answers are shown knee by knee, and its predictions of the measured part."""

    name: str
    bundle: "ModelBundle"
    predictions: pd.DataFrame

    @classmethod
    def of(
        cls,
        store: Store,
        models: Mapping[str, Artifact],
        packed: PackedDataset,
        summary: Mapping[str, Any],
        placement: Placement,
    ) -> "_SaliencyModel | None":
        """The first there is of those to show; of a cross-validation its first, on its own test knees."""
        from jsl_core.learning.model.bundle import ModelBundle

        name = next((name for name in _SALIENCY_MODELS if name in models), None)
        if name is None:
            return None
        folder = checkout(store, models[name], placement.folder("trees"))
        if (folder / "fold-1").is_dir():
            folder = folder / "fold-1"
        predictions = read_csv(folder / "predictions.csv")
        measured = predictions[predictions["split"] == summary["part"]]
        return cls(name, ModelBundle.load(folder), measured)


def _tested_knees(
    model: _SaliencyModel | None, packed: PackedDataset, settings: EvaluateSettings
) -> list[TestedKnee]:
    """All knees of the measured part, as many as a page bears."""
    from jsl_core.evaluation.report.gallery import list_tested_knees

    if model is None:
        return []
    return list_tested_knees(model.bundle, packed, model.predictions.iloc[:_MOST_KNEES], settings.call)


def _gallery(
    model: _SaliencyModel | None,
    packed: PackedDataset,
    summary: Mapping[str, Any],
    settings: EvaluateSettings,
) -> tuple[list[SaliencyExample], dict[str, float]]:
    """What one model looked at, and, on phantoms, how much of that lies inside the joint space."""
    from jsl_core.evaluation.report.gallery import build_gallery, mean_joint_space_share

    if model is None or not settings.gallery:
        return [], {}
    name, bundle, predictions = model.name, model.bundle, model.predictions
    examples = build_gallery(
        name, bundle, packed, predictions, settings.saliency, settings.gallery, settings.call
    )
    if summary["best_attainable"] is None:
        return examples, {}
    return examples, {name: mean_joint_space_share(bundle, packed, predictions, settings.saliency)}
