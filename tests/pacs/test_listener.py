"""Films sent by DCMTK's and by pynetdicom's tools land once, whole, before they are acknowledged."""

import io
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    RLELossless,
)
from pynetdicom import AE
from pynetdicom.association import Association

from jsl_core.imaging import Pseudonyms, walk_scans
from jsl_core.landing import open_landing
from jsl_core.pacs.inbox import FolderInbox
from jsl_core.pacs.intake import Intake
from jsl_core.pacs.listener import LOG, Listener, Peer, TlsFiles
from jsl_core.pacs.outbox import Outbox, deliver
from jsl_core.pacs.senders import open_sender
from tests.imaging.films import dicom, legs, stored
from tests.pacs.conftest import free_port, jsl, needs

UID = "2.25.1{:04d}"


def film(number: int = 1, **tags: object) -> pydicom.Dataset:
    ds = dicom(stored(legs(60, 80)), SOPInstanceUID=UID.format(number), **tags)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID = ds.SeriesInstanceUID = "2.25.7"
    return ds


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def listen(landing: Path) -> Iterator[Callable[..., int]]:
    """Starts a listener; returns its port."""
    with ExitStack() as stack:

        def start(intake: Intake | None = None, **options: object) -> int:
            listener = Listener(intake or Intake(FolderInbox(landing, 0)), port=0, **options)  # type: ignore[arg-type]
            return stack.enter_context(listener).port

        yield start


def connect(port: int, called: str = "JSL", calling: str = "SCANNER", **options: object) -> Association:
    entity = AE(ae_title=calling)
    entity.add_requested_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)
    entity.add_requested_context("1.2.840.10008.1.1")
    return entity.associate("127.0.0.1", port, ae_title=called, **options)  # type: ignore[arg-type]


def send(port: int, *films: pydicom.Dataset) -> list[int]:
    association = connect(port)
    assert association.is_established
    statuses = [int(association.send_c_store(one).Status) for one in films]
    association.release()
    return statuses


def landed(landing: Path) -> list[Path]:
    return sorted(path for path in landing.iterdir())


def lines(caplog: pytest.LogCaptureFixture, expected: int) -> list[str]:
    """The listener's lines, once there are so many."""
    while len(found := [record.getMessage() for record in caplog.records if record.name == LOG]) < expected:
        time.sleep(0.01)
    return found


def tls_files(folder: Path) -> TlsFiles:
    """A certificate that is its own authority."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=jsl".split(),
            "-keyout",
            key,
            "-out",
            cert,
        ],
        check=True,
        capture_output=True,
    )
    return TlsFiles(cert, key, cert)


def test_a_film_lands_as_it_was_sent_and_once(
    listen: Callable[..., int], landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOG)
    assert send(listen(), film(), film()) == [0, 0]
    (file,) = landed(landing)
    assert pydicom.dcmread(file).PixelData == film().PixelData
    assert pydicom.dcmread(file).PatientID == "1000001"
    assert lines(caplog, 2) == [
        f"{UID.format(1)} from SCANNER@127.0.0.1: {word}" for word in ("landed", "known already")
    ]
    assert len(open_landing(str(landing), landing).files()) == 1


def test_another_content_of_one_uid_is_kept_beside_the_first(
    listen: Callable[..., int], landing: Path
) -> None:
    other = film()
    other.PixelData = bytes(len(other.PixelData))
    assert send(listen(), film(), other, other) == [0, 0, 0]
    contents = [pydicom.dcmread(file).PixelData for file in landed(landing)]
    assert sorted(contents) == sorted([film().PixelData, other.PixelData])


def test_every_transfer_syntax_that_is_read_lands_in_it(listen: Callable[..., int], landing: Path) -> None:
    packed = film(2)
    packed.compress(RLELossless)
    with io.BytesIO() as file:
        packed.save_as(file)
    entity = AE(ae_title="SCANNER")
    entity.add_requested_context(ComputedRadiographyImageStorage, RLELossless)
    association = entity.associate("127.0.0.1", listen(), ae_title="JSL")
    assert association.send_c_store(packed).Status == 0
    association.release()
    (file_path,) = landed(landing)
    assert pydicom.dcmread(file_path).file_meta.TransferSyntaxUID == RLELossless


@needs("storescu", "dcmtk")
def test_dcmtk_echoes_and_sends(listen: Callable[..., int], landing: Path, tmp_path: Path) -> None:
    film().save_as(tmp_path / "film.dcm", enforce_file_format=True)
    port = str(listen())
    subprocess.run(["echoscu", "-aec", "JSL", "127.0.0.1", port], check=True)
    subprocess.run(["storescu", "-aec", "JSL", "127.0.0.1", port, tmp_path / "film.dcm"], check=True)
    assert len(landed(landing)) == 1


def test_who_calls_another_ae_or_is_no_peer_is_refused_with_the_standards_reason(
    listen: Callable[..., int], caplog: pytest.LogCaptureFixture
) -> None:
    port = listen(peers=[Peer.parse("SCANNER@localhost"), Peer.parse("OTHER@192.0.2.1")])
    for called, calling in (("NOBODY", "SCANNER"), ("JSL", "STRANGER"), ("JSL", "OTHER")):
        association = connect(port, called, calling)
        assert association.is_rejected
        reason = association.acceptor.primitive.diagnostic
        assert reason == (7 if called == "NOBODY" else 3)  # PS3.8 table 9-21
    assert connect(port).is_established
    assert len(lines(caplog, 3)) == 3


def test_what_cannot_be_taken_is_refused_by_the_standards_codes(
    listen: Callable[..., int], landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = listen()
    for sop_class, syntax in (
        (CTImageStorage, ExplicitVRLittleEndian),
        (ComputedRadiographyImageStorage, HTJ2KLossless),
    ):
        entity = AE(ae_title="SCANNER")
        entity.add_requested_context(sop_class, syntax)
        association = entity.associate("127.0.0.1", port, ae_title="JSL")
        assert [context.result for context in association.rejected_contexts] == [
            3 if sop_class == CTImageStorage else 4
        ]
    assert all("nothing of SCANNER@127.0.0.1 can be taken" in line for line in lines(caplog, 2))
    assert not landed(landing)


def test_a_data_set_is_refused_where_it_cannot_be_read_or_is_another_one(landing: Path) -> None:
    intake = Intake(FolderInbox(landing, 0))
    file = io.BytesIO()
    film().save_as(file, enforce_file_format=True)
    assert intake.take(file.getvalue(), UID.format(2)).status == 0xA900
    assert intake.take(b"\0" * 128 + b"DICM" + b"\xff" * 64).status == 0xC000
    file = io.BytesIO()
    report = film()
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = Comprehensive3DSRStorage
    report.save_as(file, enforce_file_format=True)
    assert intake.take(file.getvalue()).status == 0x0122
    assert not landed(landing)


def test_films_are_refused_while_the_disk_is_short_of_room(listen: Callable[..., int], landing: Path) -> None:
    intake = Intake(FolderInbox(landing, shutil.disk_usage("/").free + (1 << 40)))
    assert send(listen(intake), film()) == [0xA700]
    assert not landed(landing)


def test_own_results_are_acknowledged_and_ignored(listen: Callable[..., int], landing: Path) -> None:
    assert send(
        listen(), film(Manufacturer="JSL"), film(2, SeriesDescription="JSL: knee grades, pictures")
    ) == [0, 0]
    assert not landed(landing)


def test_a_film_of_another_part_of_the_body_lands_and_is_rejected_later(
    listen: Callable[..., int], landing: Path
) -> None:
    assert send(listen(), film(BodyPartExamined="CHEST")) == [0]
    assert len(landed(landing)) == 1


def test_a_stream_that_breaks_off_leaves_nothing(
    listen: Callable[..., int], landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    association = connect(listen())
    sock = association.dul.socket.socket
    sock.sendall(b"\x04\x00\x00\x00\x10\x00" + b"\0" * 100)  # a P-DATA-TF of 1 MiB that never comes
    sock.shutdown(socket.SHUT_RDWR)
    assert "broke off" in lines(caplog, 1)[0]
    assert not landed(landing)
    assert not list(landing.glob(".*"))


def test_an_association_held_open_is_ended_and_others_go_on(
    listen: Callable[..., int], landing: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = listen(idle_seconds=0.5)
    idle = connect(port)
    with socket.create_connection(("127.0.0.1", port)):  # says nothing at all
        assert send(port, film()) == [0]
        assert any("idle" in line for line in lines(caplog, 1))
    while idle.is_established:
        time.sleep(0.01)


@pytest.mark.slow
def test_what_was_acknowledged_is_there_when_the_listener_is_killed(landing: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "flows.cli", "listen", str(landing), "--port", str(port)]
    acknowledged = 0
    for kill_after in (3, 5):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not (association := connect(port)).is_established:
            assert process.poll() is None
            time.sleep(0.05)
        for _ in range(kill_after):
            assert association.send_c_store(film(acknowledged)).Status == 0
            acknowledged += 1
        threading.Thread(target=association.send_c_store, args=(film(9999),)).start()
        process.kill()
        process.wait()
    whole = {pydicom.dcmread(file).SOPInstanceUID for file in landing.glob("2*.dcm")}
    assert {UID.format(number) for number in range(acknowledged)} <= whole
    assert {pydicom.dcmread(file).PixelData for file in landing.glob("2*.dcm")} == {film().PixelData}


def test_what_a_killed_listener_left_unfinished_is_no_film_and_goes(landing: Path) -> None:
    landing.mkdir()
    unfinished = landing / ".tmp-0123456789abcdef.dcm"
    unfinished.write_bytes(b"half a film")
    FolderInbox(landing, 0)
    assert unfinished.exists()  # another listener may be writing it
    assert list(walk_scans(landing)) == []
    assert open_landing(str(landing), landing).files() == []
    os.utime(unfinished, (0, 0))
    FolderInbox(landing, 0)
    assert not unfinished.exists()


def test_a_listener_that_ends_waits_for_nobody(landing: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Listener(Intake(FolderInbox(landing, 0)), port=0) as listener:
        held = connect(listener.port)
    while held.is_established:
        time.sleep(0.01)
    assert [record for record in caplog.records if record.name == LOG] == []


def test_ten_at_once_all_land(listen: Callable[..., int], landing: Path) -> None:
    port = listen()
    threads = [
        threading.Thread(target=send, args=(port, *(film(10 * n + k) for k in range(4)))) for n in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(landed(landing)) == 40


def test_more_associations_than_allowed_are_refused_for_the_moment(listen: Callable[..., int]) -> None:
    port = listen(most=1)
    first = connect(port)
    second = connect(port)
    assert second.is_rejected
    assert second.acceptor.primitive.result == 2  # transient
    first.release()


@needs("openssl", "openssl")
def test_tls_by_files_lets_in_who_has_the_authoritys_certificate(
    listen: Callable[..., int], landing: Path, tmp_path: Path
) -> None:
    files = tls_files(tmp_path)
    port = listen(tls=files)
    plain = connect(port)
    assert not plain.is_established
    context = files.context(ssl.Purpose.SERVER_AUTH)
    association = connect(port, tls_args=(context, None))
    assert association.send_c_store(film()).Status == 0
    association.release()
    assert len(landed(landing)) == 1


@needs("openssl", "openssl")
def test_results_are_sent_over_tls(
    listen: Callable[..., int], scored: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files, out = tls_files(tmp_path), Path(shutil.copytree(scored / "dicom", tmp_path / "dicom"))
    destination = f"JSL@127.0.0.1:{listen(tls=files)}"
    for tls, count in ((None, 0), (files, 4)):
        assert deliver(Outbox(out, destination), open_sender(destination, tls=tls), seconds=0).sent == count


def test_pseudonyms_hide_whose_film_it_is_before_it_lands(
    listen: Callable[..., int], landing: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOG)
    pseudonyms = Pseudonyms(b"a key of sixteen letters")
    mapping = tmp_path / "mapping.csv"
    intake = Intake(FolderInbox(landing, 0), pseudonyms, mapping)
    named = film(
        PatientName="Doe^Jane", PatientBirthDate="19500101", AccessionNumber="A77", StudyDate="20200101"
    )
    named.add_new(0x00091001, "LO", "private Doe")
    assert send(listen(intake), named, named) == [0, 0]
    (file,) = landed(landing)
    ds = pydicom.dcmread(file)
    assert ds.PatientID == ds.PatientName == pseudonyms("1000001")
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.PixelData == named.PixelData
    written = file.read_bytes() + "".join(lines(caplog, 2)).encode()
    for secret in (b"1000001", b"Doe", b"19500101", b"A77", b"20200101", UID.format(1).encode(), b"2.25.7\0"):
        assert secret not in written
    assert "1000001" in mapping.read_text()
    assert mapping.stat().st_mode & 0o777 == 0o600


def test_a_lab_s_file_says_where_films_land_who_may_send_and_that_no_name_lands(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, statuses = free_port(), []

    def send_and_end() -> None:
        assert not connect(port, "LAB", "STRANGER").is_established
        association = connect(port, "LAB")
        statuses.append(association.send_c_store(film(PatientName="Doe^Jane")).Status)
        association.release()

    monkeypatch.setattr("flows.cli.commands.pacs._wait_for_end", send_and_end)
    monkeypatch.setenv("JSL_PSEUDONYM_KEY", "a key of sixteen letters")
    settings = tmp_path / "lab.toml"
    settings.write_text(
        'scans = "landing"\npseudonymise = true\n[listen]\naet = "LAB"\nport = 1\npeers = ["SCANNER"]\n'
    )
    assert jsl("listen", "--settings", settings, "--host", "localhost", "--port", port) == 0
    assert statuses == [0]
    (file,) = landed(landing)
    assert pydicom.dcmread(file).PatientName == Pseudonyms(b"a key of sixteen letters")("1000001")


def test_a_listener_that_nobody_tells_where_films_land_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert jsl("listen") == 1
    assert "where films land" in capsys.readouterr().err
