"""The commands of docs/pacs.md, run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from tests.pacs.conftest import Orthanc, free_port, needs
from tests.pacs.test_orthanc import objects

DOCUMENT = Path(__file__).parents[2] / "docs" / "pacs.md"
JSL = f'#!/bin/sh\nexec {sys.executable} -P -c "from flows.cli.main import main; main()" "$@"\n'


@needs("dcmsend", "dcmtk")
@pytest.mark.slow
def test_the_commands_of_the_document_do_what_it_says(orthanc: Orthanc, tmp_path: Path) -> None:
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.M | re.S))
    for written, port in (("4242", orthanc.dicom), ("8042", orthanc.http), ("11112", free_port())):
        assert written in commands
        commands = commands.replace(written, str(port))
    script = f"set -euo pipefail\ntrap 'kill $(jobs -p) 2> jobs.log || true' EXIT\n{commands}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jsl").write_text(JSL)
    (tmp_path / "bin" / "jsl").chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [modality for modality, _ in objects(orthanc)] == ["CR", "CR", "OT", "OT", "SR", "SR"]
    places = [tmp_path / name for name in ("landing", "fetched", "nameless")]
    assert [len(list(place.glob("*.dcm"))) for place in places] == [2, 2, 2]
    for file in [*tmp_path.glob("nameless/*.dcm"), *tmp_path.glob("nameless-results/*/*.dcm")]:
        assert str(pydicom.dcmread(file).PatientID).startswith("P")
        assert not {name for name in (b"1000001", b"1000002", b"Phantom") if name in file.read_bytes()}
    assert "1000001" in (tmp_path / "mapping.csv").read_text()
    assert "Phantom" not in (tmp_path / "listen.log").read_text()
