"""The whole pipeline on a small phantom cohort: what is done once is not done again."""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterStartTime

from flows.pipeline import pipeline
from flows.server.embedded import await_events
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.errors import BadSettings, BadTable, JslError
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.phantom import write_phantom
from tasks.caching import results_block
from tasks.publish import Published

pytestmark = pytest.mark.usefixtures("prefect")

STAGES = {
    *("convert", "split", "crop", "gather", "fit", "measure", "pack"),
    *("risk-factors", "train", "evaluate", "report", "auc-picture"),
}
FAST = {
    "pack": {"size": 64, "val": 0.25, "test": 0.25},
    "training": {
        "regimes": ["jsl-joint-frozen"],
        "augment": "none",
        "kl": {"epochs": 1},
        "jsl_image": {"epochs": 1},
        "jsl_joint_frozen": {"epochs": 1},
    },
    "evaluate": {"bootstrap": 20, "gallery": 2},
}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=24, seed=3, long_side=(600, 700)))
    return folder


@pytest.fixture(scope="module")
def settings(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> PipelineSettings:
    places = {
        "scans": str(cohort / "scans"),
        "cohort": str(cohort / "JSL.csv"),
        "truth": str(cohort / "truth.json"),
        "store": str(tmp_path_factory.mktemp("store")),
    }
    return load_pipeline(preset="demo", options=places | FAST)


def run(settings: PipelineSettings) -> tuple[Published, Counter[tuple[str, str]]]:
    """The run's result, and how many tasks of each name ended in each state."""
    start = datetime.now(UTC)
    published = pipeline.with_options(result_storage=results_block(settings.store))(settings)
    since = TaskRunFilter(start_time=TaskRunFilterStartTime(after_=start))
    await_events()
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(task_run_filter=since)
    # A subflow shows in its parent as a task run too.
    stages = [
        run
        for run in runs
        if run.name != "last" and run.state and not run.state.state_details.child_flow_run_id
    ]
    return published, Counter((run.name, run.state_name or "") for run in stages)


def memos(settings: PipelineSettings) -> int:
    """How many items were worked on so far, in all stages."""
    return sum(1 for _ in Path(settings.store, "memo").rglob("*.json"))


@pytest.fixture(scope="module")
def first(settings: PipelineSettings, prefect: None) -> Published:
    published, states = run(settings)
    assert {name for name, _ in states} == STAGES
    assert {state for _, state in states} == {"Completed"}
    return published


def test_the_report_is_published_with_what_belongs_to_it(
    settings: PipelineSettings, first: Published
) -> None:
    folder = Path(first.report).parent
    assert "<html" in Path(first.report).read_text(encoding="utf-8")
    assert {"checklist.html", "metrics.json", "rejected.csv", "settings.json", "run.json"} <= {
        path.name for path in folder.iterdir()
    }
    about = json.loads((folder / "run.json").read_text())
    assert len(list(Path(settings.store, about["joints"]).glob("*.png"))) >= 40
    assert Path(settings.store, about["models"]["jsl-joint-frozen"], "model.safetensors").is_file()
    assert Path(settings.store, about["dataset"], "table.csv").is_file()
    assert list(Path(settings.store, "models", "jsl-joint-frozen").glob("*/model.safetensors"))
    card = (folder / "cards" / "jsl-joint-frozen.md").read_bytes()
    assert Path(settings.store, about["models"]["jsl-joint-frozen"], "model-card.md").read_bytes() == card
    assert about["started"] < about["finished"]
    assert "CNN frozen" in first.table


def test_a_second_run_is_cached_in_every_stage(settings: PipelineSettings, first: Published) -> None:
    done = memos(settings)
    published, states = run(settings)
    assert {name for name, _ in states} == STAGES
    assert {state for _, state in states} == {"Cached"}
    assert memos(settings) == done
    assert published.table == first.table


def test_every_run_has_a_folder_of_its_own_named_by_its_start_in_utc(
    settings: PipelineSettings, first: Published
) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    second, _ = run(settings)
    old, new = (Path(published.report).parent.name for published in (first, second))
    assert old < new
    assert new.endswith("-demo")
    started = datetime.strptime(new.removesuffix("-demo"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert before <= started <= datetime.now(UTC)
    assert Path(first.report).is_file()
    latest = json.loads(Path(settings.store, "runs", "latest.json").read_text())
    assert Path(settings.store, latest["report"]) == Path(second.report)


def test_the_report_says_where_settings_came_from(settings: PipelineSettings, first: Published) -> None:
    page = Path(first.report).read_text(encoding="utf-8")
    rows = re.findall(r'<tr><th scope="row">([^<]*)</th>' + 3 * r"<td[^>]*>([^<]*)</td>" + "</tr>", page)
    origins = {name: rest for name, *rest in rows}
    assert origins["pack.size"] == ["64", "option", "144 (preset demo)"]
    assert origins["training.kl.lr"] == ["0.003", "preset demo", ""]
    assert str(settings.store) not in page


def test_simulated_films_are_called_so_though_nobody_names_their_truth(
    settings: PipelineSettings, first: Published
) -> None:
    published, _ = run(settings.model_copy(update={"truth": ""}))
    page = Path(published.report).read_text(encoding="utf-8")
    assert "Phantom data." in page
    assert "best attainable" not in page


def test_a_changed_setting_runs_what_depends_on_it_and_nothing_else(
    settings: PipelineSettings, first: Published
) -> None:
    evaluate = settings.evaluate.model_copy(update={"bootstrap": 21})
    _, states = run(settings.model_copy(update={"evaluate": evaluate}))
    figures = {"evaluate", "report", "auc-picture"}
    assert {name for name, state in states if state == "Completed"} == figures

    frozen = settings.training.jsl_joint_frozen.model_copy(update={"lr": 2e-3})
    training = settings.training.model_copy(update={"jsl_joint_frozen": frozen})
    _, states = run(settings.model_copy(update={"training": training}))
    assert states[("train", "Completed")] == 1
    assert states[("train", "Cached")] == 2
    completed = {name for name, state in states if state == "Completed"}
    # Where the network keeps its start, which no rate changes, its curve is the one that was drawn.
    assert {"train", "evaluate", "report"} <= completed <= {"train", *figures}


def test_further_seeds_are_trained_beside_the_first_and_only_their_spread_is_told(
    settings: PipelineSettings, first: Published
) -> None:
    training = settings.training.model_copy(update={"seeds": 2, "regimes": ("kl",)})
    before = sorted(Path(settings.store, "models", "kl").iterdir())
    published, states = run(settings.model_copy(update={"training": training}))
    assert (states["train", "Completed"], states["train", "Cached"]) == (1, 1)
    assert "Over 2 seeds on the same knees" in published.table
    figures = json.loads(Path(published.report).with_name("metrics.json").read_bytes())
    kl = figures["models"]["kl"]["kl"]["accuracy"]["value"]
    assert figures["seeds"]["kl"]["accuracy"]["values"][0] == pytest.approx(kl)
    assert sorted(Path(settings.store, "models", "kl").iterdir()) == before


def test_a_cross_validated_run_tests_on_every_knee_and_keeps_every_model(
    settings: PipelineSettings, first: Published
) -> None:
    training = settings.training.model_copy(update={"folds": 3, "regimes": ("kl",)})
    published, states = run(settings.model_copy(update={"name": "folds", "training": training}))
    assert states[("train", "Completed")] == states[("risk-factors", "Completed")] == 3
    assert states[("folds", "Completed")] == 2
    figures = json.loads(Path(published.report).with_name("metrics.json").read_text())
    assert figures["models"]["kl"]["kl"]["n"] == figures["dataset"]["knees"]
    folds = sorted(Path(settings.store, "models", "kl").glob("*/fold-*/model.safetensors"))
    assert [path.parent.name for path in folds] == ["fold-1", "fold-2", "fold-3"]

    together, one_by_one = (
        Ensemble.load(named) for named in ([folds[0].parents[1]], [path.parent for path in folds])
    )
    film = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    knees = pd.DataFrame({"side": [1, 2]})
    from_tree, from_folders = (
        each.average(each.predict_each(list(film), knees)) for each in (together, one_by_one)
    )
    assert len(together.members) == 3
    pd.testing.assert_frame_equal(from_tree, from_folders)


def test_one_new_scan_is_one_scan_converted_split_and_cropped(
    settings: PipelineSettings, cohort: Path, first: Published, tmp_path: Path
) -> None:
    more = tmp_path / "more"
    write_phantom(more, PhantomSettings(patients=25, seed=3, long_side=(600, 700)))
    new = {path.name for path in (more / "scans").iterdir()} - {
        path.name for path in (cohort / "scans").iterdir()
    }
    assert len(new) == 1
    scans = tmp_path / "scans"
    shutil.copytree(cohort / "scans", scans)
    shutil.copy(more / "scans" / new.pop(), scans)
    done = memos(settings)
    run(settings.model_copy(update={"scans": str(scans)}))
    assert memos(settings) - done == 1 + 1 + 2 + 2  # a film, its split, its two knees, their widths


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda table: table.assign(BL_KL_grade=7), r"bad\.csv, row 2: BL_KL_grade is 7"),
        (lambda table: table.drop(columns="JSL_Prog"), r"bad\.csv: no column JSL_Prog"),
    ],
)
def test_a_table_that_cannot_be_used_stops_the_run_before_any_scan_is_read(
    settings: PipelineSettings,
    cohort: Path,
    tmp_path: Path,
    spoilt: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
) -> None:
    spoilt(pd.read_csv(cohort / "JSL.csv")).to_csv(tmp_path / "bad.csv", index=False)
    bad = settings.model_copy(update={"cohort": str(tmp_path / "bad.csv"), "store": str(tmp_path / "store")})
    with pytest.raises(BadTable, match=message):
        run(bad)
    assert memos(bad) == 0


def test_a_run_in_which_most_scans_fail_stops_and_names_the_table(
    settings: PipelineSettings, cohort: Path, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for path in sorted((cohort / "scans").iterdir())[:4]:
        (scans / path.name).write_bytes(path.read_bytes()[:-20000])
    with pytest.raises(JslError, match=r"4 of 4 scans were rejected.*rejected\.csv"):
        run(settings.model_copy(update={"scans": str(scans), "store": str(tmp_path / "store")}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scans": "nowhere"}, "no such folder"),
        ({"cohort": "nowhere.csv"}, "cannot be read"),
        ({"cohort": ""}, "cohort is empty"),
    ],
)
def test_a_missing_input_is_one_clear_line(
    settings: PipelineSettings, change: dict[str, str], message: str
) -> None:
    with pytest.raises((BadSettings, BadTable, JslError), match=message) as caught:
        run(settings.model_copy(update=change))
    assert "\n" not in str(caught.value)


def test_an_empty_folder_is_one_clear_line(settings: PipelineSettings, tmp_path: Path) -> None:
    with pytest.raises(JslError, match="there are none"):
        run(settings.model_copy(update={"scans": str(tmp_path)}))
