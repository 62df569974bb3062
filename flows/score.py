"""From films and trained models to a table of scores."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.orchestration.joints import prepare_joints
from flows.orchestration.task_runners import TASK_RUNNER
from jsl_core.config import PipelineSettings, ScoreSettings
from jsl_core.errors import BadSettings
from jsl_core.scans.buckets import assign_buckets
from jsl_core.scoring.crops import crop_settings_for
from tasks.caching import Placement
from tasks.fetch import list_all
from tasks.gather import gather
from tasks.healing import heal_damage
from tasks.run_history import run_folder
from tasks.score import field_of_view, put_models
from tasks.score import score as score_joints

__all__ = ["score"]


@flow(name="score", task_runner=TASK_RUNNER, persist_result=False)
@heal_damage
def score(settings: ScoreSettings) -> str:
    """Find the joints in films and score them.

    Args:
        settings: Films, models and how they predict.

    Returns:
        Where `scores.csv` lies.
    """
    if not settings.scans:
        raise BadSettings("scans is empty; give the folder or archive of the films to score")
    pipeline_settings = _pipeline_settings(settings)
    placement = Placement.of(pipeline_settings)
    models = put_models(settings.models, placement)
    factors = placement.open().put_file(Path(settings.factors)) if settings.factors else None
    crop = crop_settings_for(settings.crop, field_of_view(models, placement))
    pipeline_settings = pipeline_settings.model_copy(update={"crop": crop})
    buckets = assign_buckets(list_all(pipeline_settings, placement), placement.open())
    gathered = gather(*prepare_joints(buckets, pipeline_settings, placement), placement)
    scores = score_joints(gathered.joints, gathered.rejected, models, factors, settings.predict, placement)
    store = placement.open()
    scores_url = store.publish(scores, f"{run_folder([store], settings.name)}/scores.csv")
    markdown = f"{gathered.scans} scans, {gathered.failed} rejected. Scores: {scores_url}"
    create_markdown_artifact(markdown, key="scores", description="What the models say of these films")
    return scores_url


def _pipeline_settings(settings: ScoreSettings) -> PipelineSettings:
    """The settings of the stages up to the joints."""
    shared = ("name", "scans", "store", "work", "jobs", "convert", "split", "crop")
    return PipelineSettings(**{name: getattr(settings, name) for name in shared})
