"""compose.yaml, Dockerfile, .env.example, lab.toml and orthanc.json agree with each other and the code."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from containers import interpolate

from deployments.apply import PREFECT_FILE
from deployments.pools import POOLS
from flows.server.prefect_patches import TASK_RUN_RECORDER
from jsl_core.config import load_lab
from jsl_core.storage.run_links import STORE

DOCKER = Path(__file__).parents[2] / "docker"
EXAMPLE = (DOCKER / ".env.example").read_text()
OFFERED = dict(
    line.lstrip("#").split("=", 1) for line in EXAMPLE.splitlines() if re.match(r"#?[A-Z_0-9]+=", line)
)
REQUIRED = ("JSL_LAB", "JSL_SCANS", "JSL_USER", "JSL_PASSWORD", "POSTGRES_PASSWORD")
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = interpolate(
    COMPOSE["services"],
    {name: value for name, value in OFFERED.items() if value} | dict.fromkeys(REQUIRED, "x"),
)
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
WORKERS = {"cpu": "cpu", "gpu": "gpu", "no-gpu": "gpu"}  # service and pool
# What the Compose specification knows of; a word that it does not is an error there.
KNOWN = set(
    "image build profiles entrypoint command init restart stop_grace_period shm_size environment ports "
    "volumes depends_on healthcheck deploy".split()
)


@pytest.mark.parametrize(("name", "pool"), WORKERS.items())
def test_every_pool_has_a_worker_service_and_an_image_that_starts_it(name: str, pool: str) -> None:
    service = SERVICES[name]
    worker = ["python", "-m", "deployments.worker", "worker", "start", "--pool", pool]
    assert service["command"][: len(worker)] == worker
    assert "--with-healthcheck" in service["command"]
    words = ", ".join(f'"{word}"' for word in worker)
    assert re.search(rf"^CMD \[{re.escape(words)}", DOCKERFILE, re.MULTILINE)
    assert {pool.name for pool in POOLS} == set(WORKERS.values())


def test_without_a_gpu_the_same_worker_has_the_processor_s_image_and_another_profile() -> None:
    assert (SERVICES["gpu"]["profiles"], SERVICES["no-gpu"]["profiles"]) == (["gpu"], ["no-gpu"])
    assert (SERVICES["gpu"]["image"], SERVICES["no-gpu"]["image"]) == ("jsl:gpu", "jsl:cpu")
    for service in SERVICES.values():
        image = service["image"]
        assert image.startswith("jsl:") == ("build" in service)
        if "build" in service:
            assert image == f"jsl:{service['build']['target']}"
            assert ("TORCH_INDEX" in service["build"].get("args", {})) == (image == "jsl:cpu")


def test_only_the_gpu_worker_reserves_a_device() -> None:
    assert {name for name, service in SERVICES.items() if "deploy" in service} == {"gpu"}
    (device,) = SERVICES["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_services_that_stay_are_restarted_health_checked_and_wait_for_what_they_need() -> None:
    for name, service in SERVICES.items():
        assert (service.get("restart") == "unless-stopped") == (name != "deploy")
        assert ("healthcheck" in service) == (name != "deploy")
        assert service.get("init") == (None if name == "postgres" else True)  # whose image knows signals
    needs = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert needs["server"] == {"postgres"}
    assert needs["deploy"] == {"server", "s3"}
    assert SERVICES["deploy"]["depends_on"]["s3"]["required"] is False  # where its profile is off
    assert all(needs[worker] == {"deploy"} for worker in WORKERS)


def test_only_what_dicom_is_sent_to_can_be_open_to_the_network() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(ports) == {"server", "review", "listen", "orthanc"}
    assert all(port.startswith("127.0.0.1:") for opened in ports.values() for port in opened)
    assert {port.rpartition(":")[2] for opened in ports.values() for port in opened} == {
        *("4200", "8765", "11112", "8042", "4242")
    }


def test_results_lie_where_deploy_says_and_every_service_looks_for_them_there() -> None:
    assert SERVICES["deploy"]["command"][-2:] == ["--store", "/store"]
    assert SERVICES["review"]["command"][2] == "/store"
    for name in ("server", "deploy", *WORKERS):
        assert SERVICES[name]["environment"][STORE] == "/store"
    for name in ("deploy", "review", *WORKERS):
        assert "store:/store" in SERVICES[name]["volumes"]
    assert "--owner=jsl /store /home/jsl/.cache" in DOCKERFILE


@pytest.mark.parametrize("missing", REQUIRED)
def test_a_value_that_is_missing_stops_compose_with_its_name(missing: str) -> None:
    values = {name: "x" for name in REQUIRED if name != missing}
    for without in (values, values | {missing: ""}):
        with pytest.raises(ValueError, match=rf"{missing} .*docker/\.env"):
            interpolate(COMPOSE["services"], without)


def test_every_variable_is_explained_in_the_example_and_none_has_a_secret_in_it() -> None:
    text = (DOCKER / "compose.yaml").read_text()
    passed_on = {
        name
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }
    used = set(re.findall(r"(?<!\$)\$\{(\w+)", text)) | passed_on | {"COMPOSE_PROFILES"}
    assert used == set(OFFERED)
    secret = {"JSL_USER", "JSL_PSEUDONYM_KEY"} | {
        name for name in OFFERED if "PASSWORD" in name or "KEY" in name
    }
    assert not any(OFFERED[name] for name in secret)
    ignored = subprocess.run(["git", "check-ignore", "docker/.env"], cwd=DOCKER.parent, capture_output=True)
    assert ignored.returncode == 0


def test_only_words_of_the_specification_are_used() -> None:
    assert {word for service in SERVICES.values() for word in service} <= KNOWN
    assert all(key.startswith("x-") for key in COMPOSE.keys() - {"name", "services", "volumes"})
    named = {
        each.split(":")[0]
        for service in SERVICES.values()
        for each in service["volumes"]
        if isinstance(each, str)
    }
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_the_example_of_a_lab_is_one_with_both_schedules_on() -> None:
    lab = load_lab(DOCKER / "lab.toml")
    assert (lab.settings.scans, lab.settings.cohort) == ("/scans", str(DOCKER / "JSL.csv"))
    assert set(lab.listen.peers) == {"SCANNER", "ORTHANC@orthanc"}
    archive = json.loads((DOCKER / "orthanc.json").read_text())
    assert archive["DicomModalities"]["jsl"] == [lab.listen.aet, "listen", lab.listen.port]
    assert (
        f'# send_to = "{archive["DicomAet"]}@orthanc:{archive["DicomPort"]}"'
        in (DOCKER / "lab.toml").read_text()
    )


def test_images_are_pinned_and_do_not_run_as_root() -> None:
    bases = [base for base in re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) if ":" in base]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert all(re.search(r":v?\d+\.\d+", image) for image in bases + images)
    last_user = re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1]
    assert last_user == "jsl"
    assert "PYTHONSAFEPATH=1" in DOCKERFILE


def test_the_environment_names_are_settings_that_prefect_knows() -> None:
    from prefect.settings.models.root import Settings

    offers = yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
    names = {name for service in SERVICES.values() for name in service.get("environment", {})}
    names |= {name for offer in offers for name in offer["work_pool"]["job_variables"]["env"]}
    names |= set(re.findall(r"\b(PREFECT_\w+)=", DOCKERFILE))
    known = _variables(Settings)
    assert {name for name in names if name.startswith("PREFECT_")} <= known
    assert TASK_RUN_RECORDER.items() <= SERVICES["server"]["environment"].items()


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
