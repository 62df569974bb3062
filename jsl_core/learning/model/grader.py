"""A grader: a network for KL grades as one ONNX file, which OpenCV runs without PyTorch.

One ships with the program, so that knees can be graded the minute it is installed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from jsl_core.cohort.columns import GRADE_PROBABILITIES, STRANGE
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.errors import BundleError
from jsl_core.learning.model.calibration import called_grades, softmax
from jsl_core.learning.model.grader_record import NETWORK, SHIPPED_GRADER, USUAL, GraderRecord
from jsl_core.learning.model.probe_images import draw_probe_images

__all__ = ["Grader", "UsualKnees", "ask_grader", "prepare_images", "summarise_maps"]

_BATCH = 16
_PROBE_SEED = 20261130
_ABSOLUTE, _RELATIVE = 0.01, 0.01  # float32 on the processor, whose kernels differ from machine to machine
_LEAST_SPREAD = 1e-3  # of grey values: an image of one of them becomes 0

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class UsualKnees:
    """Where the features of usual knees lie, and by which weights the network reads its last features.

    A picture's features are the mean and the standard deviation of each map in the middle of the network,
    which tell a knee from other pictures: the last ones tell grades, and little else.

    Attributes:
        mean: D.
        basis: D×D, orthonormal rows: directions in which the features of usual knees vary independently.
        spread: D, their standard deviations.
        head: 5×E, of the last features to the grades.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    spread: NDArray[np.float32]
    head: NDArray[np.float32]

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """How far features N×D lie from those of usual knees: Mahalanobis' distance over √D, N."""
        along = (features.astype(np.float64) - self.mean) @ self.basis.T.astype(np.float64) / self.spread
        return np.sqrt((along**2).mean(1))


@dataclass(frozen=True)
class Grader:
    """A grader at work; it has what a model bundle has for those who score with it.

    Attributes:
        record: What it says of itself.
        net: OpenCV's network, of images N×1×H×W to logits `kl` N×5, feature maps in its `middle` and its last
            ones, `maps`.
        usual: What it holds for usual.
    """

    record: GraderRecord
    net: Any
    usual: UsualKnees
    regime: str = "kl"
    factors: FactorEncoder | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    mm_per_pixel: float | None = None

    @property
    def crop_field(self) -> float:
        """Side of the crops to be cut from films, as a multiple of the detected joint's box."""
        return self.record.crop_field

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.record.size

    @classmethod
    def load(cls, folder: Path = SHIPPED_GRADER) -> "Grader":
        """Load the grader in a folder, by default the shipped one.

        Raises:
            BundleError: It is no grader, damaged, or its network does not answer known images as it did.
        """
        record = GraderRecord.read(folder)
        for name in (NETWORK, USUAL):
            record.check_file(folder, name)
        try:
            net = cv2.dnn.readNetFromONNX(np.frombuffer((folder / NETWORK).read_bytes(), np.uint8))
            usual = UsualKnees(**{key: np.asarray(value, np.float32) for key, value in _load(folder).items()})
            answers = ask_grader(net, record.size, record.band)
        except (cv2.error, TypeError, SafetensorError) as error:
            raise BundleError(
                f"{folder}: {NETWORK} or {USUAL} is no grader's; copy the grader again"
            ) from error
        stored = np.array(record.probe)
        if answers.shape != stored.shape or not np.allclose(answers, stored, _RELATIVE, _ABSOLUTE):
            raise BundleError(
                f"{folder}: {NETWORK}: its answers to a known image are not those it was saved with; "
                "copy the grader again"
            )
        return cls(record, net, usual)

    def predict(
        self, images: Images, table: pd.DataFrame, flip: bool | None = None, batch: int = _BATCH
    ) -> pd.DataFrame:
        """Predict calibrated probabilities of the grades, and how strange each picture is.

        Args:
            images: Crops as on the film, uint8 N×S×S.
            table: N rows with `side`, 1 right and 2 left.
            flip: Whether to average with the mirror images; None does as validation favoured.
            batch: Knees a pass.

        Returns:
            `kl_0`…`kl_4`, and `strange`: the distance from usual knees, 1 where strangeness begins.

        Raises:
            BundleError: The crops have another size than the network takes.
        """
        pixels = self._as_right(images, table)
        logits, features = self._run(pixels, batch)
        if self.record.flip if flip is None else flip:
            logits = (logits + self._run(pixels[:, :, ::-1], batch)[0]) / np.float32(2)
        grades = softmax(logits.astype(np.float64) / self.record.temperature)
        columns = dict(zip(GRADE_PROBABILITIES, grades.T, strict=True))
        return pd.DataFrame(columns | {STRANGE: self.usual.distance(features) / self.record.strange_from})

    def attention(self, images: Images, table: pd.DataFrame) -> NDArray[np.float32]:
        """Where in each picture the evidence for the called grade lies: its class activation map.

        The grades are read linearly from the mean of the last feature maps, so that their sum weighted by the
        called grade's weights is what the network saw for it, place by place (Zhou et al., CVPR 2016).

        Args:
            images: Crops as on the film, uint8 N×S×S.
            table: N rows with `side`.

        Returns:
            float32 N×S×S ≥ 0, as on the film; 0 outside the band that the network gets.
        """
        pixels = self._as_right(images, table)
        left = self._is_left(table)
        top, bottom = (round(share * self.size) for share in self.record.band)
        attention = np.zeros(images.shape, np.float32)
        for number, picture in enumerate(pixels):
            logits, _, maps = self._forward(picture[None])
            grade = int(called_grades(softmax(logits.astype(np.float64) / self.record.temperature))[0])
            evidence = np.tensordot(self.usual.head[grade], maps[0], 1).clip(min=0).astype(np.float32)
            heat = cv2.resize(evidence, (self.size, bottom - top), interpolation=cv2.INTER_LINEAR)
            attention[number, top:bottom] = heat[:, ::-1] if left[number] else heat
        return attention

    def _is_left(self, table: pd.DataFrame) -> NDArray[np.bool_]:
        return (table["side"].to_numpy() == 2) & self.record.mirror_left

    def _as_right(self, images: Images, table: pd.DataFrame) -> Images:
        """The images with left knees mirrored, as the network learned them."""
        if images.shape[1:] != (self.size, self.size):
            raise BundleError(
                f"the grader takes crops of {self.size} pixels, not {images.shape[1]}; pack them so"
            )
        left = self._is_left(table)
        return np.where(left[:, None, None], images[:, :, ::-1], images)

    def _run(self, images: Images, batch: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits N×5 and features N×D."""
        parts = []
        for start in range(0, len(images), batch):
            logits, middle, _ = self._forward(images[start : start + batch])
            parts.append((logits, summarise_maps(middle)))
        return np.concatenate([one for one, _ in parts]), np.concatenate([other for _, other in parts])

    def _forward(self, images: Images) -> tuple[NDArray[np.float32], ...]:
        return _forward(self.net, prepare_images(images, self.record.band))


def summarise_maps(middle: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture's features: of maps N×M×h×w the means, then the standard deviations, N×2M."""
    return np.concatenate([middle.mean((2, 3)), middle.std((2, 3))], 1)


def prepare_images(images: Images, band: tuple[float, float]) -> NDArray[np.float32]:
    """Cut the band of rows from crops uint8 N×S×S, and standardise each: float32 N×1×H×S."""
    top, bottom = (round(share * images.shape[1]) for share in band)
    grey = images[:, None, top:bottom].astype(np.float32) / 255
    spread = grey.std((1, 2, 3), keepdims=True, ddof=1) + np.float32(_LEAST_SPREAD)
    return np.ascontiguousarray((grey - grey.mean((1, 2, 3), keepdims=True)) / spread)


def ask_grader(net: Any, size: int, band: tuple[float, float]) -> NDArray[np.float32]:
    """The logits 2×5 of the known images, by which a network shows that it is the one that was saved."""
    images = np.rint(255 * draw_probe_images(size, np.random.default_rng(_PROBE_SEED))[:, 0]).astype(np.uint8)
    return _forward(net, prepare_images(images, band))[0]


def _forward(net: Any, inputs: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Logits N×5, and feature maps N×·×h×w in the middle and at the end, of inputs N×1×H×W."""
    net.setInput(inputs)
    return tuple(np.array(output) for output in net.forward(["kl", "middle", "maps"]))


def _load(folder: Path) -> dict[str, NDArray[np.float16]]:
    tensors: dict[str, NDArray[np.float16]] = load_file(folder / USUAL)
    return tensors
