"""From a packed dataset to the models of all regimes."""

from collections.abc import Iterator

from prefect import flow

from jsl_core.config import PipelineSettings, Regime, TrainingSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.train import train, train_on_risk_factors

__all__ = ["train_models"]


@flow(name="train", persist_result=False)
def train_models(dataset: Artifact, settings: PipelineSettings) -> dict[str, Artifact]:
    """Train every regime that is asked for, after those it starts from, and the baseline without an image."""
    place, training = Placement.of(settings), settings.training
    models: dict[str, Artifact] = {}
    if training.baseline and training.factors != "none":
        models["risk-factors"] = train_on_risk_factors(dataset, training.only(), place)
    for regime in _in_order(training):
        start = training.parent_of(regime)
        models[regime] = train(regime, dataset, start and models[start], training.only(regime), place)
    return models


def _in_order(training: TrainingSettings) -> Iterator[Regime]:
    """The regimes asked for and those they start from, each once, parents first."""
    done: set[Regime] = set()

    def visit(regime: Regime) -> Iterator[Regime]:
        start = training.parent_of(regime)
        if start:
            yield from visit(start)
        if regime not in done:
            done.add(regime)
            yield regime

    for regime in training.wanted():
        yield from visit(regime)
