"""A sweep: every trial a row, the best one's settings written out, failures reported and not fatal."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.sweep import SweepResult, sweep
from jsl_core.config import PipelineSettings, SweepSettings, load_pipeline, load_sweep
from jsl_core.config.sweep import trials_of
from jsl_core.errors import BadSettings, JslError
from tasks.caching import results_block
from tests.learning.conftest import draw_cohort

FILE = """
preset = "demo"
name = "lab"
cohort = "cohort.csv"
store = "store"
[pack]
size = 32
[training]
device = "cpu"
[training.kl]
epochs = 1
[sweep]
regime = "kl"
[sweep.vary]
"training.kl.lr" = [1e-3, 3e-3]
"training.kl.batch" = [16, 32]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    joints, table = draw_cohort(16)
    table["Img_path"] = [f"{name}.png" for name in table["ID"]]
    for name, path in zip(table["ID"], table["Img_path"], strict=True):
        Image.fromarray(joints[name]).save(folder / path)
    table.drop(columns=["participant", "side"]).to_csv(folder / "cohort.csv", index=False)
    (folder / "lab.toml").write_text(FILE)
    return folder


def run_sweep(settings: PipelineSettings, search: SweepSettings) -> SweepResult:
    result: SweepResult = sweep.with_options(result_storage=results_block(settings.store))(settings, search)
    return result


@pytest.mark.usefixtures("prefect")
def test_a_grid_is_judged_on_validation_and_its_winner_can_be_run(folder: Path) -> None:
    settings, search = load_sweep(folder / "lab.toml")
    search = search.model_copy(update={"vary": {**search.vary, "training.kl.epochs": (1,)}})
    out = Path(run_sweep(settings, search).folder)
    table = pd.read_csv(out / "trials.csv")
    assert sorted(table["trial"]) == [1, 2, 3, 4]
    assert table["score"].is_monotonic_decreasing
    tried = set(zip(table["training.kl.lr"], table["training.kl.batch"], strict=True))
    assert tried == {(1e-3, 16), (1e-3, 32), (3e-3, 16), (3e-3, 32)}
    winner = load_pipeline(out / "winner.toml")
    best = table.iloc[0]
    assert (winner.training.kl.lr, winner.training.kl.batch) == tuple(
        best[["training.kl.lr", "training.kl.batch"]]
    )
    expected = settings.training.model_copy(update={"kl": winner.training.kl})
    assert (winner.training, winner.pack, winner.name) == (expected, settings.pack, "lab")
    assert Image.open(out / "trials.png").size[0] > 1000


@pytest.mark.usefixtures("prefect")
def test_a_trial_that_cannot_be_trained_is_a_row_with_its_reason(folder: Path) -> None:
    settings, search = load_sweep(folder / "lab.toml", options={"name": "odd"})
    search = search.model_copy(update={"vary": {"training.backbone": ("jslnet", "vgg99")}})
    table = pd.read_csv(Path(run_sweep(settings, search).folder, "trials.csv"), keep_default_na=False)
    assert list(table["training.backbone"]) == ["jslnet", "vgg99"]
    assert "unknown backbone vgg99" in table["reason"][1]
    search = search.model_copy(update={"vary": {"training.backbone": ("vgg99",)}})
    with pytest.raises(JslError, match="no trial of the sweep could be trained"):
        run_sweep(settings, search)


def test_random_draws_repeat_and_stay_within_their_range() -> None:
    search = SweepSettings(
        trials=40,
        vary={"training.kl.lr": {"low": 1e-4, "high": 1e-2, "log": True}, "pack.size": (64, 112)},
    )
    trials = [values for values, _ in trials_of(PipelineSettings(), search)]
    assert trials == [values for values, _ in trials_of(PipelineSettings(), search)]
    rates = np.array([values["training.kl.lr"] for values in trials])
    assert ((rates >= 1e-4) & (rates <= 1e-2)).all()
    assert 10 < (rates < 1e-3).sum() < 30  # half of the decades
    assert {values["pack.size"] for values in trials} == {64, 112}


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("", r"no table \[sweep\]"),
        ("[sweep]", "varies nothing"),
        ('[sweep.vary]\n"training.speed" = [1]', "trial 1: there is no setting training.speed"),
        ('[sweep.vary]\n"training.kl.lr" = [1e-3, -1]', r"trial 2: training.kl.lr: .*greater than 0"),
        ('[sweep.vary]\n"training.kl.lr" = {low = 1e-3, high = 1}', "is a range, which no grid can exhaust"),
        ('[sweep.vary]\n"training.kl.lr" = {low = 0, high = 1, log = true}', "above 0 on a logarithmic"),
        ("[sweep]\ntrails = 3", "there is no setting trails"),
    ],
)
def test_a_sweep_that_cannot_be_is_one_clear_line(tmp_path: Path, table: str, reason: str) -> None:
    (tmp_path / "lab.toml").write_text(table)
    with pytest.raises(BadSettings, match=reason):
        trials_of(*load_sweep(tmp_path / "lab.toml"))
