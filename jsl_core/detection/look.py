"""Looks at a film: which joints it shows, of which side, bone bright or dark, upright or on its head."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from jsl_core.config import CropSettings
from jsl_core.detection.crop import Box
from jsl_core.detection.detector import Detection, Detector, JointDetector
from jsl_core.detection.knee_pairing import pair_knees
from jsl_core.detection.pose import PoseReader
from jsl_core.detection.resize import to_eight_bits
from jsl_core.detection.side import SideReader, SideReading
from jsl_core.imaging.look import FilmLook, SeenJoint

__all__ = ["FilmReader", "describe_joints", "look_at_film"]

SMALL, LARGE = (224, 224), (416, 416)  # inputs of a first and of a closer look
LIKELY = 0.25  # score from which on a box may be a joint
CERTAIN = 0.6  # score from which on a joint is one without a closer look
FOREIGN = 0.8  # score from which on a joint counts that does not fit the others
UPRIGHT = 0.8  # score on a turned film from which on the film is said to lie turned
USUAL = 0.9  # score that upright joints have, nearly all of them
DIFFERENT = 0.08  # difference of scores before and after a half turn that tells which is upright
ENOUGH = 112  # pixels of a joint's box, from which networks of 64 and 96 pixels read it
ROOM = 0.7  # of a joint's box: a strip beside it that is wider may show another knee
CLEAR = 2.5  # summed log-odds from which on the joints' answer is believed

Grey = NDArray[np.unsignedinteger]


def look_at_film(image: Grey) -> FilmLook:
    """Look at a whole film, uint8 or uint16 H×W, with the shipped networks."""
    return _shipped().look(image)


def describe_joints(image: Grey, detections: Sequence[Detection]) -> FilmLook:
    """Read joints that were found already on an image, uint8 or uint16 H×W; `detections` best first."""
    return _shipped().describe(to_eight_bits(image), detections)


class FilmReader:
    """Reads films with a detector, and with networks for polarity, stand and side of the joints it finds."""

    def __init__(self, detector: Detector, pose: PoseReader, side: SideReader) -> None:
        self.detector, self.pose, self.side = detector, pose, side

    def look(self, image: Grey) -> FilmLook:
        """Look at a film at low resolution, and closer where that leaves a joint in doubt.

        Args:
            image: Grey, uint8 or uint16 H×W.

        Returns:
            What it shows, in its pixels.
        """
        pixels = to_eight_bits(image)
        found = self._detect(pixels, SMALL)
        if not found or found[0].score < USUAL or pair_knees(found)[-1].score < CERTAIN:
            certain = [joint for joint in found if joint.score >= CERTAIN]
            found = self._detect(pixels, LARGE) or certain
        if not found:
            return FilmLook(stands=self._stand_of_turned(pixels))
        if len(pair_knees(found)) == 1:
            found = _best_first([*found, *self._beside(pixels, found[0])])
        return self.describe(pixels, found)

    def describe(self, pixels: NDArray[np.uint8], found: Sequence[Detection]) -> FilmLook:
        """Read the joints that were found on a film.

        Args:
            pixels: uint8 H×W.
            found: The joints in its pixels, best first.
        """
        knees = sorted(pair_knees(found), key=lambda knee: knee.x1)
        if not knees:
            return FilmLook()
        others = [joint for joint in found if joint not in knees and joint.score >= FOREIGN]
        small, boxes = _reduce(pixels, [knee.box for knee in knees])
        poses = self.pose.read(small, boxes)
        bright = sum(pose.bright for pose in poses)
        upright = sum(pose.upright for pose in poses)
        if abs(upright) < CLEAR or max(knee.score for knee in knees) < USUAL:
            upright = self._compare_with_turned(pixels, found) or upright
        stands: Literal["upright", "on its head", ""] = (
            "upright" if upright >= CLEAR else "on its head" if upright <= -CLEAR else ""
        )
        return FilmLook(
            joints=tuple(
                _to_seen_joint(knee, reading)
                for knee, reading in zip(knees, self._sides(small, boxes, stands), strict=True)
            ),
            others=sum(_to_seen_joint(joint).is_whole for joint in others),
            bone="bright" if bright >= CLEAR else "dark" if bright <= -CLEAR else "",
            stands=stands,
        )

    def _compare_with_turned(self, pixels: NDArray[np.uint8], found: Sequence[Detection]) -> float:
        """How a film stands by how surely joints are found before and after a half turn; 0 for no answer."""
        turned = self._detect(np.ascontiguousarray(pixels[::-1, ::-1]), SMALL)
        plain, other = found[0].score, turned[0].score if turned else 0.0
        if max(plain, other) < USUAL or abs(plain - other) < DIFFERENT:
            return 0.0
        return CLEAR if plain > other else -CLEAR

    def _detect(self, pixels: NDArray[np.uint8], size: tuple[int, int]) -> list[Detection]:
        """All boxes on an image, best first."""
        ((boxes, scores),) = self.detector.boxes([pixels], LIKELY, size=size)
        rows = zip(boxes.tolist(), scores.tolist(), strict=True)
        return [Detection(x1, y1, x2, y2, score) for (x1, y1, x2, y2), score in rows]

    def _beside(self, pixels: NDArray[np.uint8], joint: Detection) -> list[Detection]:
        """Joints in the strips left and right of one, where there is room for another knee."""
        width = pixels.shape[1]
        least = ROOM * (joint.x2 - joint.x1)
        found = []
        for first, last in ((0, int(joint.x1)), (int(joint.x2), width)):
            if last - first >= least:
                strip = np.ascontiguousarray(pixels[:, first:last])
                found += [
                    Detection(box.x1 + first, box.y1, box.x2 + first, box.y2, box.score)
                    for box in self._detect(strip, SMALL)
                ]
        return found

    def _stand_of_turned(self, pixels: NDArray[np.uint8]) -> Literal["on its head", "on its side", ""]:
        """How a film lies on which no joint is found until it is turned."""
        best = {}
        for quarter in (1, 2, 3):
            turned = np.ascontiguousarray(np.rot90(pixels, quarter))
            found = self._detect(turned, SMALL)
            if found and found[0].score >= UPRIGHT and self.describe(turned, found).stands == "upright":
                best[quarter] = found[0].score
        if not best:
            return ""
        return "on its head" if max(best, key=lambda quarter: best[quarter]) == 2 else "on its side"

    def _sides(self, pixels: NDArray[np.uint8], boxes: Sequence[Box], stands: str) -> Sequence[SideReading]:
        """The side of each knee; of a film on its head as after a half turn."""
        if stands != "on its head":
            return self.side.read_boxes(pixels, boxes)
        height, width = pixels.shape
        turned = [(width - x2, height - y2, width - x1, height - y1) for x1, y1, x2, y2 in boxes]
        return self.side.read_boxes(np.ascontiguousarray(pixels[::-1, ::-1]), turned)


def _reduce(pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> tuple[NDArray[np.uint8], list[Box]]:
    """An image halved as often as leaves its boxes enough pixels to be read, and the boxes in it."""
    factor, side = 1, min(x2 - x1 for x1, _, x2, _ in boxes)
    while side >= 2 * factor * ENOUGH:
        height, width = (length // 2 for length in pixels.shape)
        even = pixels[: 2 * height, : 2 * width]
        pixels = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        factor *= 2
    return pixels, [(x1 / factor, y1 / factor, x2 / factor, y2 / factor) for x1, y1, x2, y2 in boxes]


def _to_seen_joint(joint: Detection, reading: SideReading = SideReading(0.5, None)) -> SeenJoint:
    return SeenJoint(
        x1=joint.x1,
        y1=joint.y1,
        x2=joint.x2,
        y2=joint.y2,
        score=joint.score,
        side=reading.side,
        right=reading.right,
    )


def _best_first(detections: Sequence[Detection]) -> list[Detection]:
    return sorted(detections, key=lambda detection: -detection.score)


@cache
def _shipped() -> FilmReader:
    """The shipped networks, loaded once a process, on the CPU: a film a worker at a time."""
    detector = JointDetector.load(CropSettings(), "cpu").detector
    return FilmReader(detector, PoseReader.load(), SideReader.load())
