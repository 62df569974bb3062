"""From films with boxes, joint crops and phantoms to a joint detector."""

from prefect import flow
from pydantic import BaseModel, ConfigDict

from jsl_core.config import DetectorTrainSettings
from jsl_core.storage import tree_files
from tasks.train_detector import FilmPlaces, fit_detector, list_films

__all__ = ["TrainedDetector", "train_detector"]


class TrainedDetector(BaseModel):
    """Where the trained detector's files lie: what `cfg` and `weights` of a run's crop settings take."""

    model_config = ConfigDict(frozen=True)

    cfg: str
    weights: str
    metrics: str


@flow(name="train-detector", persist_result=False)
def train_detector(
    settings: DetectorTrainSettings, store: str = "jsl-store", work: str = ""
) -> TrainedDetector:
    """Train the joint detector and publish its cfg, weights and metrics under `models/detector/`."""
    place = FilmPlaces.beside(settings, store, work)
    films = list_films(settings, place)
    trained = fit_detector(films, settings.without_films(), place)
    keep = place.open()
    published = {
        name: keep.publish(file, f"models/detector/{trained.sha256[:12]}/{name}")
        for name, file in tree_files(keep, trained).items()
    }
    return TrainedDetector(
        cfg=published["detector.cfg"],
        weights=published["detector.safetensors"],
        metrics=published["metrics.json"],
    )
