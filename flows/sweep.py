"""Many trainings with other settings, judged on the validation knees."""

import json
from datetime import date
from typing import Any

import numpy as np
from prefect import flow, task
from prefect.artifacts import create_image_artifact, create_table_artifact
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel, ConfigDict

from flows.orchestration.deployment_runs import on_a_server_with_pools, run_elsewhere
from flows.prepare import prepare
from flows.train import trained
from jsl_core.config import PipelineSettings, PresetChoice, SweepSettings, over_preset
from jsl_core.config.sweep import Values, trials_of
from jsl_core.config.toml import to_toml
from jsl_core.errors import JslError
from jsl_core.evaluation.report.data_uri import data_uri
from jsl_core.evaluation.report.trials import draw_trials, rank_trials, winning_trial
from jsl_core.storage import Artifact, Store, tree_files
from tasks.caching import Placement

__all__ = ["Swept", "sweep"]


class Swept(BaseModel):
    """Where the table, the picture and the winner's settings lie, and the table as text."""

    model_config = ConfigDict(frozen=True)

    folder: str
    table: str


@flow(name="sweep", persist_result=False)
def sweep(
    settings: PipelineSettings, search: SweepSettings = SweepSettings(), preset: PresetChoice = "none"
) -> Swept:
    """Train one regime with every combination of settings, or with random ones; the best is written out.

    Trials share what they have in common: prepared scans, parents' networks, and trials that ran before.

    Args:
        settings: Where scans and table lie, and all that does not vary.
        search: What varies, and which regime is judged.
        preset: A recipe for all settings; what you change from its default goes before it.
    """
    settings = over_preset(settings, preset)
    trials = trials_of(settings, search)
    datasets = [_dataset(chosen) for _, chosen in trials]
    pools = on_a_server_with_pools()
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=search.at_once if pools else 1)
    with runner:
        futures = [
            runner.submit(
                trial,
                {"number": number, "values": values, "dataset": dataset, "settings": chosen, "pools": pools},
            )
            for number, ((values, chosen), dataset) in enumerate(zip(trials, datasets, strict=True), start=1)
        ]
        rows = [future.result() for future in futures]
    return _publish(rows, [chosen for _, chosen in trials], settings, search)


@task(name="trial", task_run_name="trial {number}", persist_result=False)
def trial(
    number: int, values: Values, dataset: Artifact, settings: PipelineSettings, pools: bool
) -> dict[str, Any]:
    """One row of the table. Settings that cannot be trained with are a row with a reason."""
    (regime,) = settings.training.regimes
    row = {"trial": number, **{name: _plain(value) for name, value in values.items()}}
    try:
        if pools:
            asked = {"dataset": dataset, "settings": settings}
            models = run_elsewhere("train/train", asked, which=f"-{number}")
        else:
            models = trained(dataset, settings)
    except JslError as error:
        return row | {"score": None, "reason": str(error)}
    return row | {"score": _score(Placement.of(settings).open(), models[regime], regime), "reason": ""}


def _dataset(settings: PipelineSettings) -> Artifact:
    """Prepared once for all trials that only train differently: the second time it is cached."""
    return prepare(settings).dataset


def _score(store: Store, model: Artifact, regime: str) -> float:
    """On the validation knees, of a cross-validation the mean over its models."""
    files = tree_files(store, model)
    told = [path for path in files if path.endswith("/metrics.json")] or ["metrics.json"]
    metrics = [json.loads(store.get(files[path])) for path in told]
    return float(np.mean([one["val"][_measure(regime)] for one in metrics]))


def _measure(regime: str) -> str:
    return "kappa" if regime == "kl" else "auc"


def _plain(value: Any) -> Any:
    """A cell of a table: lists as text."""
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _publish(
    rows: list[dict[str, Any]],
    trials: list[PipelineSettings],
    settings: PipelineSettings,
    search: SweepSettings,
) -> Swept:
    table = rank_trials(rows)
    store = Placement.of(settings).open()
    folder = f"runs/{date.today():%Y-%m-%d}-{settings.name}-sweep"
    where = f"{store.url}/{folder}"
    store.write(f"{folder}/trials.csv", table.to_csv(index=False).encode())
    create_table_artifact(json.loads(table.to_json(orient="records")), key="trials", description="Best first")
    best = winning_trial(table)
    if best is None:
        raise JslError(f"no trial of the sweep could be trained; see the reasons in {where}/trials.csv")
    picture = draw_trials(table, list(search.vary), f"validation {_measure(search.regime)}")
    store.write(f"{folder}/trials.png", picture)
    create_image_artifact(data_uri(picture, "image/png"), key="sweep", description="Score by setting")
    store.write(f"{folder}/winner.toml", _winner(trials[best - 1], settings).encode())
    return Swept(folder=where, table=table.to_string(index=False))


def _winner(chosen: PipelineSettings, settings: PipelineSettings) -> str:
    """What `jsl run` reads, with all regimes again."""
    kept = {"regimes": settings.training.regimes, "baseline": settings.training.baseline}
    chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update=kept)})
    places = {"scans", "cohort", "films", "truth", "store", "work", "publish", "jobs"}
    told = chosen.model_dump(mode="json", exclude=places)
    return "# The sweep's best settings; scans, cohort and store are yours to add.\n" + to_toml(told)
