"""Many trainings with other settings, judged on the validation knees."""

import json
from typing import Any

import numpy as np
from prefect import flow, task
from prefect.artifacts import create_image_artifact, create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict

from flows.orchestration.begin_run import begin_run
from flows.orchestration.deployment_runs import run_deployment_and_wait, runs_from_deployment
from flows.prepare import prepare
from flows.train import train_regimes
from jsl_core.config import PipelineSettings, PresetChoice, SweepSettings, apply_preset
from jsl_core.config.pipeline import location_names
from jsl_core.config.sweep import Values, trials_of
from jsl_core.config.toml import to_toml
from jsl_core.errors import JslError
from jsl_core.evaluation.report.data_uri import data_uri
from jsl_core.evaluation.report.trials import draw_trials, rank_trials, winning_trial
from jsl_core.storage import Artifact, Store, tree_files
from tasks.caching import Placement
from tasks.healing import heal_damage
from tasks.run_history import run_folder

__all__ = ["SweepResult", "sweep"]


class SweepResult(BaseModel):
    """Where the table, the picture and the winner's settings lie, and the table as text."""

    model_config = ConfigDict(frozen=True)

    folder: str
    table: str


@flow(name="sweep", persist_result=False)
@heal_damage
def sweep(
    settings: PipelineSettings, search: SweepSettings = SweepSettings(), preset: PresetChoice = "none"
) -> SweepResult:
    """Train one regime with every combination of settings, or with random ones; the best is written out.

    Trials share what they have in common: prepared scans, parents' networks, and trials that ran before.

    Args:
        settings: Where scans and table lie, and all that does not vary.
        search: What varies, and which regime is judged.
        preset: A recipe for all settings; what you change from its default goes before it.
    """
    settings = apply_preset(settings, preset)
    begin_run(settings)
    trials = trials_of(settings, search)
    # Prepared once for all trials that only train differently: the second time it is cached.
    datasets = [prepare(chosen).dataset for _, chosen in trials]
    pools = runs_from_deployment()
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=search.at_once if pools else 1)
    with runner:
        numbered = enumerate(zip(trials, datasets, strict=True), start=1)
        futures = [
            runner.submit(
                trial,
                {"number": number, "dataset": dataset, "settings": chosen}
                | {"values": values, "pools": pools},
            )
            for number, ((values, chosen), dataset) in numbered
        ]
        rows = [future.result() for future in futures]
    return _publish(rows, [chosen for _, chosen in trials], settings, search)


@task(name="trial", task_run_name="trial {number}", persist_result=False)
def trial(
    number: int, values: Values, dataset: Artifact, settings: PipelineSettings, pools: bool
) -> dict[str, Any]:
    """Train with one combination of settings; returns a row of the table, with a reason if that failed.

    Args:
        number: The trial's number, from 1.
        values: What varies, by the setting's name.
        dataset: The packed dataset.
        settings: The trial's settings, with one regime.
        pools: Whether it is trained on pool `gpu`.
    """
    (regime,) = settings.training.regimes
    row = {"trial": number, **{name: _table_cell(value) for name, value in values.items()}}
    try:
        if pools:
            parameters = {"dataset": dataset.sha256, "settings": settings}
            models = run_deployment_and_wait("train/train", parameters, key_suffix=f"-{number}")
        else:
            models = train_regimes(dataset, settings)
    except JslError as error:
        return row | {"score": None, "reason": str(error)}
    score = _validation_score(Placement.of(settings).open(), models[regime], regime)
    return row | {"score": score, "reason": ""}


def _validation_score(store: Store, model: Artifact, regime: str) -> float:
    """The score on the validation knees, of a cross-validation the mean over its models."""
    files = tree_files(store, model)
    paths = [path for path in files if path.endswith("/metrics.json")] or ["metrics.json"]
    metrics = [json.loads(store.get(files[path])) for path in paths]
    return float(np.mean([fold["val"][_score_name(regime)] for fold in metrics]))


def _score_name(regime: str) -> str:
    return "kappa" if regime == "kl" else "auc"


def _table_cell(value: Any) -> Any:
    """A cell of a table: lists as text."""
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _publish(
    rows: list[dict[str, Any]],
    trials: list[PipelineSettings],
    settings: PipelineSettings,
    search: SweepSettings,
) -> SweepResult:
    table = rank_trials(rows)
    store = Placement.of(settings).open()
    folder = run_folder([store], f"{settings.name}-sweep")
    url = f"{store.url}/{folder}"
    store.write(f"{folder}/trials.csv", table.to_csv(index=False).encode())
    create_table_artifact(json.loads(table.to_json(orient="records")), key="trials", description="Best first")
    best = winning_trial(table)
    if best is None:
        raise JslError(f"no trial of the sweep could be trained; see the reasons in {url}/trials.csv")
    picture = draw_trials(table, list(search.vary), f"validation {_score_name(search.regime)}")
    store.write(f"{folder}/trials.png", picture)
    create_image_artifact(data_uri(picture, "image/png"), key="sweep", description="Score by setting")
    store.write(f"{folder}/winner.toml", _winner_toml(trials[best - 1], settings).encode())
    return SweepResult(folder=url, table=table.to_string(index=False))


def _winner_toml(winner: PipelineSettings, settings: PipelineSettings) -> str:
    """The winner's settings as a file for `jsl run`, with all regimes again."""
    regimes = {"regimes": settings.training.regimes, "baseline": settings.training.baseline}
    winner = winner.model_copy(update={"training": winner.training.model_copy(update=regimes)})
    values = winner.model_dump(mode="json", exclude={*location_names(), "sources"})
    return "# The sweep's best settings; scans, cohort and store are yours to add.\n" + to_toml(values)
