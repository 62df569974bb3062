"""A run from films of phantoms to a model of times to replacement and its report."""

import json
from pathlib import Path

import pandas as pd
import pytest

from flows.pipeline import pipeline
from jsl_core.config import PhantomSettings, load_pipeline
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.phantom import write_phantom
from tasks.caching import results_block

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.slow]


def test_a_run_learns_times_to_replacement_and_reports_their_figures(tmp_path: Path) -> None:
    write_phantom(
        tmp_path / "phantom", PhantomSettings(patients=40, outcome="replacement", long_side=(500, 550))
    )
    options = {
        "scans": str(tmp_path / "phantom" / "scans"),
        "cohort": str(tmp_path / "phantom" / "JSL.csv"),
        "truth": str(tmp_path / "phantom" / "truth.json"),
        "store": str(tmp_path / "store"),
        "pack": {"size": 48, "val": 0.25, "test": 0.45},
        "training": {
            "regimes": ["jsl-image"],
            "jsl_loss": "cox",
            "interval_months": 24,
            "augment": "none",
            "kl": {"epochs": 1},
            "jsl_image": {"epochs": 2},
        },
        "evaluate": {"bootstrap": 20, "gallery": 1},
    }
    settings = load_pipeline(preset="demo", options=options)
    published = pipeline.with_options(result_storage=results_block(settings.store))(settings)
    folder = Path(published.report).parent
    figures = json.loads((folder / "metrics.json").read_text())
    for name in ("jsl-image", "risk-factors"):
        time = figures["models"][name]["time"]
        assert time["horizon"] == 96
        assert [row["months"] for row in time["by_month"]] == [24, 48, 72, 96]
        assert 0 <= time["c_index"]["value"] <= 1
    page = Path(published.report).read_text(encoding="utf-8")
    assert '<section id="time">' in page
    assert "replacement of the knee within 96 months" in page
    about = json.loads((folder / "run.json").read_text())
    models = [Path(settings.store, about["models"][name]) for name in ("jsl-image", "risk-factors")]
    table = pd.read_csv(Path(settings.store, about["dataset"], "table.csv"))
    assert {"Event", "Event_months", "Outcome", "Outcome_months"} <= set(table)
    assert len(Ensemble.load(models, "cpu").members) == 2
