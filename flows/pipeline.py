"""The whole run: scans and a table to a report of trained models."""

from prefect import flow

from flows.prepare import prepare
from flows.train import train_models
from jsl_core.config import PipelineSettings
from tasks.caching import Placement
from tasks.evaluate import evaluate
from tasks.publish import Published, ingest_truth, publish
from tasks.report import report

__all__ = ["pipeline"]


@flow(name="pipeline", persist_result=False)
def pipeline(settings: PipelineSettings) -> Published:
    """Prepare the scans, train the regimes, evaluate them, and publish the report and the models."""
    place = Placement.of(settings)
    truth = ingest_truth(settings, place)
    prepared = prepare(settings)
    models = train_models(prepared.dataset, settings)
    figures = evaluate(prepared.dataset, models, truth, settings.evaluate, place)
    page = report(prepared, models, figures, truth, settings, place)
    return publish(prepared, models, figures, page, settings, place)
