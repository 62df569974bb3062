"""From all labels so far to a challenger, which takes the champion's place if it is not worse."""

from typing import Any

from prefect import flow
from pydantic import BaseModel, ConfigDict

from flows.orchestration.begin_run import begin_run
from flows.pipeline import ingest_truth, publish_run
from flows.prepare import prepare
from flows.train import train_on_pool
from jsl_core.config import PipelineSettings, PresetChoice, Regime, RetrainSettings, apply_preset
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Decision, Overtaken, Registry, Version
from tasks.caching import Placement
from tasks.champion import decide, freeze, predict, refuse_other_outcome, size_of
from tasks.evaluate import evaluate
from tasks.healing import heal_damage
from tasks.publish import publish_targets
from tasks.run_history import run_folder
from tasks.run_page import show_decision

__all__ = ["RetrainResult", "retrain", "retrain_settings"]


class RetrainResult(BaseModel):
    """What was decided about the new model, and where its report lies."""

    model_config = ConfigDict(frozen=True)

    decision: Decision
    report: str


@flow(name="retrain", persist_result=False)
@heal_damage
def retrain(
    settings: PipelineSettings, preset: PresetChoice = "none", rule: RetrainSettings = RetrainSettings()
) -> RetrainResult:
    """Train on all that is labelled by now, compare with the champion on the frozen test part, and decide.

    Args:
        settings: The whole run, as for pipeline.
        preset: A recipe for all settings; what you change from its default goes before it.
        rule: Which model is kept up to date, and when a new one takes its place.
    """
    settings = retrain_settings(apply_preset(settings, preset), rule.regime)
    begin_run(settings)
    placement = Placement.of(settings)
    run_folder(publish_targets(placement.open(), settings.publish), settings.name)
    registry = Registry(placement.open())
    champion = registry.champion(rule.regime)
    if champion:  # what the first champion was not trained on is the test part of all that follow
        freeze(champion.model, rule.regime, placement)
    prepared = prepare(settings, frozen=registry.frozen_test_key(rule.regime))
    if champion:
        refuse_other_outcome(champion, prepared.dataset, placement.open())
    frozen = freeze(prepared.dataset, rule.regime, placement)
    models = train_on_pool(prepared.dataset, settings)
    truth = ingest_truth(settings, placement)
    figures = evaluate(prepared.dataset, models, truth, settings.evaluate, placement)
    challenger = registry.register(
        rule.regime, models[rule.regime], {"dataset": prepared.dataset.model_dump()}
    )
    decision = _decide_against_champion(challenger, prepared.dataset, settings, rule, frozen, placement)
    show_decision(rule.regime, decision, figures, placement)
    published = publish_run(prepared, models, figures, settings, decision)
    return RetrainResult(decision=decision, report=published.report)


def retrain_settings(settings: PipelineSettings, regime: Regime) -> PipelineSettings:
    """Train the champion's regime, too, and without folds: those would train on the frozen test part."""
    regimes = tuple(dict.fromkeys((*settings.training.regimes, regime)))
    training = settings.training.model_copy(update={"regimes": regimes, "folds": 0})
    changed: dict[str, Any] = {}
    if regimes != settings.training.regimes:
        changed["training.regimes"] = list(regimes)
    if settings.training.folds:
        changed["training.folds"] = 0
    sources = settings.sources.model_copy(update={"retrain": changed})
    return settings.model_copy(update={"training": training, "sources": sources})


def _decide_against_champion(
    challenger: Version,
    dataset: Artifact,
    settings: PipelineSettings,
    rule: RetrainSettings,
    frozen: frozenset[str],
    placement: Placement,
) -> Decision:
    """Compare with the champion, again if another retraining has made its own champion meanwhile."""
    while True:
        champion = Registry(placement.open()).champion(rule.regime)
        predictions = (
            _predict_with_both(challenger, champion, dataset, settings, placement) if champion else None
        )
        try:
            return decide(challenger, champion, predictions, frozen, rule, placement)
        except Overtaken:
            continue


def _predict_with_both(
    challenger: Version,
    champion: Version,
    dataset: Artifact,
    settings: PipelineSettings,
    placement: Placement,
) -> tuple[Artifact, Artifact]:
    """Both models' predictions on the same knees; the champion sees them at the size that it takes."""
    size = size_of(champion.model, placement.open())
    champion_dataset = dataset
    if size != settings.pack.size:
        pack = settings.pack.model_copy(update={"size": size})
        champion_settings = settings.model_copy(update={"pack": pack})
        champion_dataset = prepare(
            champion_settings, frozen=Registry(placement.open()).frozen_test_key(challenger.regime)
        ).dataset
    return predict(challenger.model, dataset, placement), predict(champion.model, champion_dataset, placement)
