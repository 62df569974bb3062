"""Stage 5: joints and the cohort table to one training set."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from jsl_core.cohort import read_cohort
from jsl_core.cohort.columns import row_names
from jsl_core.config import PackSettings
from jsl_core.dataset import pack as pack_joints
from jsl_core.dataset import pack_from_paths, read_crop
from jsl_core.errors import BadScan, JslError
from jsl_core.imaging import Image
from jsl_core.scans.rows import name_of_joint, read_rows
from jsl_core.storage import Artifact, put_tree
from jsl_core.width.join import add_measured
from tasks.caching import Placement, stage
from tasks.cohort import read_run_cohort
from tasks.fit import Fitted
from tasks.progress import Progress

__all__ = ["list_images", "pack", "pack_images"]


def list_images(paths: Sequence[str], placement: Placement) -> Artifact:
    """The digests of the crops that a table names, blank for one that is not there."""
    files = [Path(placement.scans, path) for path in paths if path]
    digests = [Artifact.of_file(file).sha256 if file.is_file() else "" for file in files]
    return placement.open().put(json.dumps(digests).encode(), "images.json")


@stage("pack", version=2)
def pack(
    joints: Artifact,
    fitted: list[Artifact],
    measured: list[Artifact],
    cohort: Artifact,
    settings: PackSettings,
    placement: Placement,
) -> Artifact:
    """The packed dataset of all joints that have a row in the cohort table, as a tree.

    `joints` tells whose each is, `fitted` has the buckets' arrays at the settings' size,
    `measured` their widths where joints were measured.
    """
    store = placement.open()
    rows = read_rows(store, [joints])
    owners: dict[str, list[str]] = {}
    for row in rows:
        owners.setdefault(row["png"]["sha256"], []).append(name_of_joint(row))
    buckets = [Fitted.read(store, table) for table in fitted]
    width = {digest: width for bucket in buckets for digest, width in bucket.joints}
    spacing = {
        name_of_joint(row): row["spacing_mm"] * width[row["png"]["sha256"]] / settings.size
        for row in rows
        if row["spacing_mm"]
    }
    progress = Progress("pack", len(rows))

    def crops() -> Iterator[tuple[str, Image]]:
        for bucket in buckets:
            for (digest, _), pixels in zip(bucket.joints, bucket.pixels(store), strict=True):
                for name in owners.get(digest, ()):  # none where another film of the knee was taken
                    yield name, pixels
                    progress.step()

    with tempfile.TemporaryDirectory() as folder:
        table = read_cohort(store.fetch(cohort, Path(folder, "cohort", cohort.name)))
        if measured:
            table = add_measured(table, read_rows(store, measured), rows)
        pack_joints(crops(), table, settings, Path(folder, "dataset"), spacing)
        return put_tree(store, Path(folder, "dataset"), "dataset.json")


def _read_named_crops(placement: Placement, base: Path) -> Iterator[tuple[str, Image]]:
    """The crops that the cohort table names, by the rows' pseudonyms; the stored table names no pictures."""
    path = Path(placement.cohort)
    pictures = read_cohort(path, needs=["Img_path"])["Img_path"]
    for name, picture in zip(row_names(read_run_cohort(path, placement)), pictures, strict=True):
        with suppress(BadScan):  # its sentence would name the picture; the row has no crop
            yield name, read_crop(base, picture)


@stage("pack", version=1)
def pack_images(images: Artifact, cohort: Artifact, settings: PackSettings, placement: Placement) -> Artifact:
    """The packed dataset of crops on disk, found by the table's `Img_path`.

    `images` lists their digests, as `list_images` found them.

    Raises:
        JslError: Where a crop is another by now.
    """
    store = placement.open()
    with tempfile.TemporaryDirectory() as folder:
        needs = () if placement.pseudonymise else ("Img_path",)
        table = read_cohort(store.fetch(cohort, Path(folder, "cohort", cohort.name)), needs)
        base, dataset = Path(placement.scans), Path(folder, "dataset")
        if placement.pseudonymise:
            pack_joints(_read_named_crops(placement, base), table, settings, dataset)
        else:
            pack_from_paths(table, base, settings, dataset)
        paths = read_cohort(Path(placement.cohort), ["Img_path"]) if placement.pseudonymise else table
        if list_images(list(paths["Img_path"]), placement).sha256 != images.sha256:
            raise JslError("crops that the cohort table names changed while they were read; run again")
        return put_tree(store, dataset, "dataset.json")
