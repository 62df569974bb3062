"""Nothing that a header says of a person leaves it: marked values are planted and searched for everywhere."""

import logging
import zlib
from pathlib import Path

import pytest
from films import dicom, legs, save, stored
from pydicom import Dataset
from pydicom.sequence import Sequence

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.detection.look import look_at_film
from jsl_core.imaging import convert_folder, split_folder

pytestmark = pytest.mark.slow

MARK = "QZX"

TEXTS = """
    PatientName OtherPatientIDs PatientAddress PatientMotherBirthName PatientTelephoneNumbers
    EthnicGroup Occupation PatientComments AdditionalPatientHistory ReferringPhysicianName
    PerformingPhysicianName OperatorsName NameOfPhysiciansReadingStudy InstitutionName
    InstitutionAddress StationName StudyDescription SeriesDescription ProtocolName ImageComments
    RequestedProcedureDescription AdmittingDiagnosesDescription DeviceSerialNumber ManufacturerModelName
    ViewPosition BodyPartExamined PerformedProcedureStepDescription PixelSpacingCalibrationDescription
    AcquisitionDeviceProcessingDescription AccessionNumber StudyID RequestedProcedureID VOILUTFunction
    PresentationLUTShape
""".split()


def marked(number: int) -> Dataset:
    ds = dicom(stored(legs(90, 120, seed=number), 12), bits=12, PatientID=str(1000000 + number))
    for index, keyword in enumerate(TEXTS):
        setattr(ds, keyword, f"{MARK}{index:02d}")
    ds.PatientBirthDate, ds.StudyDate, ds.PatientAge = "19370419", "20371231", "097Y"
    ds.ViewCodeSequence = Sequence([Dataset()])
    ds.ViewCodeSequence[0].CodeMeaning = f"{MARK}view"
    ds.add_new(0x00091001, "LO", f"{MARK}private")
    return ds


def found_in(folder: Path) -> list[str]:
    """The names of files whose name or content, packed or not, holds a mark or a planted date."""
    secrets = [MARK.encode(), b"19370419", b"20371231", b"097Y"]
    hits = []
    for path in folder.rglob("*"):
        content = str(path.relative_to(folder)).encode()
        if path.is_file():
            data = path.read_bytes()
            content += data
            if data.startswith(b"\x89PNG") and b"tEXt" in data:
                hits.append(str(path))
            if (at := data.find(b"IDAT")) > 0:
                content += zlib.decompressobj().decompress(data[at + 4 :])
        if any(secret in content for secret in secrets):
            hits.append(str(path))
    return hits


def test_marked_headers_leave_no_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert len(TEXTS) >= 30
    caplog.set_level(logging.DEBUG)
    scans = tmp_path / "scans"
    save(marked(1), scans / "good.dcm")
    bad = {
        "side": {"ImageLaterality": "R", "Laterality": "L"},
        "modality": {"Modality": f"{MARK}M"},
        "photometric": {"PhotometricInterpretation": f"{MARK}P"},
        "window": {"WindowCenter": None},
        "pixels": {"PixelData": bytes(100)},
    }
    for number, (name, tags) in enumerate(bad.items(), start=2):
        ds = marked(number)
        for keyword, value in tags.items():
            setattr(ds, keyword, value)
        save(ds, scans / f"{name}.dcm")
    data = bytearray((scans / "good.dcm").read_bytes())
    for at in range(0, len(data) // 2, 997):
        data[at + 1] ^= 0x55
    (scans / "damaged.dcm").write_bytes(data)

    settings = ConvertSettings(min_side=64)
    convert_folder(scans, tmp_path / "out" / "png", settings, look_at_film, jobs=1)
    split_folder(scans, tmp_path / "out" / "knees", SplitSettings(), settings, look_at_film, jobs=1)

    assert (tmp_path / "out" / "png" / "good.png").exists()
    assert found_in(tmp_path / "out") == []
    spoken = capfd.readouterr()
    assert MARK not in spoken.out + spoken.err + caplog.text
