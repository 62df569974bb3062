"""A new model on all that is labelled by now; it takes the champion's place if it is not worse."""

from prefect import flow
from pydantic import BaseModel, ConfigDict

from flows.pipeline import ingest_truth
from flows.prepare import prepare
from flows.train import models_of
from jsl_core.config import PipelineSettings, PresetChoice, Regime, RetrainSettings, over_preset
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Decision, Overtaken, Registry, Version
from tasks.caching import Placement
from tasks.champion import decide, freeze, frozen_key, predict, size_of
from tasks.evaluate import evaluate
from tasks.publish import publish
from tasks.report import report

__all__ = ["Retrained", "for_the_line", "retrain"]


class Retrained(BaseModel):
    """What was decided about the new model, and where its report lies."""

    model_config = ConfigDict(frozen=True)

    decision: Decision
    report: str


@flow(name="retrain", persist_result=False)
def retrain(
    settings: PipelineSettings, preset: PresetChoice = "none", rule: RetrainSettings = RetrainSettings()
) -> Retrained:
    """Train on all that is labelled by now, compare with the champion on the frozen test part, and decide.

    Args:
        settings: The whole run, as for pipeline.
        preset: A recipe for all settings; what you change from its default goes before it.
        rule: Which model is kept up to date, and when a new one takes its place.
    """
    settings = for_the_line(over_preset(settings, preset), rule.regime)
    place = Placement.of(settings)
    registry = Registry(place.open())
    first = registry.champion(rule.regime)
    if first:  # what it was not trained on is the test part of all that follow
        freeze(first.model, rule.regime, place)
    ready = prepare(settings, frozen=frozen_key(rule.regime))
    frozen = freeze(ready.dataset, rule.regime, place)
    models = models_of(ready.dataset, settings)
    figures = evaluate(ready.dataset, models, ingest_truth(settings, place), settings.evaluate, place)
    challenger = registry.register(rule.regime, models[rule.regime], {"dataset": ready.dataset.model_dump()})
    decision = _decided(challenger, ready.dataset, settings, rule, frozen, place)
    page = report(
        ready.dataset,
        models,
        figures,
        ready.converted,
        ready.split,
        ready.gathered,
        settings.name,
        settings.placeless(),
        place,
        decision=decision.model_dump(mode="json"),
    )
    published = publish(ready.dataset, models, ready.gathered, figures, page, settings, place)
    return Retrained(decision=decision, report=published.report)


def for_the_line(settings: PipelineSettings, regime: Regime) -> PipelineSettings:
    """The settings, with the champion's regime among those trained, and one model of each: no folds, as those
    would train on the frozen test part."""
    regimes = dict.fromkeys((*settings.training.regimes, regime))
    training = settings.training.model_copy(update={"regimes": tuple(regimes), "folds": 0})
    return settings.model_copy(update={"training": training})


def _decided(
    challenger: Version,
    dataset: Artifact,
    settings: PipelineSettings,
    rule: RetrainSettings,
    frozen: frozenset[str],
    place: Placement,
) -> Decision:
    """Compare with whoever is champion, again if another retraining was quicker to make its own champion."""
    while True:
        champion = Registry(place.open()).champion(rule.regime)
        both = _predictions(challenger, champion, dataset, settings, place) if champion else None
        try:
            return decide(challenger, champion, both, frozen, rule, place)
        except Overtaken:
            continue


def _predictions(
    challenger: Version, champion: Version, dataset: Artifact, settings: PipelineSettings, place: Placement
) -> tuple[Artifact, Artifact]:
    """Both models' predictions on the same knees; the champion sees them at the size that it takes."""
    size = size_of(champion.model, place.open())
    same = dataset
    if size != settings.pack.size:
        pack = settings.pack.model_copy(update={"size": size})
        same = prepare(
            settings.model_copy(update={"pack": pack}), frozen=frozen_key(challenger.regime)
        ).dataset
    return predict(challenger.model, dataset, place), predict(champion.model, same, place)
