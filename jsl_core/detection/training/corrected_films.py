"""Films on which reviewers moved a box: what a detector got wrong is what the next one learns from."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.detection.training.films import BoxedImage
from jsl_core.errors import DetectorError, StoreError
from jsl_core.imaging import decode_png
from jsl_core.review.correction import Correction, fits
from jsl_core.review.corrections import FROM_STORE, load_corrections
from jsl_core.review.film_view import Box, FilmView
from jsl_core.scans.rows import Row, accepted, read_rows
from jsl_core.storage import Artifact, Store, open_existing_store
from jsl_core.storage.history import History

__all__ = ["read_corrected_films", "reviewed_boxes"]


def read_corrected_films(url: str) -> list[BoxedImage]:
    """Read the films of a store on which a reviewer drew a box, with the boxes of all of their joints.

    A joint on which nobody drew keeps the box that a look at the film found.

    Args:
        url: The store.

    Raises:
        DetectorError: If there is no such film, or no run has it as it was when the box was drawn.
        StoreError: If there is no store.
    """
    store, wanted = open_existing_store(url), reviewed_boxes(url)
    if not wanted:
        raise DetectorError(f"store {store.url}: no reviewer has moved a box; do so with jsl review")
    rows = _film_rows(store, wanted)
    if not rows:
        raise DetectorError(f"store {store.url}: no film with a moved box is left; run again, then train")
    return [_boxed_image(store, row, wanted[row["file"]]) for row in rows]


def reviewed_boxes(url: str) -> dict[str, Correction]:
    """The corrections of a store's films on which a reviewer drew a box, by name; JSON."""
    films = load_corrections(FROM_STORE, open_existing_store(url)).films
    return {
        name: film
        for name, film in sorted(films.items())
        if "box" in film and "0" not in film.get("exclude", {})
    }


def _film_rows(store: Store, wanted: dict[str, Correction]) -> list[Row]:
    """The newest row of the convert stage of each film that is as it was when a box was drawn on it."""
    history, found = History(store), dict[str, Row]()
    for run in history.runs():
        keys = [key for key in run.keys if key.startswith("convert/")]
        for tables in history.results(keys).values():
            for row in accepted(_rows_that_are_there(store, tables)):
                if row["file"] in wanted and fits(wanted[row["file"]], row["pixels"]):
                    found.setdefault(row["file"], row)
        if len(found) == len(wanted):
            break
    return [found[name] for name in sorted(found)]


def _rows_that_are_there(store: Store, tables: Iterable[Artifact]) -> list[Row]:
    try:
        return read_rows(store, tables)
    except StoreError:  # collected as garbage: another run may have it
        return []


def _boxed_image(store: Store, film: Row, correction: Correction) -> BoxedImage:
    pixels = decode_png(store.get(Artifact.model_validate(film["png"])))
    shape = pixels.shape
    turn = film.get("corrected", {}).get("turn", 0)
    stored = (shape[0], shape[1]) if turn % 180 else (shape[1], shape[0])
    view = FilmView(*stored, turn)
    drawn_boxes = {side: view.show_box(box) for side, box in correction["box"].items()}
    mirrored = film["flipped"] != film["upside_down"]
    others = [
        (joint["x1"], joint["y1"], joint["x2"], joint["y2"])
        for joint in (film["look"] or {}).get("joints", ())
    ]
    boxes = [*drawn_boxes.values(), *(box for box in others if _is_other_knee(box, drawn_boxes, mirrored))]
    return BoxedImage(_to_grey(pixels), np.array(boxes, np.float32).reshape(-1, 4))


def _is_other_knee(box: Box, boxes_of_sides: dict[str, Box], mirrored: bool) -> bool:
    """Whether a box lies where the knee on which nobody drew lies: beside the other one, on its own side."""
    if len(boxes_of_sides) != 1:
        return False
    ((side, known),) = boxes_of_sides.items()
    middle = (box[0] + box[2]) / 2
    return middle > known[2] if (side == "1") != mirrored else middle < known[0]


def _to_grey(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return np.asarray(pixels, np.uint8)
