"""Training the joint detector: films with boxes, joint crops and phantoms to a cfg and its weights."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from jsl_core.config import DetectorTrainSettings, PipelineSettings
from jsl_core.config.detector import FILES
from jsl_core.detection.training.corrected_films import reviewed_boxes
from jsl_core.detection.training.sources import list_source_files, open_sources
from jsl_core.detection.training.train import RESULTS, train_detector
from jsl_core.storage import Artifact, digest_of, put_tree
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

__all__ = ["FilmPlacement", "fit_detector", "list_films"]


class FilmPlacement(Placement):
    """Where the training films lie; what is in them is the listing's business."""

    images: str = ""
    corrections: str = ""
    boxes: str = ""
    crops: str = ""
    start: str = ""

    @classmethod
    def beside(cls, settings: DetectorTrainSettings, store: str, work: str) -> "FilmPlacement":
        """The films that the settings name, as absolute paths, with a store and a work folder."""
        films = {name: _absolute(getattr(settings, name)) for name in FILES}
        return cls(**Placement.of(PipelineSettings(store=store, work=work)).model_dump(), **films)

    def with_films(self, settings: DetectorTrainSettings) -> DetectorTrainSettings:
        """The settings with the films' paths put back in."""
        return settings.model_copy(update={name: getattr(self, name) for name in FILES})


def list_films(settings: DetectorTrainSettings, placement: Placement) -> Artifact:
    """The names and digests of all files that training reads, in its order."""
    rows = [[path.name, Artifact.of_file(path).sha256] for path in list_source_files(settings)]
    if settings.corrections:
        rows.append(["corrections", digest_of(reviewed_boxes(settings.corrections))])
    return placement.open().put(json.dumps(rows).encode(), "films.json")


@stage("train-detector", version=1)
def fit_detector(films: Artifact, settings: DetectorTrainSettings, placement: FilmPlacement) -> Artifact:
    """A trained detector as a tree: cfg, weights, metrics. A run that was killed goes on from its last epoch.

    `settings` are without the films' paths, which `placement` has: a moved folder is the same films.
    """
    store = placement.open()
    work = placement.folder(
        "checkpoints", digest_of([stage_key(fit_detector, settings, placement), films.sha256])
    )
    sampler, validation = open_sources(placement.with_films(settings))
    train_detector(sampler, validation, settings, work, _epoch(settings))
    with tempfile.TemporaryDirectory() as folder:
        for name in RESULTS:
            shutil.copy(work / name, folder)
        return put_tree(store, Path(folder), "detector.json")


def _epoch(settings: DetectorTrainSettings) -> Callable[[dict[str, float]], None]:
    progress = Progress("train detector", settings.epochs)
    done = 0

    def step(row: dict[str, float]) -> None:
        nonlocal done
        before, done = done, int(row["epoch"])  # a resumed training does not begin with the first
        progress.step(done - before, f"mean IoU {row['mean_iou']:.3f}, mAP50 {row['map50']:.3f}")

    return step


def _absolute(path: str) -> str:
    named = path and path != "shipped" and "://" not in path
    return str(Path(path).absolute()) if named else path
