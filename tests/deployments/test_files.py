"""prefect.yaml agrees with the code."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

from deployments.apply import PREFECT_FILE, RESULTS, lab_prefect_file
from deployments.pools import POOLS, QUEUES
from jsl_core.config import PipelineSettings, apply_preset, load_lab, pipeline_preset
from tasks.caching import ResultsOnStore

OFFERS = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer["name"])
def test_a_deployment_names_a_flow_a_pool_a_queue_and_settings_that_exist(offer: dict[str, Any]) -> None:
    flow = load_flow_from_entrypoint(offer["entrypoint"])
    assert isinstance(flow, Flow)
    assert flow.name == offer["name"]
    assert offer["work_pool"]["name"] in {pool.name for pool in POOLS}
    assert offer["work_pool"]["work_queue_name"] in QUEUES
    assert set(offer["parameters"]) <= set(flow.parameters.properties)
    assert set(offer["parameters"].get("settings", {})) <= set(PipelineSettings.model_fields)
    environment = offer["work_pool"]["job_variables"]["env"]
    block = f"{ResultsOnStore._block_type_slug}/{RESULTS}"
    assert environment["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] == block


def test_what_trains_goes_to_the_pool_with_one_place_and_is_tagged() -> None:
    gpu = {offer["name"] for offer in OFFERS if offer["work_pool"]["name"] == "gpu"}
    assert gpu == {"train", "train-detector"} == {offer["name"] for offer in OFFERS if "gpu" in offer["tags"]}
    assert {pool.name: pool.limit for pool in POOLS} == {"cpu": None, "gpu": 1}


def test_a_lab_s_form_that_chooses_another_preset_gets_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(
        'preset = "demo"\nname = "lab"\nscans = "landing"\ncohort = "knees.csv"\npack.val = 0.2\n'
    )
    with lab_prefect_file(load_lab(tmp_path / "lab.toml", {"store": str(tmp_path / "store")})) as file:
        offers = yaml.safe_load(file.read_text())["deployments"]
    best = pipeline_preset("best")
    for offer in offers:
        if "preset" not in load_flow_from_entrypoint(offer["entrypoint"]).parameters.properties:
            continue
        form = PipelineSettings.model_validate(offer["parameters"]["settings"])  # what the form starts from
        assert form.pack.size == pipeline_preset("demo").pack.size
        chosen = apply_preset(PipelineSettings.model_validate(form.model_dump(mode="json")), "best")
        assert chosen.training == best.training
        assert (chosen.pack.size, chosen.pack.val, chosen.name) == (best.pack.size, 0.2, "lab")
        assert chosen.scans == str(tmp_path / "landing")


def test_schedules_go_by_utc_as_the_names_of_runs_do() -> None:
    schedules = [schedule for offer in OFFERS for schedule in offer.get("schedules", [])]
    assert schedules
    assert {schedule["timezone"] for schedule in schedules} == {"UTC"}
