"""The base job template of a work pool on Kubernetes."""

from pathlib import Path
from typing import Any

import yaml

from jsl_core.config.kubernetes import JobSettings, KubernetesSettings

__all__ = ["CLAIM_FOLDER", "job_template"]

CLAIM_FOLDER = "/data"  # where a job sees the volume claim

_TEMPLATE = Path(__file__).with_name("job.yaml")
_GPU_TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}  # of NVIDIA's operator


def job_template(pool: str, settings: KubernetesSettings) -> dict[str, Any]:
    """Make the base job template of a pool, as Prefect's Kubernetes worker takes it.

    Args:
        pool: `cpu` or `gpu`.
        settings: The lab's table `[kubernetes]`.

    Returns:
        `variables` (a JSON schema with the pool's values as defaults) and `job_configuration`.
    """
    job: JobSettings = getattr(settings, pool)
    template: dict[str, Any] = yaml.safe_load(_TEMPLATE.read_text())
    for name, value in _defaults(job, settings).items():
        template["variables"]["properties"][name]["default"] = value
    if settings.claim:
        pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
        source = {"claimName": settings.claim, "readOnly": True}
        pod["volumes"].append({"name": "data", "persistentVolumeClaim": source})
        mount = {"name": "data", "mountPath": CLAIM_FOLDER, "readOnly": True}
        pod["containers"][0]["volumeMounts"].append(mount)
    return template


def _defaults(job: JobSettings, settings: KubernetesSettings) -> dict[str, Any]:
    """The values of the template's variables, in Kubernetes' notation of quantities."""
    values: dict[str, Any] = {
        "namespace": settings.namespace,
        "image": job.image,
        "cpus": str(job.cpus),
        "memory": f"{job.memory_gib}Gi",
        "shared_memory": f"{job.shared_memory_gib}Gi",
        "disk": f"{job.disk_gib}Gi",
        "gpus": str(job.gpus),
        "node_selector": job.node_selector,
        "tolerations": [_GPU_TAINT] if job.gpus else [],
        "secrets": [{"secretRef": {"name": name}} for name in settings.secrets],
    }
    if settings.service_account:
        values["service_account_name"] = settings.service_account
    return values
