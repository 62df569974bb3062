"""What runs the tasks of a flow: threads of this process, or the workers of a Dask cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from prefect.context import FlowRunContext
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from jsl_core.config import PipelineSettings
from jsl_core.errors import BadSettings

__all__ = ["TASK_RUNNER", "use_dask_cluster"]

_CONNECT_SECONDS = 10

TASK_RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=2))


@contextmanager
def use_dask_cluster(settings: PipelineSettings) -> Iterator[None]:
    """Run the flow's tasks of the block on the Dask cluster that the settings name, if any.

    Raises:
        BadSettings: If the cluster does not answer, or cannot reach the scans.
    """
    flow = FlowRunContext.get()
    if not settings.dask or flow is None:
        yield
        return
    with cast("Any", _dask_runner(settings)) as runner, flow.model_copy(update={"task_runner": runner}):
        yield


def _dask_runner(settings: PipelineSettings) -> TaskRunner[Any]:
    try:
        from distributed import Client
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise BadSettings("dask needs prefect-dask; install it with pip install 'jsl-knee[dask]'") from error
    if settings.dask == "local":  # threads: Dask's worker processes may not have worker processes of ours
        return DaskTaskRunner(cluster_kwargs={"processes": False, "dashboard_address": None})
    if settings.scans.startswith("s3://"):
        raise BadSettings(
            "a Dask cluster reads scans from a folder that all its machines see; name such a folder, or set "
            'dask to "local"'
        )
    try:
        client: Any = Client  # it has no types
        client(settings.dask, timeout=_CONNECT_SECONDS, set_as_default=False).close()
    except OSError as error:
        raise BadSettings(f"the Dask scheduler at {settings.dask} does not answer; start it first") from error
    return DaskTaskRunner(address=settings.dask)
