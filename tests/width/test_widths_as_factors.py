"""Widths joined to a cohort's table are risk factors of its models."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from jsl_core.cohort import FactorEncoder, read_cohort
from jsl_core.config import PackSettings, TrainingSettings
from jsl_core.dataset import pack
from jsl_core.errors import BadTable
from jsl_core.learning.model.baseline import BaselineBundle
from jsl_core.learning.regimes import train_risk_factors
from jsl_core.width.join import join_widths, write_joined

WIDTHS = pd.DataFrame(
    {
        "ID": ["1000001_1", "1000001L", "1000003_1"],
        "mjsw_medial_mm": [4.1234, np.nan, 2.0],
        "mjsw_lateral_mm": [6.0, np.nan, 7.0],
    }
)


def write_cohort(folder: Path) -> Path:
    folder.mkdir()
    file = folder / "cohort.csv"
    file.write_text(
        "ID,Age,Sex,Race,BMI,Knee_Injury,Alignment_degree,BL_KL_grade,JSL_Prog,Img_path\n"
        "1000001R,60,1,1,27,0,-1,2,0,crops/a.png\n1000001_2,60,1,1,27,0,-2,1,1,\n1000002_1,70,2,2,30,1,0,3,1,\n"
    )
    return file


def test_each_knee_of_the_cohort_has_its_widths_and_its_picture(tmp_path: Path) -> None:
    file = tmp_path / "out" / "cohort.csv"
    file.parent.mkdir()
    assert write_joined(write_cohort(tmp_path / "in"), WIDTHS, file) == 1
    table = read_cohort(file).set_index("ID")
    assert table.loc["1000001_1", ["mJSW_medial_mm", "mJSW_lateral_mm"]].tolist() == [4.123, 6.0]
    assert table["mJSW_medial_mm"].isna().to_dict() == {
        "1000001_1": False,
        "1000001_2": True,
        "1000002_1": True,
    }
    assert table.loc["1000001_1", "Img_path"] == "../in/crops/a.png"
    assert table.loc["1000002_1", ["Age", "BL_KL_grade", "JSL_Prog"]].tolist() == [70, 3, 1]


def test_a_model_takes_both_widths_standardised_and_the_median_where_one_is_missing(tmp_path: Path) -> None:
    cohort = read_cohort(write_cohort(tmp_path / "in"))
    rows = cohort.assign(mJSW_medial_mm=[2.0, 4.0, np.nan], mJSW_lateral_mm=[5.0, 6.0, 7.0])
    encoder = FactorEncoder.fit(rows, "measured")
    assert len(encoder.names) == 16
    inputs = pd.DataFrame(encoder.transform(rows), columns=list(encoder.names))
    spread = np.std([2, 4, 3])
    assert inputs["mJSW_medial_mm"].tolist() == pytest.approx([-1 / spread, 1 / spread, 0])
    assert FactorEncoder.from_json(encoder.to_json()) == encoder


def test_a_cohort_without_widths_is_told_how_to_get_them(tmp_path: Path) -> None:
    cohort = read_cohort(write_cohort(tmp_path / "in"))
    assert "mJSW_medial_mm" not in cohort
    with pytest.raises(BadTable, match="jsl measure"):
        FactorEncoder.fit(cohort, "measured")
    with pytest.raises(BadTable, match="no knee"):
        join_widths(cohort, WIDTHS.assign(ID=["9_1", "9_2", "8_1"]))


def test_a_model_of_risk_factors_learns_from_the_widths_of_a_packed_cohort(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    knees = [f"{1000001 + number}_{side}" for number in range(60) for side in (1, 2)]
    widths = rng.normal(4, 1.2, len(knees)).clip(0.8)
    columns = {"Age": 60.0, "Sex": 1.0, "Race": 1.0, "BMI": 27.0, "Knee_Injury": 0.0, "Alignment_degree": 0.0}
    table = pd.DataFrame({"ID": knees, "participant": [knee[:7] for knee in knees]}).assign(
        side=[int(knee[-1]) for knee in knees],
        split="",
        Img_path="",
        **columns,
        BL_KL_grade=2.0,
        JSL_Prog=(widths + rng.normal(0, 0.5, len(knees)) < 4).astype(float),
        mJSW_medial_mm=widths,
        mJSW_lateral_mm=6.0,
    )
    crops = {knee: rng.integers(0, 255, (32, 32), dtype=np.uint8) for knee in knees}
    pack(crops, table, PackSettings(size=32), tmp_path / "d")
    settings = TrainingSettings(factors="measured", device="cpu")
    train_risk_factors(tmp_path / "d", settings, tmp_path / "model")
    model = BaselineBundle.load(tmp_path / "model")
    risks = model.predict(table)["jsl_risk"]
    assert roc_auc_score(table["JSL_Prog"], risks) > 0.9
