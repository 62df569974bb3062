"""A real PACS sends a study, and finds report and pictures in it: JSL end to end, beside Debian's Orthanc."""

import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import highdicom
import pandas as pd
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient

from jsl_core.errors import JslError
from jsl_core.pacs.inbox import FolderInbox
from jsl_core.pacs.intake import Intake
from jsl_core.pacs.listener import Listener
from jsl_core.pacs.outbox import Outbox, deliver
from jsl_core.pacs.pull import Puller
from jsl_core.pacs.senders import open_sender
from tests.pacs.conftest import Orthanc, free_port, jsl, needs, run_orthanc


class Killed(BaseException):
    """As kill -9: nothing is tidied up that a handler of errors would."""


def objects(orthanc: Orthanc) -> list[tuple[str, str]]:
    """Modality and UID of all that it holds, by QIDO."""
    found = DICOMwebClient(orthanc.dicomweb).search_for_instances(fields=["Modality"])
    return sorted((item["00080060"]["Value"][0], item["00080018"]["Value"][0]) for item in found)


@needs("dsrdump", "dcmtk")
def test_a_study_that_orthanc_sends_comes_back_with_report_and_picture(
    orthanc: Orthanc, films: Path, tmp_path: Path
) -> None:
    (film,) = sorted(films.glob("*.dcm"))[:1]
    orthanc.ask("/instances", film.read_bytes())
    (study,) = orthanc.ask("/studies")
    landing, out = tmp_path / "landing", tmp_path / "dicom"
    with Listener(Intake(FolderInbox(landing, 0)), port=orthanc.jsl_port):
        orthanc.ask("/modalities/jsl/store", study)
    assert jsl("score", landing, "--out", tmp_path / "s.csv", "--dicom", out, "--jobs", 1) == 0
    assert jsl("send", out, "--to", orthanc.ae) == 0
    assert jsl("send", out, "--to", orthanc.ae) == 0  # nothing left to send
    assert jsl("send", out, "--stow", orthanc.dicomweb) == 0  # sent again, another way: nothing is doubled
    assert [modality for modality, _ in objects(orthanc)] == ["CR", "OT", "SR"]
    assert orthanc.ask("/studies") == [study]
    (series,) = DICOMwebClient(orthanc.dicomweb).search_for_series(search_filters={"Modality": "SR"})
    uid = pydicom.dcmread(film).StudyInstanceUID
    assert series["0020000D"]["Value"] == [uid]
    check_report(orthanc, pd.read_csv(tmp_path / "s.csv"), tmp_path)
    # Orthanc forwards the whole study, results and all: these are recognised and do not land.
    again = tmp_path / "again"
    with Listener(Intake(FolderInbox(again, 0)), port=orthanc.jsl_port):
        orthanc.ask("/modalities/jsl/store", study)
    assert len(list(again.iterdir())) == 1


def check_report(orthanc: Orthanc, scores: pd.DataFrame, folder: Path) -> None:
    """What Orthanc gives out is the report, to DCMTK without a warning, to highdicom with the scores."""
    for number, data in enumerate(orthanc.instances()):
        file = folder / f"{number}.dcm"
        file.write_bytes(data)
        ds = pydicom.dcmread(file)
        if ds.Modality == "SR":
            done = subprocess.run(["dsrdump", file], capture_output=True, text=True, check=True)
            assert done.stderr == ""
            report = highdicom.sr.Comprehensive3DSR.from_dataset(ds)
            for side, group in enumerate(report.content.get_planar_roi_measurement_groups(), 1):
                numbers = {found.name.value: found.value for found in group.get_measurements()}
                row = scores[scores["side"] == side].iloc[0]
                assert numbers["KL2UP"] == pytest.approx(row["kl2_risk"], abs=1e-6)
                assert numbers["PKL2"] == pytest.approx(row["kl_2"], abs=1e-6)


def test_results_wait_for_a_destination_that_is_dead_and_are_sent_when_it_is_back(
    scored: Path, tmp_path: Path, only_this_machine: Path
) -> None:
    out, place = copy(scored, tmp_path), Orthanc(free_port(), free_port(), free_port())
    assert jsl("send", out, "--to", place.ae, "--patience", 0.3) == 1
    assert jsl("send", out, "--stow", place.dicomweb, "--patience", 0.3) == 1
    sender = threading.Thread(target=jsl, args=("send", out, "--to", place.ae, "--patience", 60))
    sender.start()
    with run_orthanc(place, tmp_path / "orthanc", only_this_machine):
        sender.join()
        assert len(objects(place)) == 4
        assert not Outbox(out, place.ae).waiting()


def test_killed_between_any_two_steps_nothing_is_lost_and_nothing_doubled(
    orthanc: Orthanc, scored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = copy(scored, tmp_path)
    sender, outbox = open_sender(orthanc.ae), Outbox(out, orthanc.ae)
    steps = 0

    def kill_around(work: Callable[[Path], None]) -> Callable[[Path], None]:
        def run(file: Path) -> None:
            nonlocal steps
            for do in (lambda file: None, work):
                steps -= 1
                if steps == 0:
                    raise Killed
                do(file)

        return run

    monkeypatch.setattr(sender, "send", kill_around(sender.send))
    monkeypatch.setattr(outbox, "note_sent", kill_around(outbox.note_sent))
    kills = 0
    while outbox.waiting():
        steps = 1 + kills % 5  # before and after each step of a file
        try:
            deliver(outbox, sender, seconds=5)
        except Killed:
            kills += 1
    assert kills > 4
    assert [modality for modality, _ in objects(orthanc)] == ["OT", "OT", "SR", "SR"]


def test_what_a_destination_refuses_stays_with_its_reason_and_stops_nothing(
    orthanc: Orthanc, scored: Path, tmp_path: Path
) -> None:
    out = copy(scored, tmp_path)
    damaged = out / "0.dcm"
    ds = pydicom.dcmread(next(out.rglob("2.25*.dcm")))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.826.0.1.3680043.8.498.99"  # of nobody
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "2.25.99"
    ds.save_as(damaged, enforce_file_format=True)
    delivery = deliver(Outbox(out, orthanc.ae), open_sender(orthanc.ae), seconds=5)
    assert delivery.sent == 4
    assert delivery.refused.keys() == {damaged}
    assert jsl("send", out, "--to", orthanc.ae) == 1


def test_films_are_pulled_by_dicomweb_each_once(
    orthanc: Orthanc, films: Path, scored: Path, tmp_path: Path
) -> None:
    for file in [*films.glob("*.dcm"), *scored.rglob("*.dcm")]:
        orthanc.ask("/instances", file.read_bytes())
    landing = tmp_path / "landing"

    def puller(url: str = orthanc.dicomweb) -> Puller:
        return Puller(url, Intake(FolderInbox(landing, 0)), str(landing), ("CR", "OT"), "")

    first, second = puller().pull_new(), puller().pull_new()
    assert (first.landed, first.others, first.known) == (2, 2, 0)
    assert (second.landed, second.others, second.known) == (0, 0, 4)
    assert jsl("pull", landing, "--from", orthanc.dicomweb) == 0
    pixels = {pydicom.dcmread(file).pixel_array.tobytes() for file in films.glob("*.dcm")}
    landed = {pydicom.dcmread(file).pixel_array.tobytes() for file in landing.glob("*.dcm")}
    assert landed == pixels
    with pytest.raises(JslError, match="cannot be reached"):
        puller("http://127.0.0.1:9/dicom-web").pull_new()


def test_studies_are_pulled_by_date(orthanc: Orthanc, films: Path, tmp_path: Path) -> None:
    for file in films.glob("*.dcm"):
        orthanc.ask("/instances", file.read_bytes())  # of 2005-01-01
    for since, count in (("20050101", 2), ("20050102", 0)):
        landing = tmp_path / since
        assert jsl("pull", landing, "--from", orthanc.dicomweb, "--since", since) == 0
        assert len(list(landing.glob("*.dcm"))) == count


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--to", "ORTHANC"), 1),
        (("--to", "ORTHANC@127.0.0.1:99999"), 1),
        (("--stow", "ftp://127.0.0.1"), 1),
        (("--stow", "http://user:secret@127.0.0.1"), 1),
        ((), 1),
        (("--to", "A@b:1", "--stow", "http://c"), 1),
        (("--to", "A@127.0.0.1:1", "--tls-cert", "x"), 1),
    ],
)
def test_a_destination_that_is_none_is_one_clear_line(
    scored: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int
) -> None:
    assert jsl("send", scored / "dicom", *words) == code
    error = capsys.readouterr().err.strip()
    assert error.startswith("jsl: ")
    assert error.count("\n") == 0
    assert "secret" not in error
    assert "; " in error


def copy(scored: Path, folder: Path) -> Path:
    return Path(shutil.copytree(scored / "dicom", folder / "dicom"))
