"""The whole run: scans and a table to a report of trained models."""

from collections.abc import Mapping
from pathlib import Path

from prefect import flow

from flows.orchestration.begin_run import begin_run
from flows.prepare import PreparedDataset, prepare
from flows.train import train_on_pool, train_with_more_seeds
from jsl_core.config import PipelineSettings, PresetChoice, fill_in, list_origins
from jsl_core.config.run_form import OutcomeChoice
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Decision
from tasks.caching import Placement
from tasks.evaluate import evaluate
from tasks.healing import heal_damage
from tasks.publish import Published, publish, publish_targets
from tasks.report import report
from tasks.run_history import run_folder

__all__ = ["ingest_truth", "pipeline", "publish_run"]


@flow(name="pipeline", persist_result=False)
@heal_damage
def pipeline(
    settings: PipelineSettings = PipelineSettings(),
    preset: PresetChoice = "none",
    name: str = "",
    scans: str = "",
    cohort: str = "",
    store: str = "",
    outcome: OutcomeChoice = "as the preset",
    advanced: PipelineSettings | None = None,
) -> Published:
    """Prepare the scans, train the regimes, evaluate them, and publish the report and the models.

    The form asks for all but `settings` (`deployments/forms.py`); callers give `settings` alone.

    Args:
        settings: The whole run, from scans and a table to a report.
        preset: A recipe for all settings.
        name: What the run is called.
        scans: Where the films lie.
        cohort: The table.
        store: Where results are kept.
        outcome: What the models learn to tell.
        advanced: All settings, as the form sends them; what is changed there goes before the preset.
    """
    fields = {"name": name, "scans": scans, "cohort": cohort, "store": store}
    settings = fill_in(settings, preset, fields=fields, outcome=outcome, advanced=advanced)
    begin_run(settings)
    placement = Placement.of(settings)
    run_folder(publish_targets(placement.open(), settings.publish), settings.name)
    truth = ingest_truth(settings, placement)
    prepared = prepare(settings)
    models = train_on_pool(prepared.dataset, settings)
    repeats = train_with_more_seeds(prepared.dataset, settings)
    figures = evaluate(prepared.dataset, models, truth, settings.evaluate, placement, repeats)
    return publish_run(prepared, models, figures, settings)


def publish_run(
    prepared: PreparedDataset,
    models: Mapping[str, Artifact],
    figures: Artifact,
    settings: PipelineSettings,
    decision: Decision | None = None,
) -> Published:
    """Write the report of a run and publish it with its models and tables.

    Args:
        prepared: The dataset, and how it came about.
        models: The models by regime.
        figures: Their evaluation.
        settings: The run's settings.
        decision: What was decided about the new model, for a retraining.
    """
    placement = Placement.of(settings)
    papers = report(
        prepared.dataset,
        dict(models),
        figures,
        prepared.converted,
        prepared.split,
        prepared.gathered,
        settings.name,
        settings.without_locations(),
        placement,
        decision=decision.model_dump(mode="json") if decision else None,
        measured=prepared.measured,
        cohort=prepared.cohort,
        corrections=prepared.corrections,
        origins=[(each.name, each.value, each.source, each.instead_of) for each in list_origins(settings)],
    )
    return publish(prepared.dataset, models, prepared.gathered, figures, papers, settings, placement)


def ingest_truth(settings: PipelineSettings, placement: Placement) -> Artifact | None:
    """Store the known truth of a phantom cohort; returns None for real films."""
    if not settings.truth:
        return None
    return placement.open().put_file(Path(settings.truth))
