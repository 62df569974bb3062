"""A synthetic release with every quirk of the true one, against the truth that was planted."""

from pathlib import Path

import pandas as pd
import pytest

from jsl_core.cohort import read_cohort
from jsl_core.cohort.oai import Cohort, format_summary, read_release, write_cohort
from jsl_core.config import OaiSettings, PhantomSettings
from jsl_core.errors import JslError
from jsl_core.phantom.oai import write_oai_release
from jsl_core.phantom.oai.films import make_header_only_film
from jsl_core.phantom.oai.quirks import QUIRKS

_TEXT = {"ID": str, "Site": str, "Barcode": str, "participant": str}
_INDICES = ("contents", "image03", "barcodes", "headers")


@pytest.fixture(scope="module", params=_INDICES)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(request.param)
    settings = PhantomSettings(patients=2 * len(QUIRKS) + 6, seed=_INDICES.index(request.param))
    write_oai_release(root, settings, request.param, make_header_only_film)
    return root


@pytest.fixture(scope="module")
def cohort(release: Path) -> Cohort:
    return read_release(release / "release", OaiSettings(jobs=1))


def _truth(release: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(release / name, dtype=_TEXT)


def test_the_table_equals_the_truth_row_for_row(release: Path, cohort: Cohort) -> None:
    truth = _truth(release, "truth.csv")
    table = cohort.table[truth.columns].astype(dict.fromkeys(truth.select_dtypes("number"), "float"))
    pd.testing.assert_frame_equal(table, truth, check_dtype=False)


def test_every_knee_that_falls_out_has_the_planted_reason(release: Path, cohort: Cohort) -> None:
    planted = _truth(release, "truth_excluded.csv").sort_values("ID", ignore_index=True)
    excluded = cohort.excluded.sort_values("ID", ignore_index=True)
    pd.testing.assert_frame_equal(excluded, planted, check_dtype=False)


def test_each_participant_has_the_one_film_that_was_planted(release: Path, cohort: Cohort) -> None:
    planted = _truth(release, "truth_scans.csv").set_index("participant")["file"].to_dict()
    used = {film.participant: film.file for film in cohort.films if not film.reason}
    assert used == planted


def test_the_counts_of_the_flow_add_up(cohort: Cohort) -> None:
    flow = cohort.flow.set_index("step")
    start = flow.loc["knees of all participants", "remaining"]
    end = flow.loc["with a progression label", "remaining"]
    assert start - flow["excluded"].sum() == end
    assert flow.loc["progressed", "remaining"] + flow.loc["stable", "remaining"] == end
    assert len(cohort.table) == flow.loc["in the cohort table", "remaining"]
    assert cohort.table["JSL_Prog"].notna().sum() == end
    assert cohort.excluded["ID"].is_unique
    assert len(cohort.excluded) == flow["excluded"].sum()


def test_no_knee_without_a_label_is_called_stable(cohort: Cohort) -> None:
    unlabelled = cohort.table[cohort.table["ID"].isin(cohort.excluded["ID"])]
    assert unlabelled["JSL_Prog"].isna().all()
    assert (cohort.table.loc[cohort.table["BL_mJSW_mm"] < 0.7, "JSL_Prog"].isna()).all()


def test_the_written_table_is_a_cohort_table(cohort: Cohort, tmp_path: Path) -> None:
    written = write_cohort(cohort, tmp_path / "JSL.csv")
    table = read_cohort(tmp_path / "JSL.csv", needs=["BL_KL_grade", "JSL_Prog"])
    assert table["ID"].tolist() == cohort.table["ID"].tolist()
    assert sorted(path.name for path in written) == sorted(path.name for path in tmp_path.iterdir())
    assert (tmp_path / "JSL_flow.png").read_bytes().startswith(b"\x89PNG")
    scans = pd.read_csv(tmp_path / "JSL_scans.csv", dtype=str)
    assert set(scans["participant"]) >= set(table["participant"])


def test_reading_twice_writes_the_same_bytes(release: Path, cohort: Cohort, tmp_path: Path) -> None:
    again = read_release(release / "release", OaiSettings(jobs=2))
    for name, copy in (("a", cohort), ("b", again)):
        write_cohort(copy, tmp_path / name / "JSL.csv")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_pipeline_gets_the_films_of_the_tables_knees_and_no_others(cohort: Cohort) -> None:
    used = {film.participant: film.file for film in cohort.films if not film.reason}
    participants = cohort.table["ID"].str.removesuffix("_1").str.removesuffix("_2")
    assert set(cohort.scans) == {used[who] for who in participants}
    assert len(cohort.scans) == participants.nunique()


def test_two_synthetic_releases_never_mix(tmp_path: Path) -> None:
    write_oai_release(tmp_path, PhantomSettings(patients=1), "headers", make_header_only_film)
    with pytest.raises(JslError, match="other settings"):
        write_oai_release(tmp_path, PhantomSettings(patients=2), "headers", make_header_only_film)


def test_who_is_in_tables_or_on_disk_only_is_listed_by_number_and_kind(cohort: Cohort) -> None:
    kinds = [finding.kind for finding in cohort.findings]
    assert kinds.count("scan_without_table") == 1
    assert kinds.count("participant_without_scan") >= 1
    assert "1  scan without table" in format_summary(cohort)
    assert "1  participant contradiction" in format_summary(cohort)
