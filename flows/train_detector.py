"""From films with boxes, joint crops and phantoms to a joint detector."""

from prefect import flow
from pydantic import BaseModel, ConfigDict

from jsl_core.config import DetectorTrainSettings
from jsl_core.storage import tree_files
from tasks.healing import heal_damage
from tasks.train_detector import FilmPlacement, fit_detector, list_films

__all__ = ["TrainedDetector", "train_detector"]


class TrainedDetector(BaseModel):
    """Where the trained detector's files lie: what `cfg` and `weights` of a run's crop settings take."""

    model_config = ConfigDict(frozen=True)

    cfg: str
    weights: str
    metrics: str


@flow(name="train-detector", persist_result=False)
@heal_damage
def train_detector(
    settings: DetectorTrainSettings, store: str = "jsl-store", work: str = ""
) -> TrainedDetector:
    """Train the joint detector and publish its cfg, weights and metrics under `models/detector/`.

    Args:
        settings: The films, and how the detector is trained.
        store: Folder, or s3://bucket/prefix, that gets the detector.
        work: Folder of unfinished work; empty for one beside the store.
    """
    placement = FilmPlacement.beside(settings, store, work)
    films = list_films(settings, placement)
    trained = fit_detector(films, settings.without_paths(), placement)
    target = placement.open()
    published = {
        name: target.publish(file, f"models/detector/{trained.sha256[:12]}/{name}")
        for name, file in tree_files(target, trained).items()
    }
    return TrainedDetector(
        cfg=published["detector.cfg"],
        weights=published["detector.safetensors"],
        metrics=published["metrics.json"],
    )
