"""prefect.yaml, compose.yaml, Dockerfile and .env.example agree with the code and with each other."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import Flow, load_flow_from_entrypoint

from deployments.apply import PREFECT_FILE, RESULTS, lab_prefect_file
from deployments.pools import POOLS, QUEUES
from jsl_core.config import PipelineSettings, apply_preset, load_lab, pipeline_preset
from tasks.caching import ResultsOnStore

DOCKER = Path(__file__).parents[2] / "docker"
OFFERS = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


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


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.name)
def test_every_pool_has_a_worker_service_and_an_image_that_starts_it(pool: Any) -> None:
    service = SERVICES[pool.name]
    worker = ["python", "-m", "deployments.worker", "worker", "start", "--pool", pool.name]
    assert service["command"][: len(worker)] == worker
    assert service["build"]["target"] == pool.name
    words = ", ".join(f'"{word}"' for word in worker)
    assert re.search(rf"^CMD \[{re.escape(words)}", DOCKERFILE, re.MULTILINE)
    assert "PYTHONSAFEPATH=1" in DOCKERFILE


def test_only_the_gpu_worker_reserves_a_device() -> None:
    reserving = {name for name, service in SERVICES.items() if "deploy" in service}
    assert reserving == {"gpu"}
    (device,) = SERVICES["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_services_that_stay_are_health_checked_and_wait_for_what_they_need() -> None:
    assert all("healthcheck" in service for name, service in SERVICES.items() if name != "deploy")
    needs = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert needs["server"] == {"postgres"}
    assert needs["deploy"] == {"server"}
    assert needs["cpu"] == needs["gpu"] == {"deploy"}


def test_the_server_listens_where_workers_browsers_and_health_checks_look_for_it() -> None:
    server = SERVICES["server"]
    port = server["command"][server["command"].index("--port") + 1]
    assert SERVICES["cpu"]["environment"]["PREFECT_API_URL"] == f"http://server:{port}/api"
    assert all(published.endswith(f":{port}") for published in server["ports"])
    assert all(published.startswith("127.0.0.1:") for published in server["ports"])
    assert f"127.0.0.1:{port}/api/health" in server["healthcheck"]["test"][-1]
    worker = SERVICES["gpu"]
    check = f"127.0.0.1:{worker['environment']['PREFECT_WORKER_WEBSERVER_PORT']}/health"
    assert check in worker["healthcheck"]["test"][-1]
    assert "--with-healthcheck" in worker["command"]


def test_results_lie_where_deploy_says_and_every_worker_sees_them() -> None:
    command = SERVICES["deploy"]["command"]
    store = command[command.index("--store") + 1]
    assert all(f"store:{store}" in SERVICES[pool.name]["volumes"] for pool in POOLS)
    assert f"--owner=jsl {store}" in DOCKERFILE


def test_every_variable_is_explained_in_the_example_and_none_has_a_secret_in_it() -> None:
    used = set(re.findall(r"\$\{(\w+)", (DOCKER / "compose.yaml").read_text()))
    lines = (DOCKER / ".env.example").read_text().splitlines()
    offered = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert used == set(offered)
    assert {name for name, value in offered.items() if value} == {"JSL_PORT"}


def test_images_are_pinned_and_do_not_run_as_root() -> None:
    bases = [base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if ":" in base]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert all(re.search(r":v?\d+\.\d+", image) for image in bases + images)
    last_user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1]
    assert last_user == "jsl"


def test_the_environment_names_are_settings_that_prefect_knows() -> None:
    from prefect.settings.models.root import Settings

    names = {name for service in SERVICES.values() for name in service.get("environment", {})}
    names |= {name for offer in OFFERS for name in offer["work_pool"]["job_variables"]["env"]}
    names |= set(re.findall(r"\b(PREFECT_\w+)=", DOCKERFILE))
    known = _variables(Settings)
    assert {name for name in names if name.startswith("PREFECT_")} <= known


def _variables(settings: Any) -> set[str]:
    """The environment variables of a Prefect settings class and of those within it."""
    prefix = settings.model_config["env_prefix"]
    found: set[str] = set()
    for name, field in settings.model_fields.items():
        found |= {f"{prefix}{name}".upper()}
        found |= {str(alias).upper() for alias in getattr(field.validation_alias, "choices", [])}
        if hasattr(field.annotation, "model_fields"):
            found |= _variables(field.annotation)
    return found


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
