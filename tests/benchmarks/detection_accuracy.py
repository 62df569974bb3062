"""How well the detector finds joints on films it was never trained on, as the table of the card has it.

python tests/benchmarks/detection_accuracy.py [--crops cohort.csv] [--films 140] [--sheet PNG]
    [--cfg CFG --weights WEIGHTS]

`--crops`: a table (ID, Img_path, split) of real joint crops, whose validation part then stands in the films.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from hard_films import hard_film

from jsl_core.config import CropSettings, PhantomSettings
from jsl_core.detection import Detection, JointDetector
from jsl_core.detection.training.augment import Augmentation
from jsl_core.detection.training.blends import BlendSampler
from jsl_core.detection.training.composites import CompositeSampler, read_crops
from jsl_core.detection.training.films import BoxedImage, Sampler
from jsl_core.detection.training.metrics import detection_metrics, iou_matrix
from jsl_core.detection.training.phantoms import PhantomSampler, make_phantom_films
from jsl_core.phantom.film import make_film

Films = Callable[[int], list[BoxedImage]]
_SEED = 900001  # of films that no training draws
_SCORE = 0.25


def _plain(count: int) -> list[BoxedImage]:
    """`jsl phantom`'s films."""
    films = (make_film(_SEED, index, PhantomSettings(long_side=(1000, 1000))) for index in range(count))
    return [BoxedImage(film.display, np.array(list(film.boxes.values()), np.float32)) for film in films]


def _drawn(sampler: Sampler, count: int) -> list[BoxedImage]:
    return [sampler(np.random.default_rng([_SEED, index])) for index in range(count)]


def _sets(crops: str) -> Iterator[tuple[str, Films]]:
    wide = make_phantom_films(60, _SEED)
    augment = Augmentation((416, 416), mosaic=0)
    yield "phantoms", _plain
    yield "phantoms, wide domain, whole and halved", partial(_drawn, PhantomSampler(wide))
    yield "phantoms, augmented", partial(_drawn, partial(augment, PhantomSampler(wide)))
    if crops:
        real = read_crops(Path(crops), "val")
        yield "composites", partial(_drawn, CompositeSampler(real))
        yield "composites, augmented", partial(_drawn, partial(augment, CompositeSampler(real)))
        yield "blends into phantoms", partial(_drawn, BlendSampler(wide, real))
        yield "hard films", lambda count: [hard_film(real, index) for index in range(count)]


def _measure(name: str, films: list[BoxedImage], found: list[list[Detection]]) -> None:
    boxes = [np.array([one.box for one in some], np.float32).reshape(-1, 4) for some in found]
    scores = [np.array([one.score for one in some], np.float32) for some in found]
    metrics = detection_metrics([film.boxes for film in films], boxes, scores, _SCORE)
    shift, growth = _bias(films, boxes)
    print(
        f"{name:<40}{sum(len(film.boxes) for film in films):>5} joints  mAP50 {metrics.map50:.3f}  "
        f"mean IoU {metrics.mean_iou:.3f}  found {100 * metrics.found:5.1f} %  "
        f"false alarms {metrics.false_alarms:.3f} a film  "
        f"off by {shift[0]:+.3f}, {shift[1]:+.3f}, size {growth:.3f}",
        flush=True,
    )


def _bias(films: list[BoxedImage], boxes: list[np.ndarray]) -> tuple[np.ndarray, float]:
    """Mean shift (x, y) in sides of the box, and mean ratio of sides, of the joints that were found."""
    shifts, ratios = [], []
    for film, some in zip(films, boxes, strict=True):
        for truth, iou in zip(film.boxes, iou_matrix(film.boxes, some), strict=True):
            if iou.max(initial=0) >= 0.5:
                box, side = some[iou.argmax()], np.sqrt((truth[2:] - truth[:2]).prod())
                shifts.append((box[:2] + box[2:] - truth[:2] - truth[2:]) / 2 / side)
                ratios.append(np.sqrt((box[2:] - box[:2]).prod()) / side)
    return np.mean(shifts, 0), float(np.mean(ratios))


def _tile(film: BoxedImage, found: list[Detection], side: int) -> np.ndarray:
    """A film with its true boxes green and what was found red, side × side."""
    scale = side / max(film.pixels.shape)
    small = cv2.resize(film.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    tile = np.full((side, side, 3), 40, np.uint8)
    tile[: small.shape[0], : small.shape[1]] = small[:side, :side, None]
    for boxes, colour in ((film.boxes.tolist(), (0, 220, 0)), ([one.box for one in found], (60, 90, 255))):
        for x1, y1, x2, y2 in boxes:
            corners = [(round(x * scale), round(y * scale)) for x, y in ((x1, y1), (x2, y2))]
            cv2.rectangle(tile, corners[0], corners[1], colour)
    return tile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("crops", "cfg", "weights", "sheet"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--films", type=int, default=140)
    asked = parser.parse_args()
    settings = CropSettings(cfg=asked.cfg, weights=asked.weights, score=0.05)
    loaded = JointDetector.load(settings, "cpu")
    detector = JointDetector(loaded.detector, loaded.score, loaded.nms_iou)
    tiles: list[np.ndarray] = []
    for name, draw in _sets(asked.crops):
        films = draw(asked.films)
        found = detector.detect([film.pixels for film in films])
        _measure(name, films, found)
        kept = [[one for one in some if one.score >= _SCORE] for some in found]
        tiles += [_tile(film, some, 240) for film, some in zip(films[:14], kept[:14], strict=True)]
    if asked.sheet:
        rows = [np.hstack(tiles[start : start + 7]) for start in range(0, len(tiles), 7)]
        cv2.imwrite(asked.sheet, np.vstack(rows))


if __name__ == "__main__":
    main()
