"""One split for all regimes: by participant, stratified, stable."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from jsl_core.cohort import assign_splits, assign_with_frozen_test
from jsl_core.cohort.fixed_split import is_tested_by_number
from jsl_core.cohort.splits import left_out_of_split
from jsl_core.config import PackSettings
from jsl_core.errors import BadTable


def cohort(participants: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(participants):
        worst = rng.choice(5, p=[0.35, 0.2, 0.25, 0.15, 0.05])
        for side in (1, 2):
            grade = max(0, worst - rng.integers(0, 2))
            rows.append(
                (f"{1000001 + number}_{side}", str(1000001 + number), side, grade, rng.random() < 0.3)
            )
    table = pd.DataFrame(rows, columns=["ID", "participant", "side", "BL_KL_grade", "JSL_Prog"])
    return table.astype({"BL_KL_grade": float, "JSL_Prog": float}).assign(split="")


def test_no_participant_is_on_two_sides() -> None:
    table = assign_splits(cohort(500), PackSettings())
    assert len(table[["participant", "split"]].drop_duplicates()) == 500


def test_splitting_by_knee_is_the_mistake_of_the_seed() -> None:
    table = assign_splits(cohort(500), PackSettings(split_by="knee"))
    assert len(table[["participant", "split"]].drop_duplicates()) > 600


@pytest.mark.parametrize("participants", [20, 120, 1000])
def test_shares_are_met_to_one_participant(participants: int) -> None:
    settings = PackSettings(val=0.15, test=0.25)
    table = assign_splits(cohort(participants), settings).drop_duplicates("participant")
    counts = table["split"].value_counts()
    assert abs(counts["test"] - 0.25 * participants) <= 1
    assert abs(counts["val"] - 0.15 * participants) <= 1


def test_grades_and_progression_are_alike_in_all_parts() -> None:
    table = assign_splits(cohort(1000), PackSettings())
    worst = table.groupby("participant").agg({"split": "first", "BL_KL_grade": "max", "JSL_Prog": "max"})
    for column in ("BL_KL_grade", "JSL_Prog"):
        shares = pd.crosstab(worst["split"], worst[column], normalize="index")
        assert (shares.max() - shares.min()).max() < 0.03


def test_the_order_of_rows_does_not_matter_and_the_seed_does() -> None:
    table = cohort(100)
    first = assign_splits(table, PackSettings()).set_index("ID")["split"]
    again = assign_splits(table.sample(frac=1, random_state=1), PackSettings()).set_index("ID")["split"]
    other = assign_splits(table, PackSettings(seed=1)).set_index("ID")["split"]
    assert again.sort_index().equals(first.sort_index())
    assert (other != first).mean() > 0.3


def test_a_new_participant_moves_hardly_anybody() -> None:
    table = cohort(201)
    newest = table["participant"].max()
    before = assign_splits(table[table["participant"] != newest], PackSettings()).set_index("ID")["split"]
    after = assign_splits(table, PackSettings()).set_index("ID")["split"]
    assert (after[before.index] != before).mean() < 0.1


def test_a_given_split_is_kept_and_the_other_knee_follows() -> None:
    table = cohort(50)
    table.loc[table["ID"].isin(["1000001_1", "1000002_2"]), "split"] = ["test", "val"]
    split = assign_splits(table, PackSettings()).set_index("ID")["split"]
    assert split["1000001_1"] == split["1000001_2"] == "test"
    assert split["1000002_1"] == split["1000002_2"] == "val"
    assert set(split) == {"train", "val", "test"}


def test_a_part_that_the_table_names_is_not_added_to() -> None:
    table = cohort(50)
    table.loc[:15, "split"] = "test"
    split = assign_splits(table, PackSettings(val=0.15, test=0.25))["split"]
    assert (split == "test").sum() == 16
    assert (split == "val").sum() == pytest.approx(0.2 * 84, abs=2)


def test_missing_labels_do_not_hinder_a_split() -> None:
    table = cohort(60).assign(BL_KL_grade=np.nan, JSL_Prog=np.nan)
    assert set(assign_splits(table, PackSettings())["split"]) == {"train", "val", "test"}


def test_the_fixed_split_is_the_people_s_own_and_frozen() -> None:
    # By hand: echo -n jsl-1:1000001 | sha256sum; its first digit is 0 to 3 for a quarter of all people.
    people = [str(number) for number in range(1000001, 1000009)]
    first = [hashlib.sha256(f"jsl-1:{person}".encode()).hexdigest()[0] for person in people]
    assert first == list("6de9ef9e")
    assert [is_tested_by_number(person) for person in people] == [digit in "0123" for digit in first]
    assert is_tested_by_number("A-0012") == is_tested_by_number("a12")


def test_no_participant_moves_another_in_the_fixed_split() -> None:
    table, settings = cohort(1200), PackSettings(split="jsl-1")
    whole = assign_splits(table, settings).set_index("ID")["split"]
    share = (whole == "test").mean()
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 1200)
    assert abs((whole == "val").mean() - 0.15) < 0.02
    for part in (table.iloc[:300], table.iloc[700:]):
        tested = assign_splits(part.reset_index(drop=True), settings).set_index("ID")["split"] == "test"
        assert tested.equals(whole[tested.index] == "test")
    known = set(table["participant"][:200]) & {name[:-2] for name in whole.index[whole == "test"]}
    again = assign_with_frozen_test(table, known, settings).set_index("ID")["split"]
    assert again.equals(whole)


@pytest.mark.parametrize(
    ("part", "message"), [("test", "tests on 1000001_1"), ("train", "learns from 1000001_1")]
)
def test_a_table_s_own_split_is_not_mixed_with_the_fixed_one(part: str, message: str) -> None:
    table = cohort(20)
    tested = table["participant"].map(is_tested_by_number)
    table = table[tested == (part == "train")].reset_index(drop=True)
    message = message.replace("1000001_1", table.loc[0, "ID"])
    with pytest.raises(BadTable, match=f"{message}.*; empty its column split"):
        assign_splits(table.assign(split=part), PackSettings(split="jsl-1"))
    with pytest.raises(ValueError, match="set split_by to participant"):
        PackSettings(split="jsl-1", split_by="knee")


def test_adding_people_moves_nobody_in_the_fixed_split() -> None:
    settings = PackSettings(split="jsl-1")
    table = cohort(400)
    before = assign_splits(table.head(200), settings).set_index("ID")["split"]
    for rows in (table, table.sample(frac=1, random_state=3), table.assign(BL_KL_grade=np.nan)):
        after = assign_splits(rows.reset_index(drop=True), settings).set_index("ID")["split"]
        assert ((after == "test")[before.index] == (before == "test")).all()


def with_sites_and_visits(participants: int) -> pd.DataFrame:
    """Three sites, and three visits of every knee."""
    table = cohort(participants)
    table["Site"] = [list("ABC")[int(name) % 3] for name in table["participant"]]
    return pd.concat([table.assign(visit=visit) for visit in ("00", "03", "06")], ignore_index=True)


@pytest.mark.parametrize(("kind", "column"), [("site", "Site"), ("visit", "visit")])
def test_over_all_sites_or_visits_everybody_of_the_fixed_split_is_tested_on_once(
    kind: str, column: str
) -> None:
    table = with_sites_and_visits(300)
    tested = table["participant"].map(is_tested_by_number)
    times = pd.Series(0, table.index)
    for value in sorted(set(table[column])):
        settings = PackSettings(split=f"jsl-1-{kind}-{value}")
        left_out = left_out_of_split(table, settings)
        parts = assign_splits(table[~left_out], settings)
        of_part = {name: parts[parts["split"] == name] for name in ("train", "val", "test")}
        assert set(of_part["test"][column]) == {value}
        for name in ("train", "val"):
            assert value not in set(of_part[name][column])
            assert not of_part[name]["participant"].map(is_tested_by_number).any()
        times[of_part["test"].index] += 1
        assert set(table[left_out & (table[column] == value)].index) == set(
            table[~tested & (table[column] == value)].index
        )
    assert (times == tested.astype(int)).all()


def test_a_variant_of_the_fixed_split_needs_to_know_every_row_s_site() -> None:
    table = with_sites_and_visits(30)
    settings = PackSettings(split="jsl-1-site-D")
    with pytest.raises(BadTable, match="has no site D; there are A, B, C"):
        left_out_of_split(table, settings)
    table.loc[3, "Site"] = ""
    with pytest.raises(BadTable, match="has no site for 1000002_2; fill its column Site"):
        left_out_of_split(table, settings)
    with pytest.raises(BadTable, match="has no visit for"):
        left_out_of_split(cohort(5), PackSettings(split="jsl-1-visit-06"))
    with pytest.raises(ValueError, match="split"):
        PackSettings(split="jsl-2")
