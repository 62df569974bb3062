"""What a header says of a person stays out of the store and out of Prefect's database."""

import os
from pathlib import Path

import pandas as pd
import pydicom
import pytest

from flows.prepare import prepare
from jsl_core.config import PhantomSettings, load_pipeline
from jsl_core.phantom import write_phantom
from tasks.caching import results_block

pytestmark = pytest.mark.usefixtures("prefect")

MARK = "QZXPERSON"
TEXTS = """
    PatientName OtherPatientIDs PatientAddress PatientMotherBirthName PatientTelephoneNumbers EthnicGroup
    Occupation PatientComments AdditionalPatientHistory ReferringPhysicianName PerformingPhysicianName
    OperatorsName NameOfPhysiciansReadingStudy InstitutionName InstitutionAddress StationName AccessionNumber
    StudyDescription SeriesDescription ProtocolName ImageComments RequestedProcedureDescription StudyID
    AdmittingDiagnosesDescription DeviceSerialNumber ManufacturerModelName RequestedProcedureID
    PerformedProcedureStepDescription AcquisitionDeviceProcessingDescription IssuerOfPatientID
""".split()


def test_thirty_marked_tags_leave_no_trace_in_store_or_database(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(TEXTS) >= 30
    write_phantom(tmp_path, PhantomSettings(patients=6, seed=5, long_side=(500, 600)))
    for number, path in enumerate(sorted((tmp_path / "scans").iterdir())):
        film = pydicom.dcmread(path)
        for keyword in TEXTS:
            setattr(film, keyword, MARK)
        if number == 0:
            film.Modality = MARK[:16]  # this one is rejected, and its reason must not quote the header
        film.save_as(path)
    places = {
        "scans": str(tmp_path / "scans"),
        "cohort": str(tmp_path / "JSL.csv"),
        "store": str(tmp_path / "store"),
        "max_rejected": 0.5,
    }
    settings = load_pipeline(preset="demo", options=places)
    ready = prepare.with_options(result_storage=results_block(settings.store))(settings)

    assert ready.gathered is not None
    rejected = pd.read_csv(Path(settings.store, ready.gathered.rejected.key))
    assert "wrong_modality" in set(rejected["reason"])
    left = [*Path(settings.store).rglob("*"), *Path(os.environ["PREFECT_HOME"]).rglob("*")]
    assert len(left) > 20
    assert [path for path in left if path.is_file() and MARK.encode() in path.read_bytes()] == []
    assert MARK not in "".join(capfd.readouterr())
