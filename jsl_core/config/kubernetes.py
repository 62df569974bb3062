"""Settings of a lab's jobs on Kubernetes: the table `[kubernetes]` of its file."""

from typing import Annotated

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["GpuJobSettings", "JobSettings", "KubernetesSettings"]

# Names of Kubernetes' objects: RFC 1123 labels (https://kubernetes.io/docs/concepts/overview/working-with-objects/names)
_NAME = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME_OR_NONE = rf"^({_NAME})?$"
_SUBDOMAIN = rf"{_NAME}(\.{_NAME})*"  # RFC 1123
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels, "Syntax and character set"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"

SecretName = Annotated[str, Field(pattern=rf"^{_SUBDOMAIN}$")]
LabelKey = Annotated[str, Field(pattern=rf"^({_SUBDOMAIN}/)?{_LABEL}$")]
LabelValue = Annotated[str, Field(pattern=rf"^({_LABEL})?$")]


class JobSettings(Settings):
    """What a job of a pool is given, and on which nodes it may run."""

    image: str = Field(
        "jsl:cpu",
        pattern=r"^\S+$",
        title="Image",
        description="What docker/Dockerfile makes, by the name under which the cluster pulls it.",
    )
    cpus: int = Field(4, ge=1, title="Cores", description="A film worker each, so many films at a time.")
    memory_gib: int = Field(8, ge=1, title="Memory (GiB)", description="Shared memory counts in it.")
    shared_memory_gib: int = Field(
        1, ge=1, title="Shared memory (GiB)", description="Size of /dev/shm, by which processes pass arrays."
    )
    disk_gib: int = Field(
        50, ge=1, title="Disk (GiB)", description="Of the node, for copies, checkouts and checkpoints."
    )
    gpus: int = Field(0, ge=0, title="GPUs", description="A training takes all that its job has.")
    node_selector: dict[LabelKey, LabelValue] = Field(
        {}, title="Nodes", description="Labels that a node must have, such as a pool of GPU machines."
    )


class GpuJobSettings(JobSettings):
    """The same of a training."""

    image: str = Field("jsl:gpu", pattern=r"^\S+$", title="Image", description="With CUDA's libraries.")
    cpus: int = Field(8, ge=1, title="Cores", description="They read and augment joints.")
    memory_gib: int = Field(64, ge=1, title="Memory (GiB)", description="Shared memory counts in it.")
    shared_memory_gib: int = Field(16, ge=1, title="Shared memory (GiB)", description="Size of /dev/shm.")
    disk_gib: int = Field(200, ge=1, title="Disk (GiB)", description="The packed dataset, and checkpoints.")
    gpus: int = Field(1, ge=0, title="GPUs", description="A training takes all that its job has.")


class KubernetesSettings(Settings):
    """How `jsl deploy --pools kubernetes` has a lab's runs started as jobs."""

    namespace: str = Field("jsl", pattern=rf"^{_NAME}$", title="Namespace", description="Of the jobs.")
    service_account: str = Field(
        "", pattern=_NAME_OR_NONE, title="Service account", description="Of the jobs. Empty: the default one."
    )
    secrets: tuple[SecretName, ...] = Field(
        ("jsl-s3",),
        title="Secrets",
        description="Names of secrets in the namespace whose entries are variables of every job, such as "
        "AWS_ACCESS_KEY_ID. Their contents stand nowhere here.",
    )
    claim: str = Field(
        "",
        pattern=_NAME_OR_NONE,
        title="Volume claim",
        description="A PersistentVolumeClaim that every job sees, read only, as /data: scans and tables that "
        "are not in a bucket. Empty: none.",
    )
    cpu_runs: int = Field(
        8, ge=1, title="Runs at a time", description="Of pool cpu: parts of prepare, and runs that wait."
    )
    cpu: JobSettings = JobSettings()
    gpu: GpuJobSettings = GpuJobSettings()
