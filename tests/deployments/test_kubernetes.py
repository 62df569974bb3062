"""Jobs on Kubernetes: what a worker would send is valid there, and the command in it does the run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration

import deployments.kubernetes
from deployments.apply import PREFECT_FILE, deploy
from deployments.kubernetes.job_template import job_template
from deployments.pools import check_places
from flows.orchestration.idle_workers import _count_workers
from jsl_core.config import PhantomSettings, load_lab
from jsl_core.config.kubernetes import KubernetesSettings
from jsl_core.errors import BadSettings, JslError
from jsl_core.phantom import write_phantom

sys.path.append(str(Path(__file__).parents[1] / "storage"))
from servers import BUCKET, Server, moto_server

ROOT = Path(__file__).parents[2]
FILES = Path(deployments.kubernetes.__file__).parent
POOLS = ("cpu", "gpu")
LAB = """
[kubernetes]
namespace = "knees"
claim = "scans"
secrets = ["bucket-key", "study"]

[kubernetes.gpu]
image = "registry.example/jsl:gpu"
gpus = 2
node_selector = {"example.com/accelerator" = "big-one"}
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> KubernetesSettings:
    file = tmp_path_factory.mktemp("lab") / "lab.toml"
    file.write_text(LAB)
    return load_lab(file).kubernetes


def rendered(template: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """The manifest of a run's job, as Prefect's worker makes it."""
    (offer,) = (
        offer
        for offer in yaml.safe_load(PREFECT_FILE.read_text())["deployments"]
        if offer["name"] == "prepare"
    )
    values = offer["work_pool"]["job_variables"] | variables
    configuration = run_coro_as_sync(
        KubernetesWorkerJobConfiguration.from_template_and_values(template, values)
    )
    assert configuration is not None
    configuration.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="Quiet Knee"))
    return configuration.job_manifest


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("version", ["1.29", "1.33", kubernetes_validate.latest_version()])
def test_a_job_is_valid_by_the_schemas_of_kubernetes(
    settings: KubernetesSettings, pool: str, version: str
) -> None:
    for made_for in (settings, KubernetesSettings()):
        manifest = rendered(job_template(pool, made_for))
        # No fields of a pod: the worker insists on them, and the cluster ignores them.
        assert [pod_of(manifest).pop(name) for name in ("parallelism", "completions")] == [1, 1]
        kubernetes_validate.validate(manifest, version, strict=True)
        pod_of(manifest)["node_selector"] = {}
        with pytest.raises(kubernetes_validate.ValidationError):  # strict is strict
            kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("pool", POOLS)
def test_every_variable_of_a_template_is_used_and_its_default_fits(
    settings: KubernetesSettings, pool: str
) -> None:
    template = job_template(pool, settings)
    variables = template["variables"]["properties"]
    assert set(re.findall(r"{{ (\w+) }}", json.dumps(template["job_configuration"]))) == set(variables)
    Draft202012Validator.check_schema(template["variables"])
    defaults = {name: part["default"] for name, part in variables.items() if "default" in part}
    Draft202012Validator(template["variables"]).validate(defaults)


def test_nothing_of_the_template_is_unknown_to_the_worker() -> None:
    theirs = KubernetesWorker.get_default_base_job_template()
    ours = job_template("cpu", KubernetesSettings())
    assert set(ours["job_configuration"]) <= set(theirs["job_configuration"])
    shared = set(ours["variables"]["properties"]) & set(theirs["variables"]["properties"])
    assert {"name", "command", "env", "labels", "namespace", "image", "finished_job_ttl"} <= shared


def test_gpus_nodes_and_shared_memory_are_those_of_the_lab_s_file(settings: KubernetesSettings) -> None:
    cpu, gpu = (pod_of(rendered(job_template(pool, settings))) for pool in POOLS)
    limits = [pod["containers"][0]["resources"]["limits"] for pod in (cpu, gpu)]
    assert [limit["nvidia.com/gpu"] for limit in limits] == ["0", "2"]
    assert [pod["nodeSelector"] for pod in (cpu, gpu)] == [{}, {"example.com/accelerator": "big-one"}]
    assert [[taint["key"] for taint in pod["tolerations"]] for pod in (cpu, gpu)] == [[], ["nvidia.com/gpu"]]
    for pod, size in ((cpu, "1Gi"), (gpu, "16Gi")):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        (shm,) = (mount for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == "/dev/shm")
        assert volumes[shm["name"]]["emptyDir"] == {"medium": "Memory", "sizeLimit": size}
        assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "scans", "readOnly": True}
    assert gpu["containers"][0]["image"] == "registry.example/jsl:gpu"


def test_a_run_may_have_more_of_something_than_its_pool(settings: KubernetesSettings) -> None:
    container = pod_of(rendered(job_template("cpu", settings), memory="32Gi", cpus="16"))["containers"][0]
    assert container["resources"]["limits"]["memory"] == "32Gi"
    assert {"name": "OMP_NUM_THREADS", "value": "16"} in container["env"]


def test_a_job_runs_as_the_image_s_user_and_knows_secrets_by_name_alone(settings: KubernetesSettings) -> None:
    (user,) = re.findall(r"useradd .*--uid (\d+)", (ROOT / "docker/Dockerfile").read_text())
    pod = pod_of(rendered(job_template("cpu", settings)))
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == int(user)
    container = pod["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": name}} for name in ("bucket-key", "study")]
    assert not [entry["name"] for entry in container["env"] if re.search("SECRET|KEY|PASS", entry["name"])]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('namespace = "Knees"', "namespace"),
        ("cpu = {cpus = 0}", "cpus"),
        ("gpu = {gpu = 1}", "gpu"),
        ('cpu = {image = ""}', "image"),
        ('secrets = ["My secret"]', "kubernetes.secrets.0"),
        ("gpu = {node_selector = {'a/b/c' = 'x'}}", "kubernetes.gpu.node_selector.a/b/c"),
        ("gpu = {node_selector = {'a.example/b' = 'no label'}}", "kubernetes.gpu.node_selector.a.example/b"),
    ],
)
def test_a_table_that_no_cluster_takes_is_refused_in_a_line(tmp_path: Path, table: str, words: str) -> None:
    (tmp_path / "lab.toml").write_text(f"[kubernetes]\n{table}\n")
    with pytest.raises(BadSettings, match=words) as refusal:
        load_lab(tmp_path / "lab.toml")
    assert "\n" not in str(refusal.value)


# Of the charts' own lists of values (prefect-server and prefect-worker), those that ours set. A name that a
# chart does not know would be ignored by Helm without a word.
CHART_VALUES = {
    "server-values.yaml": {
        "global.prefect.image.repository", "global.prefect.image.prefectTag", "global.prefect.env",
        "server.basicAuth.enabled", "server.basicAuth.existingSecret", "server.uiConfig.prefectUiApiUrl",
        "server.resources", "postgresql.enabled", "secret.create", "secret.name",
    },
    "worker-values.yaml": {
        "worker.image.repository", "worker.image.prefectTag", "worker.apiConfig",
        "worker.selfHostedServerApiConfig.apiUrl", "worker.selfHostedServerApiConfig.basicAuth.enabled",
        "worker.selfHostedServerApiConfig.basicAuth.existingSecret", "worker.config.workPool",
        "worker.config.type", "worker.config.installPolicy", "worker.config.queryInterval",
        "worker.extraEnvVars", "worker.resources",
    },
}  # fmt: skip


@pytest.mark.parametrize("file", CHART_VALUES)
def test_values_are_ones_that_the_charts_know_and_the_images_have_our_prefect(file: str) -> None:
    def names(table: Any, above: str) -> Iterator[str]:
        known = [name for name in CHART_VALUES[file] if name == above or name.startswith(f"{above}.")]
        if isinstance(table, dict) and known != [above]:
            for name, value in table.items():
                yield from names(value, f"{above}.{name}" if above else name)
        else:
            yield above

    values = yaml.safe_load((FILES / file).read_text())
    assert {name for key, value in values.items() for name in names(value, key)} == CHART_VALUES[file]
    (version,) = re.findall(r"^prefect==(.+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert re.findall(r"prefectTag: ([\d.]+)-", (FILES / file).read_text()) == [version]


@pytest.fixture(scope="module")
def bucket() -> Iterator[Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="module")
def pools(prefect: None, bucket: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The deployments of a lab on Kubernetes, and their store."""
    store = f"s3://{BUCKET}/kubernetes"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.environment.items():
            patch.setenv(name, value)
        file = tmp_path_factory.mktemp("lab") / "lab.toml"
        file.write_text(f'store = "{store}"\n{LAB}')
        deploy(settings=file, pools="kubernetes", gpus=3)
    yield store
    with get_client(sync_client=True) as client:
        for pool in POOLS:
            client.delete_work_pool(pool)


@pytest.mark.slow
def test_deploying_makes_pools_of_jobs_which_no_pool_of_processes_replaces(pools: str) -> None:
    with get_client(sync_client=True) as client:
        made = {name: client.read_work_pool(name) for name in POOLS}
    assert {pool.type for pool in made.values()} == {"kubernetes"}
    assert {name: pool.concurrency_limit for name, pool in made.items()} == {"cpu": 8, "gpu": 3}
    with pytest.raises(JslError, match=r"pool cpu .* kubernetes, not process; say --pools kubernetes"):
        deploy(store=pools)


def test_a_store_that_jobs_do_not_share_is_refused(prefect: None, tmp_path: Path) -> None:
    with pytest.raises(JslError, match="share no disk"):
        deploy(store=str(tmp_path), pools="kubernetes")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ('scans = "films"', "scans"),
        (
            'scans = "s3://knees/scans"\ncohort = "/data/JSL.csv"',
            "cohort",
        ),  # without a claim there is no /data
        ('scans = "/data/scans"\ncohort = "/database/JSL.csv"\nkubernetes.claim = "tables"', "cohort"),
        ('scans = "s3://knees/scans"\ncohort = "/data/JSL.csv"\nkubernetes.claim = "tables"', None),
    ],
)
def test_scans_and_table_that_no_job_would_see_are_refused(
    tmp_path: Path, text: str, refused: str | None
) -> None:
    (tmp_path / "lab.toml").write_text(f'store = "s3://knees/store"\n{text}')
    lab = load_lab(tmp_path / "lab.toml")
    check_places("process", lab)
    if refused is None:
        check_places("kubernetes", lab)
    else:
        with pytest.raises(JslError, match=rf"^{refused} .* do not see it"):
            check_places("kubernetes", lab)


def test_a_pool_without_a_gpu_is_refused_as_no_training_would_start() -> None:
    for gpus in (0, -1):
        with pytest.raises(JslError, match=rf"--gpus {gpus}: no training"):
            deploy(gpus=gpus)


@pytest.mark.slow
def test_the_command_of_a_job_does_the_run_with_what_the_job_gives_it(
    pools: str, bucket: Server, tmp_path: Path
) -> None:
    films = tmp_path / "films"
    write_phantom(films, PhantomSettings(patients=8, seed=3, long_side=(400, 500)), jobs=1)
    asked = {
        "scans": str(films / "scans"), "cohort": str(films / "JSL.csv"), "store": pools, "max_rejected": 1.0,
        "pack": {"size": 32, "val": 0.25, "test": 0.25}, "jobs": 1,
    }  # fmt: skip
    manifest, run = resolve({"settings": asked})
    container = pod_of(manifest)["containers"][0]
    secrets = {"bucket-key": bucket.environment, "study": {}}
    root = tmp_path / "root"  # of the container, as far as its volumes are concerned
    for mount in container["volumeMounts"]:
        (root / mount["mountPath"][1:]).mkdir(parents=True)
    environment = {"PATH": os.pathsep.join((str(Path(sys.executable).parent), os.defpath))}
    for source in container["envFrom"]:
        environment |= secrets[source["secretRef"]["name"]]
    environment |= {
        entry["name"]: entry["value"].replace("/work", f"{root}/work") for entry in container["env"]
    }
    done = subprocess.run(
        container["args"],
        cwd=root / container["workingDir"][1:],
        env=environment,
        capture_output=True,
        text=True,
    )
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    assert (done.returncode, state.name) == (0, "Completed"), done.stdout + done.stderr
    s3 = boto3.client(
        "s3", endpoint_url=bucket.endpoint, aws_access_key_id="key", aws_secret_access_key="any",
        region_name="us-east-1",
    )  # fmt: skip
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="kubernetes/cas")["KeyCount"] > 10
    assert (root / "work" / "cache").is_dir()  # copies lie where the job has disk


@pytest.mark.parametrize(("limit", "workers"), [(12, 12), (None, 1)])
def test_prepare_shares_its_scans_among_as_many_jobs_as_the_pool_lets_run(
    limit: int | None, workers: int
) -> None:
    class Client:
        def read_work_pool(self, name: str) -> SimpleNamespace:
            return SimpleNamespace(type="kubernetes", concurrency_limit=limit)

    assert _count_workers(Client()) == workers  # type: ignore[arg-type]


def resolve(parameters: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """A run of prepare, and the manifest that a worker of pool cpu would send for it."""

    async def ask() -> tuple[dict[str, Any], Any]:
        async with get_client() as client:
            deployment = await client.read_deployment_by_name("prepare/prepare")
            run = await client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
            configuration = await KubernetesWorkerJobConfiguration.resolve_for_flow_run(
                run,
                client=client,
                work_pool=await client.read_work_pool("cpu"),
                worker_name="worker",
            )
            return configuration.job_manifest, run.id

    answer = run_coro_as_sync(ask())
    assert answer is not None
    return answer
