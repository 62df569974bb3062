"""Several visits in a run: films find the row of their knee and visit, and reports count knees once."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.pipeline import pipeline
from flows.prepare import prepare
from jsl_core.config import PhantomSettings, load_pipeline
from jsl_core.dataset import PackedDataset
from jsl_core.phantom import write_phantom
from jsl_core.storage import checkout, open_store
from tasks.caching import results_block
from tests.learning.test_several_visits import write_visits

pytestmark = pytest.mark.usefixtures("prefect")

_VISIT_OF = {0: "00", 48: "06"}


def test_films_are_packed_beside_the_row_of_their_knee_and_visit(tmp_path: Path) -> None:
    films = tmp_path / "films"
    write_phantom(films, PhantomSettings(patients=4, seed=3, long_side=(600, 700), visits=(0, 48)), jobs=1)
    truth = pd.read_csv(films / "truth.csv")
    table = truth.assign(visit=truth["visit"].map(_VISIT_OF), Scan=truth["file"], KL_grade=truth["KL"])
    table = table[["ID", "visit", "KL_grade", "Scan"]].assign(BL_KL_grade=1, JSL_Prog=truth["side"] - 1)
    table.to_csv(tmp_path / "JSL.csv", index=False)
    places = {"scans": str(films), "cohort": str(tmp_path / "JSL.csv"), "store": str(tmp_path / "store")}
    options = places | {"pack": {"size": 64, "val": 0.25, "test": 0.25}, "max_rejected": 0.5}
    settings = load_pipeline(preset="demo", options=options)
    prepared = prepare.with_options(result_storage=results_block(settings.store))(settings)
    folder = checkout(open_store(settings.store), prepared.dataset, tmp_path / "trees")
    packed = PackedDataset.load(folder)
    assert len(packed.table) == 4 * 2 * 2
    spacing = truth.assign(visit=truth["visit"].map(_VISIT_OF)).set_index(["ID", "visit"])["spacing_mm"]
    joints = {(row["ID"], row["visit"]) for row in packed.table.to_dict("records")}
    assert joints == set(spacing.index)
    grades = table.set_index(["ID", "visit"])["KL_grade"]
    assert [grades[ID, visit] for ID, visit in packed.table[["ID", "visit"]].to_numpy()] == list(
        packed.table["BL_KL_grade"]
    )
    first, later = (packed.images[(packed.table["visit"] == visit).to_numpy()] for visit in ("00", "06"))
    assert not any(np.array_equal(one, other) for one, other in zip(first, later, strict=True))
    assert packed.table.groupby("participant")["split"].nunique().max() == 1


def test_a_run_on_crops_of_several_visits_ends_with_a_report(tmp_path: Path) -> None:
    cohort = write_visits(tmp_path)
    options = {
        "cohort": str(cohort),
        "store": str(tmp_path / "store"),
        "pack": {"size": 32},
        "training": {
            "regimes": ["jsl-joint"],
            "backbone": "jslnet",
            "kl": {"epochs": 1},
            "jsl_image": {"epochs": 1},
            "jsl_joint": {"epochs": 1},
        },
        "evaluate": {"bootstrap": 20, "gallery": 2},
    }
    settings = load_pipeline(options=options)
    published = pipeline.with_options(result_storage=results_block(settings.store))(settings)
    assert published
    run = next((tmp_path / "store" / "runs").glob("2*-run"))
    metrics = json.loads((run / "metrics.json").read_text())
    design = metrics["design"]
    assert design["knees"] == 3 * design["distinct"] > 0
    assert metrics["models"]["jsl-joint"]["jsl"]["n"] == design["knees"]
    page = (run / "report.html").read_text()
    assert f"films, each a visit, of {design['distinct']} test knees" in page
    assert "<b>144</b> knees at their visits" in page
