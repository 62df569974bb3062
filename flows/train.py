"""From a packed dataset to the models of all regimes."""

from prefect import flow

from flows.orchestration.deployment_runs import on_a_server_with_pools, run_elsewhere
from jsl_core.config import PipelineSettings, PresetChoice, TrainingSettings, over_preset
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.train import gather_folds, train, train_on_risk_factors

__all__ = ["models_of", "train_models", "trained"]


def models_of(dataset: Artifact, settings: PipelineSettings) -> dict[str, Artifact]:
    """The models by regime, trained on pool `gpu` where there are pools, and here where there are none."""
    if on_a_server_with_pools():
        models: dict[str, Artifact] = run_elsewhere("train/train", {"dataset": dataset, "settings": settings})
        return models
    return train_models(dataset, settings)


@flow(name="train")  # its result is kept on a server with pools, for whoever asked for it
def train_models(
    dataset: Artifact, settings: PipelineSettings, preset: PresetChoice = "none"
) -> dict[str, Artifact]:
    """Train every regime that is asked for, after those it starts from, and the baseline without an image.

    Args:
        dataset: A packed dataset of the store, as the run of prepare names it.
        settings: The regimes and how they are trained, and the store.
        preset: A recipe for all settings; what you change from its default goes before it.
    """
    settings = over_preset(settings, preset)
    return trained(dataset, settings)


def trained(dataset: Artifact, settings: PipelineSettings) -> dict[str, Artifact]:
    """The models by regime, as tasks of the run that calls."""
    place, training = Placement.of(settings), settings.training
    if not training.folds:
        return _models(dataset, training, place)
    rounds = [_models(dataset, training, place, fold) for fold in range(training.folds)]
    return {
        name: gather_folds(name, [models[name] for models in rounds], dataset, place) for name in rounds[0]
    }


def _models(
    dataset: Artifact, training: TrainingSettings, place: Placement, fold: int | None = None
) -> dict[str, Artifact]:
    models: dict[str, Artifact] = {}
    if training.baseline and training.factors != "none":
        models["risk-factors"] = train_on_risk_factors(dataset, training.only(), place, fold)
    for regime in training.in_order():
        start = training.parent_of(regime)
        models[regime] = train(regime, dataset, start and models[start], training.only(regime), place, fold)
    return models
