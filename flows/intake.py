"""From a batch of landed scans to joints, and to the champion's scores of knees without a label."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from pydantic import BaseModel, ConfigDict

from flows.orchestration.joints import measure_joints, prepare_joints, resize_joints
from flows.orchestration.results_outbox import describe_delivery, send_results
from flows.orchestration.retrain_trigger import trigger_retraining
from flows.orchestration.task_runners import TASK_RUNNER
from jsl_core.config import (
    PipelineSettings,
    PresetChoice,
    Regime,
    RetrainSettings,
    WatchSettings,
    apply_preset,
)
from jsl_core.landing import Batch, Ledger, open_landing
from jsl_core.scans.buckets import assign_buckets
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Registry
from tasks.caching import Placement
from tasks.champion import predict, size_of
from tasks.fetch import fetch_scans
from tasks.gather import Gathered, gather
from tasks.healing import heal_damage
from tasks.pack import pack
from tasks.results import results
from tasks.unlabelled import unlabelled

__all__ = ["IntakeResult", "intake"]


class IntakeResult(BaseModel):
    """The joints in a batch of scans, what was rejected, and where the scores lie ("" for none)."""

    model_config = ConfigDict(frozen=True)

    gathered: Gathered
    scores: str


@flow(name="intake", task_runner=TASK_RUNNER, persist_result=False)
@heal_damage
def intake(
    batch: Artifact,
    number: int,
    settings: PipelineSettings,
    preset: PresetChoice = "none",
    watching: WatchSettings = WatchSettings(),
    rule: RetrainSettings = RetrainSettings(),
) -> IntakeResult:
    """Find the joints in a batch of scans, and score the knees that have no label yet with the champion.

    Where results go to a PACS, every film is scored for it, by the champion or the shipped grader.

    Args:
        batch: The batch as watch has put it into the store.
        number: Its number in the ledger.
        settings: Where scans and table lie, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        watching: How many labels start a retraining.
        rule: Whose champion scores, and how a new one is found.
    """
    settings = apply_preset(settings, preset)
    placement = Placement.of(settings)
    store = placement.open()
    ledger = Ledger(store, open_landing(settings.scans, placement.folder(), placement.pseudonyms()))
    scans = Batch.model_validate_json(store.get(batch)).scans
    buckets = assign_buckets(scans, store)
    fetch_scans(buckets, settings, placement)
    converted, halves, cropped = prepare_joints(buckets, settings, placement)
    gathered = gather(converted, halves, cropped, placement)
    scores = _score_unlabelled(gathered, cropped, settings, rule.regime, placement)
    scores_url = store.publish(scores, f"{ledger.entry_prefix(number)}-scores.csv") if scores else ""
    ledger.record_joints(number, gathered.joints)
    sent = _report(list(scans), settings, watching, rule.regime, placement) if watching.send_to else ""
    markdown = f"{gathered.scans} scans, {gathered.failed} rejected. Scores: {scores_url or 'none'}"
    markdown = "\n\n".join(filter(None, (markdown, sent)))
    create_markdown_artifact(markdown, key="intake", description="What became of the scans")
    with get_client(sync_client=True) as client:
        trigger_retraining(client, ledger, settings, watching, rule)
    return IntakeResult(gathered=gathered, scores=scores_url)


def _report(
    scans: list[Artifact],
    settings: PipelineSettings,
    watching: WatchSettings,
    regime: Regime,
    placement: Placement,
) -> str:
    """Make the results of all films for the PACS and send them; a sentence that says what became of them."""
    store = placement.open()
    champion = Registry(store).champion(regime)
    cohort = Path(settings.cohort)
    factors = store.put_file(cohort) if champion and cohort.is_file() else None
    model = champion.model if champion else None
    tree = results(scans, model, factors, settings.convert, settings.split, settings.crop, placement)
    delivery = send_results(tree, watching.send_to, watching.send_as, placement)
    return describe_delivery(delivery, watching.send_to)


def _score_unlabelled(
    gathered: Gathered,
    cropped: list[Artifact],
    settings: PipelineSettings,
    regime: Regime,
    placement: Placement,
) -> Artifact | None:
    """The champion's predictions for the knees without a label; None without champion or such knees."""
    store = placement.open()
    champion = Registry(store).champion(regime)
    table = unlabelled(gathered.joints, Path(settings.cohort), regime, placement) if champion else None
    if champion is None or table is None:
        return None
    pack_settings = settings.pack.model_copy(update={"size": size_of(champion.model, store)})
    resized = resize_joints(cropped, pack_settings.size, settings, placement)
    measured = measure_joints(cropped, settings, placement)
    dataset = pack(gathered.joints, resized, measured, table, pack_settings, placement)
    return predict(champion.model, dataset, placement)
