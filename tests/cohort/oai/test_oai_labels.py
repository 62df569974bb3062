"""Which knees progressed, which did not, and which get no label."""

from typing import Literal

import pandas as pd
import pytest

from jsl_core.cohort.oai.clinical import read_replacements
from jsl_core.cohort.oai.labels import label_progression
from jsl_core.cohort.oai.readings import project_for, read_grades, read_joint_spaces

_NAN = float("nan")


def _label(
    baseline: float,
    followup: float,
    replaced: float = _NAN,
    treated: Literal["excluded", "progressed", "competing"] = "excluded",
) -> tuple[float, list[str]]:
    columns = {"BL_mJSW_mm": [baseline], "FU_mJSW_mm": [followup], "Replaced_days": [replaced]}
    labels = label_progression(pd.DataFrame(columns), 0.7, 48, treated)
    return labels.table["JSL_Prog"][0], [step for step in labels.falls_out if labels.falls_out[step][0]]


def test_a_loss_of_exactly_the_threshold_is_progression_whatever_floats_say() -> None:
    for start in (round(0.7 + 0.01 * step, 2) for step in range(500)):
        assert _label(start, round(start - 0.7, 2)) == (1.0, []), start
        assert _label(start, round(start - 0.69, 2)) == (0.0, []), start


def test_a_knee_narrower_than_the_threshold_has_no_label() -> None:
    assert _label(0.69, 0.0) == (pytest.approx(_NAN, nan_ok=True), ["too narrow to progress"])


def test_a_knee_replaced_before_48_months_is_censored_even_if_measured() -> None:
    label, steps = _label(4.0, 1.0, replaced=1460)
    assert pd.isna(label)
    assert steps == ["replaced before follow-up"]
    assert _label(4.0, 1.0, replaced=1462) == (1.0, [])


@pytest.mark.parametrize(("treated", "label"), [("progressed", 1.0), ("competing", 0.0)])
def test_a_replaced_knee_is_what_the_settings_say_and_others_stay(
    treated: Literal["progressed", "competing"], label: float
) -> None:
    assert _label(4.0, _NAN, replaced=700, treated=treated) == (label, [])
    assert _label(4.0, 3.9, replaced=700, treated=treated) == (label, []), "a width after that is another's"
    assert _label(4.0, 3.9, replaced=1462, treated=treated) == (0.0, []), "replaced after follow-up"
    assert _label(4.0, 3.1, treated=treated) == (1.0, [])
    assert _label(0.5, _NAN, replaced=700, treated=treated)[1] == ["too narrow to progress"]
    assert _label(4.0, _NAN, treated=treated)[1] == ["no follow-up mJSW"]


def _outcome(**cells: str) -> pd.DataFrame:
    columns = ("RPCF", "RPSN", "DAYS", "BLRP")
    blank = {f"V99E{side}K{what}": "" for side in "RL" for what in columns}
    return read_replacements(pd.DataFrame([{"ID": "1000001"} | blank | cells]))


def test_a_replacement_that_could_not_be_confirmed_counts_only_if_a_film_shows_it() -> None:
    failed = {"V99ERKRPCF": "0: Replacement adjudicated, failed to confirm", "V99ERKDAYS": "900"}
    assert _outcome(**failed).empty
    assert _outcome(**failed, V99ERKRPSN="1: Yes").loc["1000001_1", "days"] == 900


def test_a_replacement_on_an_unknown_day_is_censored() -> None:
    replaced = _outcome(V99ELKRPCF="3: Replacement adjudicated, confirmed", V99ELKDAYS=".")
    assert replaced.loc["1000001_2", "days"] == 0


def test_a_replacement_with_a_date_only_is_censored() -> None:
    assert _outcome(V99ERKDATE="05/17/2007").loc["1000001_1", "days"] == 0


def _table(column: str, *rows: tuple[str, str, str]) -> pd.DataFrame:
    """Rows of side, project and value of one participant."""
    return pd.DataFrame([dict(zip(("SIDE", "READPRJ", column), row, strict=True)) for row in rows]).assign(
        ID="1000001"
    )


def test_project_42_is_project_37_and_reads_long_follow_up() -> None:
    table = _table("V00XRKL", ("1: Right", "15", "2"), ("1: Right", "42", "3"), ("2", "37.0", "1"))
    assert project_for(48) == "15"
    assert read_grades(table, "15")["value"].to_dict() == {"1000001_1": 2}
    assert read_grades(table, project_for(96))["value"].to_dict() == {"1000001_1": 3, "1000001_2": 1}


def test_widths_of_two_projects_are_never_compared() -> None:
    baseline = _table("V00MCMJSW", ("1", "15", "5.0"), ("1", "16", "4.0"))
    followup = _table("V06MCMJSW", ("1", "16", "3.9"))
    first, second = read_joint_spaces(baseline, followup, "06", "15")
    assert (first["value"].iloc[0], second["value"].iloc[0]) == (4.0, 3.9)


def test_a_width_that_no_joint_has_is_unreadable() -> None:
    first, _ = read_joint_spaces(_table("V00MCMJSW", ("1", "15", "-9")), None, "06", "15")
    assert first["reason"].iloc[0] == "unreadable"


def test_a_width_whose_own_flag_calls_it_missing_is_none_and_a_fixed_location_s_flag_takes_none() -> None:
    table = pd.DataFrame(
        {
            "ID": ["1000001"] * 2 + ["1000002"],
            "SIDE": ["1", "2", "1"],
            "READPRJ": ["15"] * 3,
            "V00MCMJSW": ["4.1", "4.2", ".T"],
            "V00NOMMJSW": ["1: Yes", "0: No", "1: Yes"],
            "V00NOMJSWX": ["0: No", "1: Yes", "0: No"],
        }
    )
    widths, _ = read_joint_spaces(table, None, "06", "15")
    assert widths["value"].fillna(-1).to_dict() == {"1000001_1": -1, "1000001_2": 4.2, "1000002_1": -1}
    assert widths.loc[["1000001_1", "1000002_1"], "reason"].tolist() == ["not measurable"] * 2
