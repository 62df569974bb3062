"""The whole run: scans and a table to a report of trained models."""

from pathlib import Path

from prefect import flow

from flows.prepare import prepare
from flows.train import models_of
from jsl_core.cohort import GRADE, PROGRESSION, read_cohort
from jsl_core.config import PipelineSettings, PresetChoice, over_preset
from jsl_core.errors import BadSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.evaluate import evaluate
from tasks.publish import Published, publish
from tasks.report import report

__all__ = ["ingest_truth", "pipeline"]


@flow(name="pipeline", persist_result=False)
def pipeline(settings: PipelineSettings, preset: PresetChoice = "none") -> Published:
    """Prepare the scans, train the regimes, evaluate them, and publish the report and the models.

    Args:
        settings: The whole run, from scans and a table to a report.
        preset: A recipe for all settings; what you change from its default goes before it.
    """
    settings = over_preset(settings, preset)
    place = Placement.of(settings)
    truth = ingest_truth(settings, place)
    _check_labels(settings)
    ready = prepare(settings)
    models = models_of(ready.dataset, settings)
    figures = evaluate(ready.dataset, models, truth, settings.evaluate, place)
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
    )
    return publish(ready.dataset, models, ready.gathered, figures, page, settings, place)


def _check_labels(settings: PipelineSettings) -> None:
    """That the table has a column for everything that is to be learned, before any scan is touched."""
    column = {"kl": GRADE, "jsl": PROGRESSION}
    training = settings.training
    needs = [column[head] for regime in training.wanted() for head in training.heads_of(regime)]
    if settings.cohort:
        read_cohort(Path(settings.cohort), needs=list(dict.fromkeys(needs)))


def ingest_truth(settings: PipelineSettings, place: Placement) -> Artifact | None:
    """What is known of a phantom cohort; None for real films."""
    if not settings.truth:
        return None
    if not Path(settings.truth).is_file():
        raise BadSettings(f"truth {settings.truth}: no such file; leave it empty for real films")
    return place.open().put_file(Path(settings.truth))
