"""Stage 4: joints at the dataset's size, one bucket a task: packing them again reads one array a bucket."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pydantic import BaseModel, ConfigDict

from jsl_core.dataset import fit_crop
from jsl_core.imaging import Image, decode_png
from jsl_core.scans.rows import accepted, read_rows
from jsl_core.storage import Artifact, Store, artifacts_in
from tasks.caching import Placement, stage
from tasks.progress import Progress

__all__ = ["Fitted", "fit"]

_THREADS = 4


class Fitted(BaseModel):
    """The joints of a bucket: `stack` is a NumPy file, uint8 N×S×S.

    `joints` has, in its order, the digest of the PNG that each was made from and that one's width in pixels.
    """

    model_config = ConfigDict(frozen=True)

    joints: list[tuple[str, int]]
    stack: Artifact

    @classmethod
    def read(cls, store: Store, table: Artifact) -> "Fitted":
        """What `fit` has written. Raises StoreError."""
        return cls.model_validate_json(store.get(table))

    def pixels(self, store: Store) -> Image:
        """The stack. Raises StoreError."""
        stack: Image = np.load(io.BytesIO(store.get(self.stack)))
        return stack


@stage("fit", version=1)
def fit(cropped: Artifact, size: int, placement: Placement) -> Artifact:
    """The joints of a crop table as `Fitted`, at `size`×`size` pixels."""
    store = placement.open()
    joints = artifacts_in(accepted(read_rows(store, [cropped])))
    store.prefetch(cropped, joints)
    progress = Progress("fit", len(joints))
    stack = np.empty((len(joints), size, size), np.uint8)
    sources = []

    def fill(row: int) -> tuple[str, int]:
        pixels = decode_png(store.get(joints[row]))
        stack[row] = fit_crop(pixels, size)
        return joints[row].sha256, pixels.shape[1]

    with ThreadPoolExecutor(_THREADS) as pool:  # reading, hashing and decoding release the interpreter's lock
        for joint in pool.map(fill, range(len(joints))):
            sources.append(joint)
            progress.step()
    array = io.BytesIO()
    np.save(array, stack)
    fitted = Fitted(joints=sources, stack=store.put(array.getvalue(), "stack.npy"))
    return store.put(fitted.model_dump_json().encode(), "fitted.json")
