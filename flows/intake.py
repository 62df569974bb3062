"""What is done with scans that have landed: joints are found, and those without a label are scored."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from pydantic import BaseModel, ConfigDict

from flows.orchestration.joints import to_joints, to_size
from flows.orchestration.retrain_trigger import retrain_if_due
from flows.orchestration.task_runners import RUNNER
from jsl_core.config import (
    PipelineSettings,
    PresetChoice,
    Regime,
    RetrainSettings,
    WatchSettings,
    over_preset,
)
from jsl_core.landing import Batch, Ledger, open_landing
from jsl_core.scans.buckets import in_buckets
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Registry
from tasks.caching import Placement
from tasks.champion import predict, size_of
from tasks.fetch import fetch_scans
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
    number: int,
    settings: PipelineSettings,
    preset: PresetChoice = "none",
    watching: WatchSettings = WatchSettings(),
    rule: RetrainSettings = RetrainSettings(),
) -> Taken:
    """Find the joints in a batch of scans, and score the knees that have no label yet with the champion.

    Args:
        batch: The batch as watch has put it into the store.
        number: Its number in the ledger.
        settings: Where scans and table lie, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        watching: How many labels start a retraining.
        rule: Whose champion scores, and how a new one is found.
    """
    settings = over_preset(settings, preset)
    place = Placement.of(settings)
    store = place.open()
    ledger = Ledger(store, open_landing(settings.scans, place.folder()))
    scans = Batch.model_validate_json(store.get(batch)).scans
    buckets = in_buckets(scans, store)
    fetch_scans(buckets, settings, place)
    converted, halves, cropped = to_joints(buckets, settings, place)
    gathered = gather(converted, halves, cropped, place)
    scores = _scored(gathered, cropped, settings, rule.regime, place)
    where = store.publish(scores, f"{ledger.key(number)}-scores.csv") if scores else ""
    ledger.finish(number, gathered.joints)
    told = f"{gathered.scans} scans, {gathered.failed} rejected. Scores: {where or 'none'}"
    create_markdown_artifact(told, key="intake", description="What became of the scans")
    with get_client(sync_client=True) as client:
        retrain_if_due(client, ledger, settings, watching, rule)
    return Taken(gathered=gathered, scores=where)


def _scored(
    gathered: Gathered,
    cropped: list[Artifact],
    settings: PipelineSettings,
    regime: Regime,
    place: Placement,
) -> Artifact | None:
    """What the champion, if there is one, says of the knees without a label, if there are any."""
    store = place.open()
    champion = Registry(store).champion(regime)
    table = unlabelled(gathered.joints, Path(settings.cohort), regime, place) if champion else None
    if champion is None or table is None:
        return None
    at = settings.pack.model_copy(update={"size": size_of(champion.model, store)})
    fitted = to_size(cropped, at.size, settings, place)
    return predict(champion.model, pack(gathered.joints, fitted, table, at, place), place)
