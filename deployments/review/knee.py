"""One knee large: where its box and margins lie on the film as displayed, its other visits, its numbers."""

from typing import Any

import numpy as np
from fastapi import HTTPException

from deployments.review.changes import corrections_of, is_negative, is_pair, shown_side, view_of
from deployments.review.desk import Desk
from deployments.review.entry import Entry
from deployments.review.margins import measure_entry
from deployments.review.pictures import draw_film, encode_webp, fit_into
from jsl_core.detection.crop import crop_origin
from jsl_core.imaging import decode_png
from jsl_core.review.film_view import FilmView
from jsl_core.storage import Artifact

__all__ = ["describe_knee", "draw_entry_film", "draw_entry_joint", "measure_knee"]

_FILM, _JOINT = 1600, 768  # pixels of a picture's longer side, at most


def describe_knee(desk: Desk, entry: Entry) -> dict[str, Any]:
    """What the page needs to show a knee large.

    Returns:
        `side`: as it is with the corrections; `film`: width and height as displayed, and an address that
        changes with the display; `boxes` by side, in its pixels; `joint`: where its crop lies there;
        `margins` that a reviewer drew; `visits`: keys.
    """
    view, held = view_of(desk, entry), corrections_of(desk, entry)
    side = entry.side if is_pair(desk, entry) else shown_side(desk, entry)  # of two each keeps its name
    facts: dict[str, Any] = {"visits": [each.key for each in desk.visits(entry)], "film": None, "joint": None}
    facts["side"] = side
    if entry.film.get("png"):
        width, height = view.size
        negative = is_negative(desk, entry)
        look = f"{view.turn}-{int(view.flipped)}{int(view.upside_down)}{int(negative)}"
        facts["film"] = {"width": width, "height": height, "look": look}
        facts["boxes"] = {
            each: box for each in (1, 2) if (box := _box_of(desk, entry, each, view, held)) is not None
        }
    if entry.joint.get("png") and entry.knee:
        facts["joint"] = {"current": view == entry.run_view(), "box": _crop_place(desk, entry)}
    lines_of_reviewer = held.get(("margins", side))
    if lines_of_reviewer and side:
        facts["margins"] = {
            part: {bone: [view.show(*point) for point in line] for bone, line in bones.items()}
            for part, bones in lines_of_reviewer.items()
        }
    return facts


def measure_knee(desk: Desk, entry: Entry) -> dict[str, Any]:
    """The knee's margins as the run finds them, in pixels of the film as displayed, and its least widths."""
    if not entry.joint.get("png") or "length" not in entry.joint:
        return {"sentence": "there is no joint to measure"}
    found = measure_entry(entry, desk.store)
    if "lines" not in found:
        return found
    x, y, _, _ = _crop_place(desk, entry)
    found["lines"] = {
        part: {bone: [[px + x, py + y] for px, py in line] for bone, line in bones.items()}
        for part, bones in found["lines"].items()
    }
    return found


def draw_entry_film(desk: Desk, entry: Entry) -> bytes:
    """The film as it is displayed with the corrections that hold, as WebP."""
    if not entry.film.get("png"):
        raise HTTPException(404, "the run has stored no film")
    stored = decode_png(desk.store.get(Artifact.model_validate(entry.film["png"])))
    turn = entry.film.get("corrected", {}).get("turn", 0)
    return draw_film(stored, turn, view_of(desk, entry), _FILM, negative=is_negative(desk, entry))


def draw_entry_joint(desk: Desk, entry: Entry) -> bytes:
    """The joint's crop as WebP."""
    if entry.joint.get("png"):
        image = decode_png(desk.store.get(Artifact.model_validate(entry.joint["png"])))
    elif entry.packed is not None:
        image = np.asarray(desk.saliency.image(entry.packed))
    else:
        raise HTTPException(404, "the run has found no joint")
    return encode_webp(fit_into(image, _JOINT))


def _crop_place(desk: Desk, entry: Entry) -> tuple[float, float, float, float]:
    """Where the joint's crop lies on the film as the run displayed it; beyond its edge where it is padded."""
    height, width = decode_png(desk.store.get(Artifact.model_validate(entry.joint["png"]))).shape
    x1, y1, x2, y2 = (float(entry.joint[name]) for name in ("x1", "y1", "x2", "y2"))
    x, y = crop_origin((x1, y1, x2, y2), (height, width), padded=entry.joint["padded"])
    x += entry.start_column()
    return x, y, x + width, y + height


def _box_of(
    desk: Desk, entry: Entry, side: int, view: FilmView, held: dict[Any, Any]
) -> dict[str, Any] | None:
    """The box that holds for one side of the film, as displayed, and whether a reviewer drew it."""
    if box_of_reviewer := held.get(("box", side)):
        cut = any(each.side == side and each.was_cut_at(box_of_reviewer) for each in desk.by_film[entry.file])
        return {"box": view.show_box(box_of_reviewer), "drawn": True, "cut": cut}
    for each in desk.by_film[entry.file]:
        if shown_side(desk, each) == side and (box := each.run_box()):
            return {"box": view.show_box(box), "drawn": False}
    return None
