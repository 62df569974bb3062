"""The page's pictures as WebP: thumbnails, made once by worker processes, and films as they are displayed."""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from jsl_core.errors import StoreError
from jsl_core.imaging import decode_png
from jsl_core.imaging.polarity import negative_of
from jsl_core.review.film_view import FilmView, rotate_picture
from jsl_core.storage import Artifact, open_store
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import cores, parallel_map

__all__ = ["THUMBNAIL", "Thumbnails", "draw_film", "encode_webp", "fit_into"]

THUMBNAIL = 192  # pixels of a thumbnail's longer side
_QUALITY = 82
_NICE = 10  # thumbnails wait for what people wait for


class Thumbnails:
    """Thumbnails by the digest of what they show, in a folder that may be deleted at any time."""

    def __init__(self, store: str, folder: Path) -> None:
        """Make thumbnails of a store's pictures, below `folder`."""
        self._store, self._folder = store, folder

    def get(self, artifact: Artifact) -> bytes:
        """The thumbnail of a picture, made if it is not there yet; StoreError if the picture is gone."""
        with suppress(OSError):
            return _place(self._folder, artifact).read_bytes()
        return make_thumbnail(artifact, self._store, self._folder)

    def make_all(self, artifacts: Iterable[Artifact]) -> threading.Thread:
        """Make the thumbnails of all these pictures in the background, in their order."""
        missing = [each for each in artifacts if not _place(self._folder, each).is_file()]
        thread = threading.Thread(target=self._make, args=(missing,), name="thumbnails", daemon=True)
        thread.start()
        return thread

    def _make(self, artifacts: list[Artifact]) -> None:
        work = partial(_make_politely, store=self._store, folder=self._folder)
        jobs = max(1, min(cores() - 1, len(artifacts) // 64))
        with suppress(StoreError):  # whoever looks at one is told
            for _ in parallel_map(work, artifacts, jobs, seconds_per_item=60):
                pass


def make_thumbnail(artifact: Artifact, store: str, folder: Path) -> bytes:
    """Make a thumbnail and keep it; arguments as of `Thumbnails`."""
    image = decode_png(open_store(store).get(artifact))
    data = encode_webp(fit_into(image, THUMBNAIL))
    with suppress(StoreError), write_atomically(_place(folder, artifact)) as file:
        file.write(data)
    return data


def _make_politely(artifact: Artifact, store: str, folder: Path) -> None:
    if os.nice(0) < _NICE:
        os.nice(_NICE)
    with suppress(StoreError):
        make_thumbnail(artifact, store, folder)


def _place(folder: Path, artifact: Artifact) -> Path:
    return folder / artifact.sha256[:2] / f"{artifact.sha256[:32]}-{THUMBNAIL}.webp"


def draw_film(stored: npt.NDArray, done_turn: int, view: FilmView, longest: int, *, negative: bool) -> bytes:
    """Draw a film as it is displayed.

    Args:
        stored: The film's picture as the run stored it, H×W.
        done_turn: Degrees by which the run has turned it.
        view: How it is displayed.
        longest: Pixels of the picture's longer side, at most.
        negative: Whether bright and dark change places.

    Returns:
        WebP.
    """
    image = view.draw(rotate_picture(stored, (360 - done_turn) % 360))
    image = fit_into(image, longest)
    return encode_webp(negative_of(image) if negative else image)


def fit_into(image: npt.NDArray, longest: int) -> npt.NDArray[np.uint8]:
    """A picture, H×W uint8 or uint16, as uint8 with no side above `longest` pixels."""
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    scale = longest / max(image.shape)
    if scale < 1:
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    return np.asarray(image, np.uint8)


def encode_webp(image: npt.NDArray[np.uint8]) -> bytes:
    """Encode H×W or H×W×3 (BGR) as WebP."""
    return bytes(cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1])
