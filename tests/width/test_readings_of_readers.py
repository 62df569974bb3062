"""Widths beside the readings of readers: from the release's own file, and from the table of `jsl oai`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flows.cli.commands.measure import label
from jsl_core.errors import BadTable
from jsl_core.width.readings import compare_changes, compare_widths, read_readings, readings_of_cohort

KNEES = [f"100000{number}_{side}" for number in range(1, 7) for side in (1, 2)]
READ = np.linspace(2.0, 6.4, len(KNEES))


def widths(values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"ID": KNEES, "side": 1, "mjsw_medial_mm": values, "reason": "", "sentence": ""})


def test_the_releases_file_is_read_with_its_projects_codes_and_both_spellings_of_numbers(
    tmp_path: Path,
) -> None:
    file = tmp_path / "kxr_qjsw_duryea06.txt"
    file.write_bytes(
        b"id|side|READPRJ|V06MCMJSW|V06NOMJSWX\r\n1000001|1: Right|37|9.9|.\r\n1000001|1: Right|15|4.25|.\r\n"
        b"1000001|2: Left|42|3.5|.\r\n1000002|1: Right|15|.A|1: Yes\r\n"
    )
    readings = read_readings(file)
    assert readings["baseline"].dropna().to_dict() == {"1000001_1": 4.25, "1000001_2": 3.5}


def test_a_constant_error_is_the_bias_in_every_grade(tmp_path: Path) -> None:
    file = tmp_path / "cohort.csv"
    grades = [0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 4, 4]
    pd.DataFrame({"ID": KNEES, "BL_mJSW_mm": READ, "BL_KL_grade": grades}).to_csv(file, index=False)
    found = compare_widths(widths(READ + 0.2), read_readings(file)).set_index("knees")
    assert found["n"].to_dict() == {"all": 12, "KL 0": 5, "KL 3": 5}  # two knees of KL 4 are too few
    assert found["bias"].to_numpy() == pytest.approx(0.2)
    assert (found["high"] - found["low"]).to_numpy() == pytest.approx(0, abs=1e-6)


def test_losses_of_both_have_their_response_means_and_the_command_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = np.tile([0.0, 0.4, 0.8], 4)
    table = {"ID": KNEES, "BL_mJSW_mm": READ, "FU_mJSW_mm": READ - losses}
    pd.DataFrame(table).to_csv(tmp_path / "cohort.csv", index=False)
    for name, values in (("00", READ), ("06", READ - losses - 0.1)):
        widths(values).to_csv(tmp_path / f"{name}.csv", index=False)
    label(tmp_path / "00.csv", tmp_path / "06.csv", tmp_path / "out.csv", readings=tmp_path / "cohort.csv")
    found = pd.read_csv(tmp_path / "out_agreement.csv").iloc[0]
    assert found["bias"] == pytest.approx(0.1, abs=1e-3)
    assert found["srm_readers"] == pytest.approx(0.4 / losses.std(ddof=1))
    assert found["srm"] == pytest.approx(0.5 / losses.std(ddof=1), rel=1e-3)
    assert "ICC" in capsys.readouterr().out


def test_a_table_without_readings_and_too_few_knees_are_one_line_each(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("ID,Age\n1000001_1,60\n")
    with pytest.raises(BadTable, match="BL_mJSW_mm"):
        read_readings(file)
    file.write_text("ID,BL_mJSW_mm\n1000001_1,4\n1000001_2,5\n")
    with pytest.raises(BadTable, match="2 knees"):
        compare_widths(widths(READ), read_readings(file))
    with pytest.raises(BadTable, match="cannot be read"):
        read_readings(tmp_path / "none.csv")
    with pytest.raises(BadTable, match="0 knees"):
        compare_changes(pd.DataFrame({"ID": KNEES, "JSL_mm": READ}), read_readings(file))


def test_a_cohort_with_rows_of_several_visits_does_not_say_which_film_was_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"ID": KNEES, "BL_mJSW_mm": READ})
    table.to_csv(tmp_path / "baseline.csv", index=False)
    pd.concat([table.assign(visit="00"), table.assign(visit="06")]).to_csv(
        tmp_path / "visits.csv", index=False
    )
    of_baseline = readings_of_cohort(tmp_path / "baseline.csv")
    assert of_baseline is not None
    assert of_baseline["baseline"].to_list() == pytest.approx(READ)
    assert readings_of_cohort(tmp_path / "visits.csv") is None
