"""Corrections laid over one film: turned before it is looked at, its knees where a reviewer sees them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from jsl_core.errors import BadScan
from jsl_core.imaging.look import Look, SeenJoint
from jsl_core.imaging.png import decode_png, encode_png
from jsl_core.imaging.polarity import negative_of
from jsl_core.imaging.records import KneeRecord, ScanRecord
from jsl_core.imaging.split import FilmKnee, Side, find_knees, record_knee, to_conventional
from jsl_core.imaging.stages import turn_negative
from jsl_core.review.correction import EXCLUDED, Correction
from jsl_core.review.film_view import Box, FilmView, rotate_picture

__all__ = ["correct_film", "split_as_corrected"]

_TURNED = "turned by a reviewer"
_NEGATIVE = "shown as its negative by a reviewer"
_WORDS: dict[Side, str] = {1: "right", 2: "left"}


def correct_film(
    scan: ScanRecord, png: bytes, correction: Correction, look: Look | None
) -> tuple[ScanRecord, bytes, dict[str, Any]]:
    """Turn a film, or make it its negative, as a reviewer has it, and look at it again.

    Args:
        scan: The film's record.
        png: Its picture, as stored.
        correction: With `turn` or `polarity`.
        look: Looks at the picture; None for nobody.

    Returns:
        Record and picture as they are then, and what was done, for the film's row: `turn`, and in `tags` what
        `flipped` and `upside_down` were, which are ended by a turn; `polarity`.
    """
    image = decode_png(png)
    turn, negative = correction.get("turn", 0), correction.get("polarity", False)
    facts: dict[str, Any] = {}
    done: dict[str, Any] = {}
    notes = [scan.note]
    if turn:
        image = rotate_picture(image, turn)
        done |= {"turn": turn, "tags": [scan.flipped, scan.upside_down]}
        facts |= {"flipped": False, "upside_down": False, "oriented": False}
        facts |= {"height": image.shape[0], "width": image.shape[1]}
        if turn % 180 and scan.spacing_mm:
            facts["spacing_mm"] = scan.spacing_mm[::-1]
        notes.append(_TURNED)
    if negative:
        image = negative_of(image)
        done["polarity"] = True
        notes.append(_NEGATIVE)
    scan = scan.model_copy(update=facts | {"note": "; ".join(filter(None, notes))})
    if look is not None and negative:
        scan = scan.model_copy(update={"look": look(image).model_copy(update={"bone": "bright"})})
    elif look is not None:
        scan, image = turn_negative(scan, image, look(image))
    return scan, encode_png(image, scan.spacing_mm), done


def split_as_corrected(
    png: bytes, scan: ScanRecord, correction: Correction, done: Mapping[str, Any]
) -> list[tuple[KneeRecord, bytes | BadScan, dict[str, Any]]]:
    """Split a film into its knees as a reviewer has it.

    Args:
        png: The film with bone bright, as convert has stored it.
        scan: Its record, with what was seen on it.
        correction: With `sides`, `box`, `margins` or `exclude`.
        done: What `correct_film` did to it, empty for nothing.

    Returns:
        The knees, right one first, each with its PNG, or why a reviewer left it out, and what of its row is a
        reviewer's: `box`, the joint's in the knee's pixels; `margins`, in the knee's pixels, as `parse_value`
        has them; `corrected`, the kinds; `mirrored`, where swapped sides mirrored the film.

    Raises:
        BadScan: `excluded` where the film is left out; as of `find_knees` where no box stands in for it.
    """
    excluded = correction.get("exclude", {})
    if "0" in excluded:
        raise BadScan(EXCLUDED, f"left out by a reviewer: {excluded['0']}")
    image = decode_png(png)
    boxes = correction.get("box", {})
    knees = _found_knees(image, scan, needed=not boxes)
    swapped = bool(correction.get("sides"))
    pair = len(knees or boxes) > 1
    mirrored = swapped and pair
    if mirrored:
        knees = [_mirror_knee(knee, image.shape[1]) for knee in knees]
        scan = scan.model_copy(update={"flipped": not scan.flipped})
    elif swapped:
        knees = [replace(knee, side=_other(knee.side), side_from="review") for knee in knees]
    turn, (height, width) = done.get("turn", 0), image.shape
    stored = (height, width) if turn % 180 else (width, height)
    view = FilmView(*stored, turn, scan.flipped, scan.upside_down)
    displayed = {_side(side): view.show_box(box) for side, box in boxes.items()}
    film = to_conventional(image, scan)
    knees = _place_boxes(knees, displayed, film.shape[1])
    cut = [_cut_knee(film, image.shape, scan, knee, displayed, correction, view) for knee in knees]
    if not mirrored:
        return cut
    return [(record, picture, facts | {"mirrored": True}) for record, picture, facts in cut]


def _found_knees(image: npt.NDArray, scan: ScanRecord, *, needed: bool) -> list[FilmKnee]:
    """The knees as they are found without a reviewer; none where they are not and boxes stand in for them."""
    try:
        return find_knees(to_conventional(image, scan), scan)
    except BadScan:
        if needed:
            raise
        return []


def _mirror_knee(knee: FilmKnee, width: int) -> FilmKnee:
    """A knee on the mirrored film: the other side."""
    first, last = knee.columns
    joint = knee.joint and knee.joint.model_copy(
        update={"x1": width - knee.joint.x2, "x2": width - knee.joint.x1}
    )
    columns = (width - last, width - first)
    return replace(knee, side=_other(knee.side), side_from="review", columns=columns, joint=joint)


def _place_boxes(knees: list[FilmKnee], boxes: Mapping[Side, Box], width: int) -> list[FilmKnee]:
    """Put a reviewer's boxes in the place of what was found; a new knee gets its part of the film."""
    by_side = {knee.side: knee for knee in knees}
    for side, box in boxes.items():
        joint = SeenJoint(x1=box[0], y1=box[1], x2=box[2], y2=box[3], score=1.0, side=side)
        if knee := by_side.get(side):
            columns = min(knee.columns[0], int(box[0])), max(knee.columns[1], min(width, int(box[2]) + 1))
            by_side[side] = replace(knee, joint=joint, columns=columns)
        else:
            by_side[side] = FilmKnee(side, "review", (0, width), "single", joint)
    alone = [knee for knee in by_side.values() if knee.how == "single"]
    if len(by_side) == 2 and alone and all(knee.joint for knee in by_side.values()):
        left, right = sorted(by_side.values(), key=lambda knee: knee.joint.x1 if knee.joint else 0)
        assert left.joint is not None
        assert right.joint is not None
        column = round((left.joint.x2 + right.joint.x1) / 2)
        left_end, right_start = max(column, round(left.joint.x2)), min(column, round(right.joint.x1))
        by_side[left.side] = replace(left, columns=(0, left_end), how="between")
        by_side[right.side] = replace(right, columns=(right_start, width), how="between")
    return [by_side[side] for side in sorted(by_side)]


def _cut_knee(
    film: npt.NDArray,
    stored: tuple[int, ...],
    scan: ScanRecord,
    knee: FilmKnee,
    boxes: Mapping[Side, Box],
    correction: Correction,
    view: FilmView,
) -> tuple[KneeRecord, bytes | BadScan, dict[str, Any]]:
    record = record_knee(scan, knee, stored)
    key, start = str(knee.side), knee.columns[0]
    kinds = ["sides"] if correction.get("sides") else []
    if reason := correction.get("exclude", {}).get(key):
        swapped = {"corrected": kinds} if kinds else {}
        return record, BadScan(EXCLUDED, f"left out by a reviewer: {reason}"), swapped
    corrected: dict[str, Any] = {}
    if box := boxes.get(knee.side):
        corrected["box"] = [box[0] - start, box[1], box[2] - start, box[3]]
    if margins := correction.get("margins", {}).get(key):
        corrected["margins"] = {
            part: {
                bone: sorted([x - start, y] for x, y in (view.show(*point) for point in line))
                for bone, line in bones.items()
            }
            for part, bones in margins.items()
        }
    kinds = [*sorted(corrected), *kinds]
    png = encode_png(film[:, slice(*knee.columns)], scan.spacing_mm)
    return record, png, corrected | ({"corrected": kinds} if kinds else {})


def _side(text: str) -> Side:
    return 1 if text == "1" else 2


def _other(side: Side) -> Side:
    return 2 if side == 1 else 1
