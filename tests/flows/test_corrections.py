"""What a reviewer corrected is laid over the next run, and only what it touches runs again."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flows.prepare import PreparedDataset, prepare
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.imaging import decode_png
from jsl_core.phantom import write_phantom
from jsl_core.review.acts import Subject
from jsl_core.review.journal import Journal
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact, Store, open_store, tree_files
from tasks.caching import results_block

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.slow]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> PipelineSettings:
    folder = tmp_path_factory.mktemp("corrections")
    write_phantom(folder, PhantomSettings(patients=6, seed=3, long_side=(500, 600)), jobs=1)
    options = {
        "scans": str(folder / "scans"),
        "cohort": str(folder / "JSL.csv"),
        "store": str(folder / "store"),
        "jobs": 1,
        "max_rejected": 0.5,
        "corrections": "store",
        "measure": {"widths": False},
        "pack": {"size": 64, "val": 0.25, "test": 0.25},
        "training": {"factors": "none"},
    }
    return load_pipeline(preset="demo", options=options)


def prepared(settings: PipelineSettings) -> PreparedDataset:
    run: PreparedDataset = prepare.with_options(result_storage=results_block(settings.store))(settings)
    return run


def joints(run: PreparedDataset, store: Store) -> dict[str, dict[str, Any]]:
    assert run.gathered
    return {row["ID"]: row for row in read_rows(store, [run.gathered.joints])}


def memos(settings: PipelineSettings) -> int:
    return sum(1 for _ in Path(settings.store, "memo").rglob("*.json"))


def test_a_box_that_was_moved_a_grade_and_a_knee_left_out_change_three_knees_and_cost_two_films(
    settings: PipelineSettings,
) -> None:
    store = open_store(settings.store)
    first = prepared(settings)
    before, memos_before = joints(first, store), memos(settings)
    assert first.corrections == {}
    film = read_rows(store, first.converted)[0]
    moved, excluded = (f"{film['participant']}_{side}" for side in (1, 2))
    graded = next(knee for knee in before if not knee.startswith(film["participant"]))
    of_film = {"film": film["file"], "pixels": film["pixels"][:16]}
    journal = Journal(store)
    box = Subject(**of_film, side=1, knee=moved, what="box")
    journal.append(box, "40 150 190 300", "Ann", upon="")
    journal.append(Subject(**of_film, side=2, knee=excluded, what="exclude"), "brace", "Ann", upon="")
    grade = Subject(film="other.dcm", pixels="0" * 16, side=1, knee=graded, what="grade")
    journal.append(grade, "4", "Ann", upon="")

    second = prepared(settings)
    after = joints(second, store)
    assert second.converted == first.converted
    assert memos(settings) == memos_before + 2  # one film split, one knee cropped
    assert before.keys() - after.keys() == {excluded}
    assert {knee for knee in after if after[knee] != before[knee]} == {moved}
    assert (after[moved]["score"], after[moved]["corrected"]) == (1, ["box"])
    crop = decode_png(store.get(Artifact.model_validate(after[moved]["png"])))
    picture = decode_png(store.get(Artifact.model_validate(film["png"])))
    assert (crop == picture[150:300, 40:190]).all()
    table = pd.read_csv(Path(settings.store) / tree_files(store, second.dataset)["table.csv"].key)
    assert table.set_index("ID")["BL_KL_grade"][graded] == 4
    assert second.corrections == {"box": 1, "exclude": 1, "grade": 1}
    assert second.gathered
    assert second.gathered.failed == 0  # who leaves a knee out is no failure of the film
    rejected = store.get(second.gathered.rejected).decode()
    assert f"{excluded},excluded,left out by a reviewer: brace" in rejected

    assert joints(prepared(settings.model_copy(update={"corrections": ""})), store) == before
    stored = Path(settings.store, "corrections.csv")
    from_file = settings.model_copy(update={"corrections": str(stored)})
    assert joints(prepared(from_file), store) == after


def test_a_film_that_was_turned_is_converted_again_and_no_other(settings: PipelineSettings) -> None:
    store = open_store(settings.store)
    plain = prepared(settings.model_copy(update={"corrections": ""}))
    films = {row["file"]: row for row in read_rows(store, plain.converted)}
    name = sorted(films)[1]
    memos_before = memos(settings)
    subject = Subject(film=name, pixels=films[name]["pixels"][:16], what="turn")
    journal = Journal(store)
    act = journal.append(subject, "180", "Ann", upon="")
    turned = prepared(settings)
    rows = {row["file"]: row for row in read_rows(store, turned.converted)}
    assert {file for file in rows if rows[file] != films[file]} == {name}
    assert rows[name]["corrected"]["turn"] == 180
    # Upside down by a reviewer's mistake: the look tells, and the split rejects it.
    reasons = {row["reason"] for row in read_rows(store, turned.split) if row.get("reason")}
    assert reasons - {"excluded"} == {"turned"}
    assert memos(settings) <= memos_before + 4
    journal.append(subject, "", "Ann", upon=act.name, undoes=act.name)
    assert prepared(settings).converted == plain.converted
    assert json.loads(store.get(plain.converted[0]))
