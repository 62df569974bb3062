"""The flow `score` says of films what the command `jsl score` says of them, and does nothing twice."""

from pathlib import Path

import pandas as pd
import pytest

from flows.cli.main import main
from flows.score import score
from jsl_core.config import PhantomSettings, ScoreSettings
from jsl_core.errors import BundleError
from jsl_core.phantom import write_phantom
from tasks.caching import results_block

NUMBERS = [*(f"kl_{grade}" for grade in range(5)), "jsl_risk"]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    write_phantom(folder, PhantomSettings(patients=3, seed=7, long_side=(600, 700)))
    (folder / "scans" / "torn.dcm").write_bytes(next((folder / "scans").glob("*.dcm")).read_bytes()[:3000])
    return folder


def run(settings: ScoreSettings) -> str:
    return score.with_options(result_storage=results_block(settings.store))(settings)


@pytest.mark.usefixtures("prefect")
def test_the_flow_scores_as_the_command_does(lab: Path, films: Path, tmp_path: Path) -> None:
    settings = ScoreSettings(
        scans=str(films / "scans"),
        models=(str(lab / "a"), str(lab / "joint")),
        factors=str(films / "JSL.csv"),
        store=str(tmp_path / "store"),
        jobs=1,
    )
    by_flow = pd.read_csv(run(settings))
    words = ["score", films / "scans", "--model", lab / "a", lab / "joint", "--factors", films / "JSL.csv"]
    with pytest.raises(SystemExit):
        main([str(word) for word in (*words, "--out", tmp_path / "scores.csv", "--jobs", 1)])
    by_command = pd.read_csv(tmp_path / "scores.csv")
    scored = [table.dropna(subset=["kl_grade"]).set_index("ID") for table in (by_flow, by_command)]
    assert len(scored[0]) == 6
    pd.testing.assert_frame_equal(scored[0][NUMBERS], scored[1].loc[scored[0].index, NUMBERS], atol=2e-6)
    for table in (by_flow, by_command):
        assert list(table.loc[table["reason"].notna(), "file"]) == ["torn.dcm"]


@pytest.mark.usefixtures("prefect")
def test_a_model_that_is_not_there_is_named(films: Path, tmp_path: Path) -> None:
    settings = ScoreSettings(
        scans=str(films / "scans"), models=("models/kl/none",), store=str(tmp_path / "store")
    )
    with pytest.raises(BundleError, match="models/kl/none: no bundle's folder"):
        run(settings)
