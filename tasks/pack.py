"""Stage 4: joints and the cohort table to one training set."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsl_core.cohort import read_cohort
from jsl_core.config import PackSettings
from jsl_core.dataset import pack as pack_joints
from jsl_core.dataset import pack_from_paths
from jsl_core.imaging import Image, decode_png
from jsl_core.records import Row, read_rows
from jsl_core.storage import Artifact, artifacts_in, put_tree
from tasks.caching import Placement, stage
from tasks.progress import Progress

__all__ = ["pack", "pack_images"]

_HANDS = 4
_AT_ONCE = 64  # crops in memory

_CODE = ("jsl_core.cohort", "jsl_core.dataset")


@stage("pack", version=1, code=_CODE)
def pack(joints: Artifact, cohort: Artifact, settings: PackSettings, place: Placement) -> Artifact:
    """The packed dataset of all joints that have a row in the cohort table, as a tree."""
    store = place.open()
    rows = read_rows(store, [joints])
    for bundle in place.bundles:
        store.prefetch(bundle, artifacts_in(read_rows(store, [bundle])))
    progress = Progress("pack", len(rows))
    spacing = {row["ID"]: row["spacing_mm"] for row in rows if row["spacing_mm"]}

    def crop(row: Row) -> Image:
        return decode_png(store.get(Artifact.model_validate(row["png"])))

    def crops() -> Iterator[tuple[str, Image]]:
        with ThreadPoolExecutor(
            _HANDS
        ) as pool:  # reading, hashing and decoding release the interpreter's lock
            for start in range(0, len(rows), _AT_ONCE):
                some = rows[start : start + _AT_ONCE]
                for row, image in zip(some, pool.map(crop, some), strict=True):
                    yield row["ID"], image
                    progress.step()

    with tempfile.TemporaryDirectory() as folder:
        table = read_cohort(store.fetch(cohort, Path(folder, "cohort", cohort.name)))
        pack_joints(crops(), table, settings, Path(folder, "dataset"), spacing)
        return put_tree(store, Path(folder, "dataset"), "dataset.json")


@stage("pack", version=1, code=_CODE)
def pack_images(images: Artifact, cohort: Artifact, settings: PackSettings, place: Placement) -> Artifact:
    """The packed dataset of crops on disk, found by the table's `Img_path`; `images` lists their digests."""
    store = place.open()
    with tempfile.TemporaryDirectory() as folder:
        table = read_cohort(store.fetch(cohort, Path(folder, "cohort", cohort.name)), needs=["Img_path"])
        pack_from_paths(table, Path(place.scans), settings, Path(folder, "dataset"))
        return put_tree(store, Path(folder, "dataset"), "dataset.json")
