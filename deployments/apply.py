"""`jsl deploy`: pools, queues, results block and deployments of a server; twice is the same as once."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from deployments.automations import apply_automations
from deployments.forms import apply_forms
from deployments.pools import PoolType, apply_pools, check_places
from flows.cli.error_lines import describe_server_error
from flows.server.prefect_patches import ignore_current_folder
from jsl_core.config import Lab, PipelineSettings, ScoreSettings, load_lab
from jsl_core.errors import JslError
from jsl_core.storage import open_store
from jsl_core.system.isolation import PYTHON

__all__ = ["PREFECT_FILE", "RESULTS", "deploy", "lab_prefect_file"]

PREFECT_FILE = Path(__file__).with_name("prefect.yaml")
RESULTS = "deployed"


def deploy(
    *, settings: Path | None = None, store: str = "", gpus: int = 1, pools: PoolType = "process"
) -> None:
    """Apply the deployments to the server that PREFECT_API_URL names; applying twice is applying once.

    Args:
        settings: The lab's settings in TOML, as `jsl run` takes them. With scans and a cohort table in it
            the schedules of watch and retrain are on.
        store: Where deployed runs keep their results; every worker must reach it under this name. By
            default what the settings say.
        gpus: How many GPUs the workers of pool gpu have: so many of its runs go on at a time.
        pools: What workers start: processes on their own machine, or jobs on Kubernetes as the table
            kubernetes of the settings says (docs/kubernetes.md).
    """
    if gpus < 1:
        raise JslError(
            f"--gpus {gpus}: no training would ever start; say how many the workers have, 1 or more"
        )
    ignore_current_folder()
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    from tasks.caching import save_results_block

    server = get_current_settings().api.url
    if server is None:
        raise JslError("no Prefect server is named; set PREFECT_API_URL, or run jsl up")
    lab = load_lab(settings and settings.absolute(), {"store": store} if store else None)
    lab = replace(lab, settings=_with_absolute_store(lab.settings))
    check_places(pools, lab)
    with get_client(sync_client=True) as client:
        if failure := client.api_healthcheck():
            raise JslError(describe_server_error(server, failure))
        apply_pools(client, pools, lab, gpus)
    save_results_block(lab.settings.store, RESULTS)
    _run_prefect_deploy(lab)
    with get_client(sync_client=True) as client:
        apply_forms(client, lab)
        apply_automations(client, client.read_deployment_by_name("retrain/retrain").id)
    print(f"Deployments applied at {server}; results go to {lab.settings.store}")


def _with_absolute_store(settings: PipelineSettings) -> PipelineSettings:
    """The settings with the store by the name that holds on every worker."""
    return settings.model_copy(update={"store": open_store(settings.store).url})


def _run_prefect_deploy(lab: Lab) -> None:
    """Pass the file to `prefect deploy`, which knows its format; raises JslError with its last line."""
    with lab_prefect_file(lab) as file:
        command = [*PYTHON, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        done = subprocess.run(
            [*command, "--prefect-file", str(file)],
            cwd=file.parent,  # Prefect puts the current folder before all others
            env=os.environ | {"JSL_STORE": lab.settings.store, "PREFECT_LOGGING_LEVEL": "ERROR"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if done.returncode:
        lines = done.stdout.strip().splitlines() or ["it says nothing"]
        raise JslError(f"prefect deploy refused {PREFECT_FILE.name}: {lines[-1]}")


@contextmanager
def lab_prefect_file(lab: Lab) -> Iterator[Path]:
    """Yield a copy of prefect.yaml with the lab's settings as parameters, and the schedules on."""
    content = yaml.safe_load(PREFECT_FILE.read_text())
    lab_parameters = {
        name: part.model_dump(mode="json", exclude_defaults=True)
        for name, part in (("settings", lab.settings), ("watching", lab.watching), ("rule", lab.rule))
    }
    score_settings = {
        name: value
        for name, value in lab_parameters["settings"].items()
        if name in ScoreSettings.model_fields
    }
    for deployment in content["deployments"]:
        is_score = deployment["name"] == "score"
        defaults = {"settings": score_settings} if is_score else lab_parameters
        deployment["parameters"] = {
            name: defaults[name] | value if name in defaults else value
            for name, value in deployment["parameters"].items()
        }
        for schedule in deployment.get("schedules", []):
            schedule["active"] = bool(lab.settings.scans and lab.settings.cohort)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, PREFECT_FILE.name)
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        yield file
