"""From films and trained models to a table of scores."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.orchestration.joints import to_joints
from flows.orchestration.task_runners import RUNNER
from jsl_core.config import PipelineSettings, ScoreSettings
from jsl_core.errors import BadSettings
from jsl_core.scans.buckets import in_buckets
from jsl_core.scoring import crop_settings_for
from tasks.caching import Placement
from tasks.fetch import list_all
from tasks.gather import gather
from tasks.score import field_of, put_models
from tasks.score import score as score_joints

__all__ = ["score"]


@flow(name="score", task_runner=RUNNER, persist_result=False)
def score(settings: ScoreSettings) -> str:
    """Find the joints in films and score them; returns where `scores.csv` lies.

    Args:
        settings: Films, models and how they are asked.
    """
    if not settings.scans:
        raise BadSettings("scans is empty; give the folder or archive of the films to score")
    preparing = _preparing(settings)
    place = Placement.of(preparing)
    models = put_models(settings.models, place)
    factors = place.open().put_file(Path(settings.factors)) if settings.factors else None
    crop = crop_settings_for(settings.crop, field_of(models, place))
    buckets = in_buckets(list_all(preparing, place), place.open())
    gathered = gather(*to_joints(buckets, preparing.model_copy(update={"crop": crop}), place), place)
    scores = score_joints(gathered.joints, gathered.rejected, models, factors, settings.predict, place)
    where = place.open().publish(scores, f"runs/{settings.name}/scores.csv")
    told = f"{gathered.scans} scans, {gathered.failed} rejected. Scores: {where}"
    create_markdown_artifact(told, key="scores", description="What the models say of these films")
    return where


def _preparing(settings: ScoreSettings) -> PipelineSettings:
    """The settings of the stages up to the joints."""
    shared = ("name", "scans", "store", "work", "jobs", "convert", "split", "crop")
    return PipelineSettings(**{name: getattr(settings, name) for name in shared})
