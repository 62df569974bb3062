"""Stage 3: knees to joints, found by the detector, one bucket a task."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from jsl_core.config import CropSettings
from jsl_core.errors import BadScan
from jsl_core.imaging import Image, decode_png, encode_png
from jsl_core.imaging.names import encode_name
from jsl_core.scans.rows import Outcome, Row, accepted, map_with_memo, read_rows, write_rows
from jsl_core.storage import Artifact, Memo, Store, artifacts_in
from tasks.caching import Placement, stage, stage_key
from tasks.progress import Progress

if TYPE_CHECKING:  # PyTorch takes seconds to import: a run says before that that it has begun
    from jsl_core.detection import Detection

__all__ = ["crop"]

_BATCH = 16
_FROM_KNEE = (
    *("file", "ID", "participant", "side", "side_from", "polarity_from", "joints_seen", "note"),
    *("spacing_mm", "spacing_from"),
)


@stage("crop", version=1)
def crop(split: Artifact, settings: CropSettings, placement: Placement) -> Artifact:
    """One row a knee: the joint's box in the knee's pixels, its score, and the artifact `png`."""
    store = placement.open()
    knees = accepted(read_rows(store, [split]))

    def work(todo: Sequence[Row]) -> Iterator[Outcome]:
        from jsl_core.detection import Detection, JointDetector

        detector = JointDetector.load(settings)
        for start in range(0, len(todo), _BATCH):
            batch = todo[start : start + _BATCH]
            images = [decode_png(store.get(Artifact.model_validate(knee["png"]))) for knee in batch]
            for knee, image, found in zip(batch, images, detector.detect(images), strict=True):
                if "box" in knee:  # a reviewer's
                    x1, y1, x2, y2 = knee["box"]
                    found = [Detection(x1, y1, x2, y2, score=1.0)]
                yield _joint(knee, image, found, settings, store)

    memo = Memo(store, stage_key(crop, settings, placement))
    rows = map_with_memo(knees, work, memo, Progress("crop", len(knees)).step)
    table = write_rows(store, rows, "cropped.json")
    store.write_archive(table, artifacts_in(rows))
    return table


def _joint(
    knee: Row, image: Image, found: "Sequence[Detection]", settings: CropSettings, store: Store
) -> Outcome:
    from jsl_core.detection import crop_joint

    try:
        joint = crop_joint(image, found, knee["spacing_mm"], settings)
    except BadScan as error:
        return error
    x1, y1, x2, y2 = joint.box
    return [
        {key: knee[key] for key in _FROM_KNEE}
        | {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "score": joint.score, "length": joint.length}
        | {"padded": joint.padded, "ambiguous": joint.ambiguous}
        | {key: knee[key] for key in ("corrected", "margins") if key in knee}
        | {"png": store.put(encode_png(joint.pixels), f"{encode_name(knee['ID'])}.png").model_dump()}
    ]
