"""A written cohort: complete, resumable, the same bytes every time."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydicom import dcmread

from jsl_core.config import ConvertSettings, PhantomSettings
from jsl_core.errors import BadScan, JslError, StoreError
from jsl_core.imaging import convert_scan
from jsl_core.phantom import make_film, write_phantom
from jsl_core.phantom.anatomy import make_generator
from jsl_core.phantom.cohort import make_tables
from jsl_core.phantom.defects import DEFECTS, encode_defective
from jsl_core.phantom.encoding import draw_encoding, stored_values
from jsl_core.phantom.oai import write_oai_release

SETTINGS = PhantomSettings(patients=6, seed=9, long_side=(420, 520))
COLUMNS = "ID,Age,Sex,Race,BMI,Knee_Injury,Alignment_degree,BL_KL_grade,BL_mJSW_mm,JSL_Prog"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    write_phantom(folder, SETTINGS, jobs=1)
    return folder


def test_a_cohort_has_scans_a_study_table_and_the_truth(cohort: Path) -> None:
    assert len(list((cohort / "scans").iterdir())) == 6
    assert (cohort / "JSL.csv").read_text().splitlines()[0] == COLUMNS
    table, truth = (pd.read_csv(cohort / name) for name in ("JSL.csv", "truth.csv"))
    assert table["ID"].tolist() == truth["ID"].tolist()
    assert table["ID"][0] == "1000001_1"
    assert len(table) == 12
    assert truth["defect"].isna().all()
    best = json.loads((cohort / "truth.json").read_text())["attainable_auc"]
    assert best["risk-factors"] < best["image"] < best["image+factors"]


def test_boxes_are_in_pixels_of_the_stored_picture(cohort: Path) -> None:
    for _, knee in pd.read_csv(cohort / "truth.csv").iterrows():
        ds = dcmread(cohort / knee["file"])
        assert ds.PatientID == knee["ID"].split("_")[0]
        flipped = list(ds.PatientOrientation or []) == ["R", "F"]
        on_the_left = (knee["x1"] + knee["x2"]) / 2 < ds.Columns / 2
        assert on_the_left == ((knee["side"] == 1) != flipped)
        assert 0 <= knee["x1"] < knee["x2"] <= ds.Columns
        assert 0 <= knee["y1"] < knee["y2"] <= ds.Rows


@pytest.mark.slow
def test_more_participants_and_more_processes_change_no_earlier_film(cohort: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path, SETTINGS.model_copy(update={"patients": 8}), jobs=2)
    before, after = contents(cohort), contents(tmp_path)
    assert all(after[name] == data for name, data in before.items() if name.startswith("scans/"))
    for name in ("JSL.csv", "truth.csv"):
        assert after[name].startswith(before[name])


def test_an_interrupted_cohort_is_finished_not_begun_again(cohort: Path, tmp_path: Path) -> None:
    write_phantom(tmp_path, SETTINGS, jobs=1)
    whole = contents(tmp_path)
    assert whole == contents(cohort)
    (tmp_path / "truth.json").unlink()
    (tmp_path / "scans/1000003.dcm").unlink()
    counts: list[int] = []
    write_phantom(tmp_path, SETTINGS, jobs=1, progress=lambda done, total: counts.append(done))
    assert counts == [6]
    assert contents(tmp_path) == whole


def test_a_complete_cohort_is_left_alone(cohort: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in cohort.rglob("*")}
    write_phantom(cohort, SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in cohort.rglob("*")} == before


def test_two_cohorts_never_mix(cohort: Path) -> None:
    with pytest.raises(JslError, match="other settings"):
        write_phantom(cohort, SETTINGS.model_copy(update={"seed": 10}))


@pytest.mark.parametrize("write", [write_phantom, write_oai_release])
def test_a_file_or_a_place_that_cannot_be_written_is_one_line(
    write: Callable[[Path, PhantomSettings], None], tmp_path: Path
) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    for target in (file, file / "below", Path("/proc/jsl-phantom")):
        with pytest.raises(StoreError, match=f"^{target}") as caught:
            write(target, SETTINGS)
        assert "\n" not in str(caught.value)
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", ["settings.json", "truth.json"])
@pytest.mark.parametrize("content", ["folder", b"", b"\xff\xfe\0", b"[1, 2]", b"null"])
@pytest.mark.parametrize("write", [write_phantom, write_oai_release])
def test_another_folders_json_is_never_a_traceback(
    write: Callable[[Path, PhantomSettings], None], content: bytes | str, name: str, tmp_path: Path
) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "1000001.dcm").write_bytes(b"theirs")
    (tmp_path / name).mkdir() if isinstance(content, str) else (tmp_path / name).write_bytes(content)
    with pytest.raises(JslError, match=r"give an empty folder$"):
        write(tmp_path, SETTINGS)


def test_some_cells_are_empty_as_in_any_study() -> None:
    study, truth = make_tables(PhantomSettings(patients=500, seed=1, long_side=(420, 520)))
    assert 0.005 < study["BMI"].isna().mean() < 0.03
    assert study["BL_KL_grade"].notna().all()
    spent = truth["mjsw_medial_mm"] < 0.7
    assert study.loc[spent, "JSL_Prog"].isna().all()
    assert 0.005 < study.loc[~spent, "JSL_Prog"].isna().mean() < 0.04
    known = study["JSL_Prog"].dropna().astype(float)
    assert known.mean() == pytest.approx(0.325, abs=4 * np.sqrt(0.325 * 0.675 / 500))


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_quality_gate_finds_each_known_defect(defect: str) -> None:
    film, encoding = make_film(9, 0, SETTINGS), draw_encoding(make_generator(9, 0, "encoding"))
    data = encode_defective(defect, stored_values(film, encoding), "1000001", film.spacing_mm, encoding)
    with pytest.raises(BadScan) as caught:
        convert_scan(data, "1000001.dcm", ConvertSettings())
    assert caught.value.code == defect
