"""The report and the picture of a film: of the same study, with the scores' numbers, readable by others."""

import subprocess
import warnings
from dataclasses import replace
from pathlib import Path

import highdicom
import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom import Dataset

from jsl_core.config import ConvertSettings
from jsl_core.detection.look import look_at_film
from jsl_core.errors import BadScan
from jsl_core.imaging.dicom import read_header, read_radiograph
from jsl_core.imaging.records import ScanRecord
from jsl_core.imaging.stages import read_film
from jsl_core.pacs import codes
from jsl_core.pacs.capture import make_capture
from jsl_core.pacs.findings import Film, KneeFinding, ModelIdentity
from jsl_core.pacs.header import result_header
from jsl_core.pacs.report import make_report
from jsl_core.pacs.results import ResultsJob, write_results
from jsl_core.pacs.uids import is_uid
from jsl_core.scoring.model_identity import identify_models
from tests.pacs.conftest import jsl, needs

MODEL = ModelIdentity("JSL test", "0.1.0", "ab" * 32)


def objects(folder: Path, modality: str) -> list[Dataset]:
    read = map(pydicom.dcmread, sorted(folder.rglob("*.dcm")))
    return sorted((ds for ds in read if ds.Modality == modality), key=lambda ds: str(ds.PatientID))


def film_of(films: Path, ds: Dataset) -> Dataset:
    (film,) = [one for one in map(pydicom.dcmread, films.glob("*.dcm")) if one.PatientID == ds.PatientID]
    return film


def test_results_belong_to_the_films_study_in_series_of_their_own(films: Path, scored: Path) -> None:
    for modality, sop_class in (("SR", "Comprehensive3DSRStorage"), ("OT", "SecondaryCaptureImageStorage")):
        results = objects(scored / "dicom", modality)
        assert len(results) == 2
        for ds in results:
            film = film_of(films, ds)
            assert ds.SOPClassUID.keyword == sop_class
            for keyword in (
                "PatientName",
                "PatientBirthDate",
                "StudyInstanceUID",
                "StudyDate",
                "AccessionNumber",
            ):
                assert ds[keyword].value == film[keyword].value
            assert ds.SeriesInstanceUID != film.SeriesInstanceUID
            assert ds.SeriesNumber != film.SeriesNumber
            assert ds.SOPInstanceUID.startswith("2.25.")
    (report, _) = objects(scored / "dicom", "SR")
    assert report.CompletionFlag == "COMPLETE"
    assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
    (evidence,) = report.CurrentRequestedProcedureEvidenceSequence
    film = film_of(films, report)
    (cited,) = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert (evidence.StudyInstanceUID, cited.ReferencedSOPInstanceUID) == (
        film.StudyInstanceUID,
        film.SOPInstanceUID,
    )


def test_highdicom_reads_the_scores_numbers_out_of_the_report(films: Path, scored: Path) -> None:
    scores = pd.read_csv(scored / "scores.csv", dtype={"participant": str})
    for ds in objects(scored / "dicom", "SR"):
        report = highdicom.sr.Comprehensive3DSR.from_dataset(ds)
        groups = report.content.get_planar_roi_measurement_groups()
        assert [group.tracking_identifier for group in groups] == ["right knee", "left knee"]
        for side, group in enumerate(groups, 1):
            row = scores[(scores["participant"] == ds.PatientID) & (scores["side"] == side)].iloc[0]
            (site,) = group.finding_sites
            assert (site.value, site.laterality) == (codes.ANATOMY, codes.LATERALITY[side])
            numbers = {found.name.value: found.value for found in group.get_measurements()}
            for grade in range(5):
                assert numbers[f"PKL{grade}"] == pytest.approx(row[f"kl_{grade}"], abs=1e-6)
            assert numbers["KL2UP"] == pytest.approx(row["kl2_risk"], abs=1e-6)
            assert numbers["STRANGE"] == pytest.approx(row["strange"], abs=1e-6)
            grades = [found.value for found in group.get_qualitative_evaluations(name=codes.GRADE)]
            assert grades == [codes.GRADES[row["kl_grade"]]]
            box = group.roi.value
            record, _ = read_radiograph(_bytes_of(films, ds), "film", ConvertSettings())
            seen = look_at_film(_rendered(films, ds)).joints
            sided = sorted(seen, key=lambda joint: joint.x1, reverse=record.flipped)[side - 1]
            np.testing.assert_allclose(box[0], [sided.x1, sided.y1], atol=0.01)
            np.testing.assert_allclose(box[2], [sided.x2, sided.y2], atol=0.01)


def _bytes_of(films: Path, ds: Dataset) -> bytes:
    (file,) = [file for file in films.glob("*.dcm") if pydicom.dcmread(file).PatientID == ds.PatientID]
    return file.read_bytes()


def _rendered(films: Path, ds: Dataset) -> np.ndarray:
    return read_film(_bytes_of(films, ds), "film", {}, ConvertSettings(), look_at_film)[1]


@needs("dsrdump", "dcmtk")
def test_dcmtk_reads_report_and_picture_without_a_warning(scored: Path, tmp_path: Path) -> None:
    for file in scored.rglob("*.dcm"):
        is_report = pydicom.dcmread(file).Modality == "SR"
        tool = ["dsrdump", file] if is_report else ["dcmj2pnm", file, tmp_path / "picture.ppm"]
        done = subprocess.run(tool, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        if is_report:
            assert 'Kellgren-Lawrence grade")=(KL' in done.stdout
            assert "JSL shipped grader" in done.stdout


@needs("dciodvfy", "dicom3tools")
def test_dicom3tools_finds_no_attribute_missing_or_wrong(scored: Path) -> None:
    for file in scored.rglob("*.dcm"):
        done = subprocess.run(["dciodvfy", file], capture_output=True, text=True)
        assert [line for line in done.stderr.splitlines() if "Error" in line] == []


def test_the_picture_shows_a_box_round_each_joint_and_says_what_it_is_for(films: Path, scored: Path) -> None:
    for ds in objects(scored / "dicom", "OT"):
        picture = ds.pixel_array.astype(int)
        yellow = (picture[..., 0] > 200) & (picture[..., 1] > 160) & (picture[..., 2] < 110)
        seen = look_at_film(_rendered(films, ds)).joints
        widest = max(joint.x2 - joint.x1 for joint in seen) / film_of(films, ds).Columns
        rows = [row for row in yellow if row.sum() > 0.5 * widest * picture.shape[1]]
        assert len(rows) >= 4  # top and bottom edges
        assert ds.BurnedInAnnotation == "YES"
        assert ds.DerivationDescription == "Research use only, not for diagnosis"
        (source,) = ds.SourceImageSequence
        assert source.ReferencedSOPInstanceUID == film_of(films, ds).SOPInstanceUID


def test_results_made_again_are_the_same_objects_and_those_that_are_there_stay(
    films: Path, scored: Path, tmp_path: Path
) -> None:
    before = {file: file.read_bytes() for file in (scored / "dicom").rglob("*.dcm")}
    rows = pd.read_csv(scored / "scores.csv").astype(object).fillna("").to_dict("records")
    job = ResultsJob(films, scored / "dicom", identify_models([]), look_at_film)
    write_results(rows, job, 1)
    assert {file: file.read_bytes() for file in (scored / "dicom").rglob("*.dcm")} == before
    other = replace(job, out=tmp_path, model=replace(job.model, digest="cd" * 32))
    paths, _ = write_results(rows, other, 1)
    assert not {path.name for path in paths} & {file.name for file in before}


def test_pseudonyms_name_nobody_in_scores_and_results(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JSL_PSEUDONYM_KEY", "a key of sixteen letters")
    mapping, out = tmp_path / "mapping.csv", tmp_path / "dicom"
    words = ("--pseudonymise", "--mapping", mapping, "--jobs", 1)
    assert jsl("score", films, "--out", tmp_path / "s.csv", "--dicom", out, *words) == 0
    names = dict(zip(*pd.read_csv(mapping, dtype=str)[["name", "pseudonym"]].to_numpy().T, strict=True))
    scores = pd.read_csv(tmp_path / "s.csv")
    assert set(scores["participant"]) == {names["1000001"], names["1000002"]}
    for file in out.rglob("*.dcm"):
        ds = pydicom.dcmread(file)
        assert ds.PatientID in set(scores["participant"])
        assert ds.PatientIdentityRemoved == "YES"
        ds.pop("PixelData", None)
        assert not {name for name in ("1000001", "1000002", "Phantom^", "20050101") if name in str(ds)}


def test_own_results_are_no_films(scored: Path) -> None:
    for file in (scored / "dicom").rglob("*.dcm"):
        with pytest.raises(BadScan, match="a result of JSL itself") as rejected:
            read_radiograph(file.read_bytes(), file.name, ConvertSettings())
        assert rejected.value.code == "own_result"


@needs("dsrdump", "dcmtk")
@pytest.mark.parametrize(
    ("keyword", "damaged"),
    [
        ("PatientOrientation", None),
        ("PixelSpacing", None),
        ("StudyInstanceUID", None),
        ("SOPInstanceUID", "../../evil"),
        ("SOPClassUID", "1.2.3.4"),
        ("StudyDate", "yesterday"),
        ("PatientSex", "female"),
        ("PatientName", "Kn\u00fcdsen^Bj\u00f8rn=="),
        ("PatientID", None),
        ("AccessionNumber", None),
    ],
)
def test_a_film_whose_header_lacks_what_the_library_wants_still_gets_its_report(
    films: Path, tmp_path: Path, keyword: str, damaged: str | None
) -> None:
    ds = pydicom.dcmread(sorted(films.glob("*.dcm"))[0])
    ds.SpecificCharacterSet = "ISO_IR 100"
    if damaged is None:
        ds.pop(keyword, None)
    else:
        with pydicom.config.disable_value_validation():
            setattr(ds, keyword, damaged)
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=False)
    header = result_header(read_header((tmp_path / "film.dcm").read_bytes()), "pixels")
    knees = (KneeFinding(1, (10, 20, 60, 70), grade=2, risk=0.3, risk_interval=(0.2, 0.5)), KneeFinding(2))
    record = ScanRecord(
        file="film.dcm",
        participant="",
        spacing_mm=None,
        spacing_source="none",
        width=90,
        height=80,
        bits=12,
        photometric="MONOCHROME2",
        transfer_syntax="",
    )
    film = Film(header, record, knees, np.zeros((80, 90), np.uint8))
    for result in (make_report([(header, "pixels", knees)], MODEL), make_capture(film, MODEL)):
        pydicom.dcmwrite(tmp_path / "result.dcm", result, enforce_file_format=True)
        read = pydicom.dcmread(tmp_path / "result.dcm")
        assert all(is_uid(str(read[name].value)) for name in ("StudyInstanceUID", "SOPInstanceUID"))
        assert (read.get("PatientID") or "") == ("" if keyword == "PatientID" else ds.PatientID)
        if keyword in ("StudyDate", "PatientSex"):
            assert not read[keyword].value
        tool = ["dsrdump"] if read.Modality == "SR" else ["dcmdump", "-q"]
        done = subprocess.run([*tool, tmp_path / "result.dcm"], capture_output=True, check=True)
        assert done.stderr == b""


def test_the_interval_of_a_risk_and_measured_widths_are_in_the_report(films: Path) -> None:
    header = result_header(pydicom.dcmread(sorted(films.glob("*.dcm"))[0]), "pixels")
    widths = {"mjsw_medial": 3.25, "jsw_0250": 4.5}
    knee = KneeFinding(1, risk=0.3, risk_interval=(0.2, 0.5), widths=widths)
    report = make_report([(header, "pixels", (knee,))], MODEL)
    (group,) = highdicom.sr.Comprehensive3DSR.from_dataset(report).content.get_image_measurement_groups()
    numbers = {found.name.value: (found.value, found.unit.value) for found in group.get_measurements()}
    assert numbers == {
        "JSL48": (0.3, "1"),
        "JSL48LOW": (0.2, "1"),
        "JSL48HIGH": (0.5, "1"),
        "MJSWMED": (3.25, "mm"),
        "JSW0250": (4.5, "mm"),
    }
    (algorithm,) = [item for item in group[0].ContentSequence if item.name.meaning == "Algorithm Parameters"]
    assert algorithm.value == f"sha256={MODEL.digest}"


def test_a_risk_of_another_outcome_is_not_called_one_of_joint_space_loss(films: Path) -> None:
    header = result_header(pydicom.dcmread(sorted(films.glob("*.dcm"))[0]), "pixels")
    model = replace(MODEL, outcome="replacement of the knee within 96 months")
    report = make_report([(header, "pixels", (KneeFinding(1, risk=0.3),))], model)
    (group,) = highdicom.sr.Comprehensive3DSR.from_dataset(report).content.get_image_measurement_groups()
    assert {found.name.value: found.value for found in group.get_measurements()} == {"OUTCOME": 0.3}
    names = [item.value for item in group[0].ContentSequence if item.name.meaning == "Algorithm Parameters"]
    assert names == [f"sha256={MODEL.digest}", "outcome=replacement of the knee within 96 months"]


def test_a_name_that_the_library_finds_unlikely_is_not_printed(
    films: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ds = pydicom.dcmread(sorted(films.glob("*.dcm"))[0])
    ds.PatientName = "Secretname"
    ds.save_as(tmp_path / "film.dcm")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = [{"file": "film.dcm", "side": side, "kl_grade": 2} for side in (1, 2)]
        paths, _ = write_results(rows, ResultsJob(tmp_path, tmp_path / "out", MODEL, look_at_film), 1)
    assert [pydicom.dcmread(path).PatientName for path in paths] == ["Secretname"] * 2
    assert not [warning for warning in caught if "Secretname" in str(warning.message)]
    assert "Secretname" not in "".join(capfd.readouterr())
