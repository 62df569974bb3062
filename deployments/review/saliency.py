"""Where the run's model looked on one knee, made when somebody asks for it."""

import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from deployments.review.pictures import encode_webp
from deployments.review.run_tables import RunTables
from jsl_core.dataset import PackedDataset
from jsl_core.storage import Artifact, Store, checkout

if TYPE_CHECKING:
    from jsl_core.learning.model.bundle import ModelBundle

__all__ = ["Saliency"]

_SHOWN = ("jsl-joint", "jsl-image", "multitask", "kl")  # of which the first there is is asked, as in reports
_LEAST = 384  # pixels of the picture's side


class Saliency:
    """The packed images of a run, and the saliency of its model on them."""

    def __init__(self, store: Store, tables: RunTables, trees: Path) -> None:
        """Look at a run's dataset and model, unpacked below `trees` when they are needed."""
        self._store, self._trees, self._dataset = store, trees, tables.dataset
        self.regime = next((name for name in _SHOWN if name in tables.models), "")
        self._model: Artifact | None = tables.models.get(self.regime)
        self._lock = threading.Lock()  # one knee at a time: a network takes all processor cores
        self._packed: PackedDataset | None = None
        self.draw = lru_cache(maxsize=256)(self._draw)

    @property
    def is_there(self) -> bool:
        """Whether the run has a model that sees pictures."""
        return self._model is not None and self._dataset is not None

    def image(self, row: int) -> npt.NDArray[np.uint8]:
        """The joint as it was packed, S×S."""
        with self._lock:
            return np.asarray(self._load().images[row])

    def _load(self) -> PackedDataset:
        if self._packed is None:
            assert self._dataset is not None
            self._packed = PackedDataset.load(checkout(self._store, self._dataset, self._trees))
        return self._packed

    def _draw(self, row: int) -> bytes:
        """The joint with the saliency laid over it, as WebP."""
        from jsl_core.evaluation.overlay import overlay_saliency
        from jsl_core.evaluation.saliency import compute_saliency_maps

        assert self._model is not None
        with self._lock:
            packed = self._load()
            folder = checkout(self._store, self._model, self._trees)
            if (folder / "fold-1").is_dir():
                folder = folder / "fold-1"
            bundle, rows = _load_bundle(folder), packed.table.iloc[[row]]
            image = np.asarray(packed.images[[row]])
            maps = compute_saliency_maps(bundle, image, rows, "gradcam")
        scale = max(1, round(_LEAST / image.shape[1]))
        large, heat = (
            cv2.resize(each, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            for each in (image[0], maps[0])
        )
        overlay = overlay_saliency(np.asarray(large, np.uint8), np.asarray(heat, np.float32).clip(0))
        return encode_webp(np.ascontiguousarray(overlay[..., ::-1]))


@lru_cache(maxsize=2)
def _load_bundle(folder: Path) -> "ModelBundle":
    from jsl_core.learning.model.bundle import ModelBundle  # with PyTorch, which takes seconds to load

    return ModelBundle.load(folder)
