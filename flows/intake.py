"""What is done with scans that have landed: joints are found, and those without a label are scored."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import BaseModel, ConfigDict

from flows.prepare import RUNNER, to_joints
from jsl_core.config import PipelineSettings, PresetChoice, Regime, over_preset
from jsl_core.landing import Batch
from jsl_core.scans import in_buckets
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Registry
from tasks.caching import Placement
from tasks.champion import predict, size_of
from tasks.gather import Gathered, gather
from tasks.pack import pack
from tasks.unlabelled import unlabelled

__all__ = ["Taken", "intake"]


class Taken(BaseModel):
    """The joints in a batch of scans, what was rejected, and where the scores lie ("" for none)."""

    model_config = ConfigDict(frozen=True)

    gathered: Gathered
    scores: str


@flow(name="intake", task_runner=RUNNER, persist_result=False)
def intake(
    batch: Artifact,
    name: str,
    settings: PipelineSettings,
    preset: PresetChoice = "none",
    regime: Regime = "jsl-joint",
) -> Taken:
    """Find the joints in a batch of scans, and score the knees that have no label yet with the champion.

    Args:
        batch: The batch as watch has put it into the store.
        name: Its place in the ledger, such as 1a2b3c4d5e6f/000001.
        settings: Where scans and table lie, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        regime: Whose champion scores.
    """
    settings = over_preset(settings, preset)
    place = Placement.of(settings)
    store = place.open()
    scans = Batch.model_validate_json(store.get(batch)).scans
    gathered = gather(*to_joints(in_buckets(scans), settings, place), place)
    champion = Registry(store).champion(regime)
    table = unlabelled(gathered.joints, Path(settings.cohort), regime, place) if champion else None
    scores = ""
    if champion and table:
        crops = settings.pack.model_copy(update={"size": size_of(champion.model, store)})
        said = predict(champion.model, pack(gathered.joints, table, crops, place), place)
        scores = store.publish(said, f"landing/{name}-scores.csv")
    ledger, _, number = name.partition("/")
    store.write(f"landing/{ledger}/joints/{number}.json", gathered.joints.model_dump_json().encode())
    told = f"{gathered.scans} scans, {gathered.failed} rejected. Scores: {scores or 'none'}"
    create_markdown_artifact(told, key="intake", description="What became of the scans")
    return Taken(gathered=gathered, scores=scores)
