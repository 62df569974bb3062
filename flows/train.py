"""From a packed dataset to the models of all regimes."""

from prefect import flow

from flows.orchestration.deployment_runs import run_deployment_and_wait, runs_from_deployment
from jsl_core.config import PipelineSettings, PresetChoice, TrainingSettings, fill_in
from jsl_core.config.run_form import OutcomeChoice
from jsl_core.storage import Artifact
from jsl_core.storage.find_dataset import find_dataset
from tasks.caching import Placement
from tasks.healing import heal_damage
from tasks.train import gather_folds, train, train_on_risk_factors

__all__ = ["train_models", "train_on_pool", "train_regimes", "train_with_more_seeds"]


def train_on_pool(dataset: Artifact, settings: PipelineSettings, key_suffix: str = "") -> dict[str, Artifact]:
    """Train all regimes, on pool `gpu` where there is one, else as a subflow; returns them by regime.

    `key_suffix` tells several trainings of one caller apart.
    """
    if runs_from_deployment():
        parameters = {"dataset": dataset.sha256, "settings": settings}
        models: dict[str, Artifact] = run_deployment_and_wait("train/train", parameters, key_suffix)
        return models
    return train_models(dataset, settings)


def train_with_more_seeds(dataset: Artifact, settings: PipelineSettings) -> list[dict[str, Artifact]]:
    """Train all regimes again with each further seed, for the spread from seed to seed; one entry a seed."""
    first, trainings = settings.training.seed, []
    for seed in range(first + 1, first + settings.training.seeds):
        training = settings.training.model_copy(update={"seed": seed})
        chosen = settings.model_copy(update={"training": training})
        trainings.append(train_on_pool(dataset, chosen, key_suffix=f"-seed-{seed}"))
    return trainings


@flow(name="train")  # on a server with pools its result is stored, for the run that started it
@heal_damage
def train_models(
    dataset: str | Artifact = "latest",
    settings: PipelineSettings = PipelineSettings(),
    preset: PresetChoice = "none",
    store: str = "",
    outcome: OutcomeChoice = "as the preset",
    training: TrainingSettings | None = None,
) -> dict[str, Artifact]:
    """Train every regime that is asked for, after those it starts from, and the baseline without an image.

    The form asks for all but `settings` (`deployments/forms.py`).

    Args:
        dataset: A packed dataset of the store: the artifact, or a name that `find_dataset` knows.
        settings: The regimes and how they are trained, and the store.
        preset: A recipe for all settings.
        store: Where the dataset lies, and where results are kept.
        outcome: What the models learn to tell.
        training: How they are trained, as the form sends it; what is changed there goes before the preset.
    """
    advanced = PipelineSettings(training=training) if training is not None else None
    settings = fill_in(settings, preset, fields={"store": store}, outcome=outcome, advanced=advanced)
    if isinstance(dataset, str):
        dataset = find_dataset(Placement.of(settings).open(), dataset)
    return train_regimes(dataset, settings)


def train_regimes(dataset: Artifact, settings: PipelineSettings) -> dict[str, Artifact]:
    """Train all regimes, once or once a fold, as tasks of the calling run; returns the models by regime."""
    placement, training = Placement.of(settings), settings.training
    if not training.folds:
        return _train_once(dataset, training, placement)
    folds = [_train_once(dataset, training, placement, fold) for fold in range(training.folds)]
    return {
        name: gather_folds(name, [models[name] for models in folds], dataset, placement) for name in folds[0]
    }


def _train_once(
    dataset: Artifact, training: TrainingSettings, placement: Placement, fold: int | None = None
) -> dict[str, Artifact]:
    models: dict[str, Artifact] = {}
    if training.baseline and training.factors != "none":
        models["risk-factors"] = train_on_risk_factors(dataset, training.relevant_to(), placement, fold)
    for regime in training.training_order():
        start = training.parent_of(regime)
        models[regime] = train(
            regime, dataset, start and models[start], training.relevant_to(regime), placement, fold
        )
    return models
