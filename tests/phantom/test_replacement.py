"""When phantom knees are replaced is drawn from the hazards that the truth tells."""

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import PhantomSettings
from jsl_core.evaluation.statistics.survival import cumulative_incidence, follow_until
from jsl_core.evaluation.statistics.survival_scores import concordance
from jsl_core.phantom.cohort import make_tables


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    return make_tables(PhantomSettings(patients=500, outcome="replacement"))


def test_as_many_knees_are_replaced_as_the_true_risks_say(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    study, truth = tables
    time, event = follow_until(study["Event_months"], study["Event"], 96)
    [share] = cumulative_incidence(time, event, [96])
    assert share == pytest.approx(truth["risk"].mean(), abs=0.03)
    assert concordance(time, event, truth["risk"], 96) > 0.75


def test_labels_are_what_times_say_and_the_lost_have_none(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    study, _ = tables
    lost = (study["Event"] == 0) & (study["Event_months"] < 96)
    replaced = (study["Event"] == 1) & (study["Event_months"] <= 96)
    assert study["JSL_Prog"].isna().eq(lost).all()
    assert study.loc[~lost, "JSL_Prog"].eq(1).eq(replaced[~lost]).all()
    assert set(study.loc[study["Event"] == 0, "Event_months"] % 12) == {0}  # lost from a yearly visit on


def test_both_knees_of_the_dead_end_on_one_day(tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    study, _ = tables
    died = study[study["Event"] == 2]
    days = died.groupby(died["ID"].str[:-2])["Event_months"].nunique()
    assert (days == 1).all()
    assert np.isin(died["ID"].str[-1], ["1", "2"]).all()


def test_a_cohort_of_joint_space_loss_is_what_it_was() -> None:
    study, _ = make_tables(PhantomSettings(patients=2))
    assert "Event" not in study
    assert "Outcome" not in study
