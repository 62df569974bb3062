"""The joints of a film as a reviewer has them: turned, found and named, with margins that were drawn."""

from dataclasses import replace
from typing import Any

from jsl_core.config import ConvertSettings, CropSettings
from jsl_core.detection.crop import choose_joint, crop_at, crop_origin
from jsl_core.detection.detector import Detection, JointDetector
from jsl_core.detection.look import look_at_film
from jsl_core.detection.resize import to_eight_bits
from jsl_core.errors import BadScan
from jsl_core.imaging import KneeRecord, decode_png, encode_png
from jsl_core.imaging.names import stem
from jsl_core.imaging.stages import read_film
from jsl_core.review.correction import Correction, fits
from jsl_core.review.film import correct_film, split_as_corrected
from jsl_core.width.joints import FilmJoint, joints_of_file, tighten

__all__ = ["joints_as_corrected"]

_STALE = "a correction made on other pixels was not used"


def joints_as_corrected(
    data: bytes, file: str, correction: Correction, detector: JointDetector
) -> list[FilmJoint]:
    """Find the joints of a film, as `joints_of_file` does, where a reviewer has corrected something.

    Args:
        data: The film's bytes.
        file: Its name.
        correction: What holds of it.
        detector: Finds the joints on which no box was drawn.

    Raises:
        BadScan: As `joints_of_file`; `excluded` where the film was left out.
    """
    scan, image = read_film(data, file, {}, ConvertSettings(any_view=True), look_at_film)
    if not fits(correction, scan.pixels):
        return [
            replace(joint, note="; ".join(filter(None, (joint.note, _STALE))))
            for joint in joints_of_file(data, file, {})
        ]
    scan = scan.model_copy(update={"participant": scan.participant or stem(file)})
    png = encode_png(image, scan.spacing_mm)
    done: dict[str, Any] = {}
    if "turn" in correction or "polarity" in correction:
        scan, png, done = correct_film(scan, png, correction, look_at_film)
    return [
        _joint(knee, picture, facts, scan.spacing_source, detector)
        for knee, picture, facts in split_as_corrected(png, scan, correction, done)
    ]


def _joint(
    knee: KneeRecord,
    picture: bytes | BadScan,
    facts: dict[str, Any],
    spacing_from: str,
    detector: JointDetector,
) -> FilmJoint:
    spacing = knee.spacing_mm
    joint = FilmJoint(
        knee.ID,
        knee.side,
        knee.side_from,
        None,
        knee.side,
        spacing,
        spacing_from if spacing else "none",
        note=knee.note,
    )
    try:
        if isinstance(picture, BadScan):
            raise picture
        image = decode_png(picture)
        box = facts.get("box")
        if box:
            x1, y1, x2, y2 = box
            detection = Detection(x1, y1, x2, y2, score=1.0)
        else:
            detection, _ = choose_joint(image, detector.detect([image])[0], CropSettings())
        crop = crop_at(image, tighten(detection), None, CropSettings())
    except BadScan as error:
        return replace(joint, reason=error)
    origin = crop_origin(crop.box, crop.pixels.shape, padded=crop.padded)
    return replace(joint, pixels=to_eight_bits(crop.pixels), drawing=facts.get("margins"), origin=origin)
