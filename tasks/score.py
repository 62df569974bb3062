"""Trained models at work: their averaged predictions for every joint of a batch of films."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jsl_core.cohort import read_cohort
from jsl_core.config import PredictSettings
from jsl_core.errors import BundleError
from jsl_core.imaging import decode_png
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.model.grader_record import RECORD, SHIPPED_GRADER, is_grader
from jsl_core.scans.rows import Row, read_rows
from jsl_core.scoring.crops import crop_centre
from jsl_core.scoring.scores import JointCrop, encode_scores, score_crops
from jsl_core.storage import Artifact, Store, checkout, put_tree
from jsl_core.system.spreadsheet import read_csv
from tasks.caching import Placement, stage
from tasks.progress import Progress

__all__ = ["field_of_view", "put_models", "score"]

_NAMES = ("file", "participant", "ID", "side", "side_from", "polarity_from", "note")


def put_models(models: tuple[str, ...], placement: Placement) -> list[Artifact]:
    """Store models as trees.

    Args:
        models: Folders, or keys of the store; none: the shipped grader.
        placement: Names the store.

    Raises:
        BundleError: One is no model.
    """
    store = placement.open()
    return [_put(model, store) for model in models or (str(SHIPPED_GRADER),)]


def _put(model: str, store: Store) -> Artifact:
    if Path(model).is_dir():
        return put_tree(store, Path(model), RECORD if is_grader(Path(model)) else "bundle.json")
    with tempfile.TemporaryDirectory() as folder:
        for key in store.keys(model.strip("/")):
            file = Path(folder, key.removeprefix(f"{model.strip('/')}/"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(store.read(key) or b"")
        if not Path(folder, "bundle.json").is_file():
            raise BundleError(f"{model}: no bundle's folder, nor a bundle's key in the store; name either")
        return put_tree(store, Path(folder), "bundle.json")


def field_of_view(models: list[Artifact], placement: Placement) -> float | None:
    """Side in mm of the crops that the models look at, None where they know no scale."""
    return _ensemble(models, placement).field_mm


@stage("score", version=1)
def score(
    joints: Artifact,
    rejected: Artifact,
    models: list[Artifact],
    factors: Artifact | None,
    settings: PredictSettings,
    placement: Placement,
) -> Artifact:
    """`scores.csv`: a row for every joint with its scores, and for every reject with its reason."""
    store = placement.open()
    ensemble = _ensemble(models, placement, settings)
    rows = read_rows(store, [joints])
    progress = Progress("score", len(rows))
    table = None
    if factors:
        with tempfile.TemporaryDirectory() as folder:
            table = read_cohort(store.fetch(factors, Path(folder, factors.name)), any_split=True)
    ensemble.check_factors(table, "factors")

    def knees() -> Iterator[JointCrop | Row]:
        for row in rows:
            joint = decode_png(store.get(Artifact.model_validate(row["png"])))
            pixels = crop_centre(joint, ensemble.crop_field)
            yield JointCrop(**{name: row[name] for name in _NAMES}, pixels=pixels)
            progress.step()
        rejects = read_csv(io.BytesIO(store.get(rejected))).fillna("")
        yield from ({str(name): value for name, value in row.items()} for row in rejects.to_dict("records"))

    return store.put(encode_scores(score_crops(ensemble, knees(), table, settings.flip)), "scores.csv")


def _ensemble(
    models: list[Artifact], placement: Placement, settings: PredictSettings = PredictSettings()
) -> Ensemble:
    store = placement.open()
    return Ensemble.load(
        [checkout(store, model, placement.folder("trees")) for model in models], settings.device
    )
