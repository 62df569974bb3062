"""The whole run: scans and a table to a report of trained models."""

from collections.abc import Mapping
from pathlib import Path

from prefect import flow

from flows.prepare import PreparedDataset, prepare
from flows.train import train_on_pool
from jsl_core.cohort import GRADE, PROGRESSION, read_cohort
from jsl_core.config import PipelineSettings, PresetChoice, apply_preset
from jsl_core.errors import BadSettings
from jsl_core.storage import Artifact
from jsl_core.storage.registry import Decision
from tasks.caching import Placement
from tasks.evaluate import evaluate
from tasks.publish import Published, publish
from tasks.report import report

__all__ = ["ingest_truth", "pipeline", "publish_run"]


@flow(name="pipeline", persist_result=False)
def pipeline(settings: PipelineSettings, preset: PresetChoice = "none") -> Published:
    """Prepare the scans, train the regimes, evaluate them, and publish the report and the models.

    Args:
        settings: The whole run, from scans and a table to a report.
        preset: A recipe for all settings; what you change from its default goes before it.
    """
    settings = apply_preset(settings, preset)
    placement = Placement.of(settings)
    truth = ingest_truth(settings, placement)
    _check_labels(settings)
    prepared = prepare(settings)
    models = train_on_pool(prepared.dataset, settings)
    figures = evaluate(prepared.dataset, models, truth, settings.evaluate, placement)
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
    page = report(
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
    )
    return publish(prepared.dataset, models, prepared.gathered, figures, page, settings, placement)


def _check_labels(settings: PipelineSettings) -> None:
    """Check that the table has a column for everything to be learned, before any scan is touched."""
    columns = {"kl": GRADE, "jsl": PROGRESSION}
    training = settings.training
    needs = [columns[head] for regime in training.regimes_to_train() for head in training.heads_of(regime)]
    if settings.cohort:
        read_cohort(Path(settings.cohort), needs=list(dict.fromkeys(needs)))


def ingest_truth(settings: PipelineSettings, placement: Placement) -> Artifact | None:
    """Store the known truth of a phantom cohort; returns None for real films."""
    if not settings.truth:
        return None
    if not Path(settings.truth).is_file():
        raise BadSettings(f"truth {settings.truth}: no such file; leave it empty for real films")
    return placement.open().put_file(Path(settings.truth))
