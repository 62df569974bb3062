"""From some buckets of scans to cached joints: one worker's part of a run of prepare."""

from prefect import flow

from flows.orchestration.joints import measure_joints, prepare_joints, resize_joints
from flows.orchestration.task_runners import TASK_RUNNER
from jsl_core.config import PipelineSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.fetch import fetch_scans
from tasks.healing import heal_damage
from tasks.lists import get_list

__all__ = ["shard"]


@flow(name="shard", task_runner=TASK_RUNNER, persist_result=False)
@heal_damage
def shard(buckets: Artifact, settings: PipelineSettings) -> int:
    """Find the joints in some buckets of scans, for a run of prepare on another worker.

    Args:
        buckets: A list of the store, as prepare has put it there.
        settings: Where the scans lie, and how the stages treat them.
    """
    placement = Placement.of(settings)
    own_buckets = get_list(placement.open(), buckets)
    fetch_scans(own_buckets, settings, placement)
    _, _, cropped = prepare_joints(own_buckets, settings, placement)
    resize_joints(cropped, settings.pack.size, settings, placement)
    measure_joints(cropped, settings, placement)
    return len(own_buckets)
