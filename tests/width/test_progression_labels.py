"""Labels of two visits' widths."""

from pathlib import Path

import pandas as pd
import pytest

from jsl_core.errors import BadTable
from jsl_core.width.label import label_progression, read_widths


def write_widths(file: Path, rows: list[tuple[str, int, float | None, str]]) -> pd.DataFrame:
    names = ["ID", "side", "mjsw_medial_mm", "reason"]
    table = pd.DataFrame(rows, columns=names).assign(sentence="why not")
    table.to_csv(file, index=False)
    return read_widths(file)


def test_a_knee_has_progressed_from_a_loss_of_seven_tenths_of_a_millimetre_on(tmp_path: Path) -> None:
    baseline = [("1000001_1", 1, 4.0, ""), ("1000001_2", 2, 4.0, ""), ("1000002_1", 1, 0.6, "")]
    followup = [("1000001 right", 1, 3.3, ""), ("1000001L", 2, 3.31, ""), ("1000002_1", 1, 0.1, "")]
    labels = label_progression(
        write_widths(tmp_path / "00.csv", baseline), write_widths(tmp_path / "06.csv", followup)
    ).set_index("ID")
    assert labels.loc["1000001_1", ["JSL_mm", "JSL_Prog"]].tolist() == [0.7, 1]
    assert labels.loc["1000001_2", ["JSL_mm", "JSL_Prog"]].tolist() == [0.69, 0]
    assert labels.loc["1000002_1", "reason"] == "nothing_to_lose"
    assert pd.isna(labels.loc["1000002_1", "JSL_Prog"])


def test_a_knee_without_a_width_at_either_visit_is_a_row_with_its_reason(tmp_path: Path) -> None:
    baseline = [("1000001_1", 1, 4.0, ""), ("1000001_2", 2, None, "no_joint"), ("1000003_1", 1, None, "")]
    followup = [("1000001_2", 2, 3.0, ""), ("1000003_1", 1, 3.0, ""), ("1000004_1", 1, 3.0, "")]
    labels = label_progression(
        write_widths(tmp_path / "00.csv", baseline), write_widths(tmp_path / "06.csv", followup)
    ).set_index("ID")
    assert labels["reason"].to_dict() == {
        "1000001_1": "no_followup",
        "1000001_2": "no_joint",
        "1000003_1": "no_spacing",
        "1000004_1": "no_baseline",
    }
    assert labels["JSL_Prog"].isna().all()


def test_two_films_of_a_knee_at_one_visit_and_other_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadTable, match="1000001_1 is there twice"):
        write_widths(tmp_path / "00.csv", [("1000001_1", 1, 4.0, ""), ("1000001_1", 1, 3.0, "")])
    (tmp_path / "other.csv").write_text("ID,KL\n1000001_1,2\n")
    with pytest.raises(BadTable, match="lacks mjsw_medial_mm"):
        read_widths(tmp_path / "other.csv")
