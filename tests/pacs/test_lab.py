"""What lands in a lab comes back to the PACS: intake scores and sends it, watch sends what had to wait."""

import shutil
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from pydantic import ValidationError

from flows.intake import intake
from flows.orchestration.results_outbox import describe_delivery, send_waiting
from jsl_core.config import PipelineSettings, RetrainSettings, WatchSettings
from jsl_core.landing import Batch, open_landing
from jsl_core.storage import open_store
from tasks.caching import Placement
from tests.pacs.conftest import Orthanc
from tests.pacs.test_orthanc import objects

pytestmark = pytest.mark.slow


def page(key: str) -> str:
    """What the last run's page says."""
    with get_client(sync_client=True) as client:
        return str(
            client.request("POST", "/artifacts/latest/filter", json={"sort": "CREATED_DESC"}).json()[0][
                "data"
            ]
        )


def test_intake_sends_results_and_what_must_wait_is_sent_by_the_next_watch(
    prefect: None, orthanc: Orthanc, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JSL_PATIENCE", "0")
    landing = tmp_path / "landing"
    shutil.copytree(films, landing)
    (tmp_path / "JSL.csv").write_text("ID,BL_KL_grade,JSL_Prog\n1000009_1,0,0\n")
    settings = PipelineSettings(
        scans=str(landing), cohort=str(tmp_path / "JSL.csv"), store=str(tmp_path / "store"), jobs=1
    )
    store = open_store(settings.store)
    place = open_landing(settings.scans, tmp_path)
    files = tuple(place.files())
    scans = tuple(scan for file in files for scan in place.scans(file) or ())
    batch = store.put(Batch(files=files, scans=scans).model_dump_json().encode(), "batch.json")
    nobody = f"ORTHANC@127.0.0.1:{orthanc.jsl_port}"  # where nobody listens
    rule = RetrainSettings(regime="kl")
    intake(batch, 1, settings, watching=WatchSettings(send_to=nobody), rule=rule)
    assert "4 wait (it cannot be reached)" in page("intake")
    assert objects(orthanc) == []
    intake(batch, 1, settings, watching=WatchSettings(send_to=orthanc.ae), rule=rule)
    assert f"4 sent to {orthanc.ae}" in page("intake")
    first = objects(orthanc)
    assert [modality for modality, _ in first] == ["OT", "OT", "SR", "SR"]
    placement = Placement.of(settings)
    again = send_waiting(orthanc.ae, "JSL", placement)
    assert (again.sent, again.waiting) == (0, 0)
    waiting = send_waiting(nobody, "JSL", placement)
    assert (waiting.sent, waiting.waiting) == (0, 4)
    assert "tried again with every watch" in describe_delivery(waiting, nobody)
    assert objects(orthanc) == first


@pytest.mark.parametrize("words", ["nowhere", "ORTHANC@host", "https://user:secret@host/dicom-web", "A@b:c"])
def test_a_destination_that_is_none_is_refused_before_a_run_begins(words: str) -> None:
    with pytest.raises(ValidationError):
        WatchSettings(send_to=words)
    for good in ("", "ORTHANC@host:4242", "https://host/dicom-web"):
        assert WatchSettings(send_to=good).send_to == good
