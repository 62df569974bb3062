"""Joints at the dataset's size by bucket: packing them gives what packing the joints themselves gives."""

from pathlib import Path

import numpy as np
import pytest

from jsl_core.cohort import read_cohort
from jsl_core.config import PackSettings, PipelineSettings
from jsl_core.dataset import PackedDataset
from jsl_core.dataset import pack as pack_directly
from jsl_core.imaging import encode_png
from jsl_core.scans.rows import write_rows
from jsl_core.storage import Artifact, checkout
from tasks.caching import Placement
from tasks.fit import Fitted, fit
from tasks.pack import pack

SETTINGS = PackSettings(size=48, val=0.25, test=0.25)
SPACING = {"1": 0.143, "2": None}  # millimetres, by side


@pytest.fixture
def place(tmp_path: Path) -> Placement:
    return Placement.of(PipelineSettings(store=str(tmp_path / "store")))


@pytest.fixture
def crops() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    names = [f"{1000001 + who}_{side}" for who in range(12) for side in (1, 2)]
    return {name: rng.integers(0, 256, (90 + 7 * at, 90 + 7 * at), np.uint8) for at, name in enumerate(names)}


def table_of(crops: dict[str, np.ndarray], place: Placement) -> Artifact:
    """A crop table as the crop stage writes it, a reject among its rows."""
    rows = [
        {
            "ID": name,
            "spacing_mm": SPACING[name[-1]],
            "png": place.open().put(encode_png(pixels), f"{name}.png").model_dump(),
        }
        for name, pixels in crops.items()
    ]
    return write_rows(
        place.open(), [{"ID": "0_1", "reason": "no_joint", "sentence": ""}, *rows], "crops.json"
    )


def cohort_of(names: list[str], folder: Path) -> Path:
    path = folder / "cohort.csv"
    path.write_text(
        "ID,BL_KL_grade,JSL_Prog\n" + "".join(f"{name},{at % 5},{at % 2}\n" for at, name in enumerate(names))
    )
    return path


def test_a_dataset_from_buckets_is_that_of_the_joints(
    crops: dict[str, np.ndarray], place: Placement, tmp_path: Path
) -> None:
    store, names = place.open(), list(crops)
    crops[names[5]] = crops[names[20]]  # of two knees, as little as one can tell
    cohort = cohort_of(names, tmp_path)
    buckets = [table_of({name: crops[name] for name in some}, place) for some in (names[14:], names[:14])]
    joints = table_of({name: crops[name] for name in names[1:]}, place)  # the first one's film was a copy
    rows = store.put(
        store.get(joints).replace(b'{"ID": "0_1", "reason": "no_joint", "sentence": ""}, ', b""), "j.json"
    )
    fitted = [fit.fn(bucket, SETTINGS.size, place) for bucket in buckets]
    packed = checkout(
        store, pack.fn(rows, fitted, [], store.put_file(cohort), SETTINGS, place), tmp_path / "packed"
    )
    spacing = {name: SPACING["1"] for name in names if name.endswith("_1")}
    without = {name: crops[name] for name in names[1:]}
    pack_directly(without, read_cohort(cohort), SETTINGS, tmp_path / "direct", spacing)
    one, other = PackedDataset.load(packed), PackedDataset.load(tmp_path / "direct")
    assert one.digest == other.digest
    assert not {names[5], names[20]} & set(one.table["ID"])  # whose the joint is is not known
    assert one.table["mm_per_pixel"].notna().sum() == 10
    assert np.array_equal(one.images, other.images)


def test_a_bucket_keeps_order_digests_and_widths(crops: dict[str, np.ndarray], place: Placement) -> None:
    store = place.open()
    fitted = Fitted.read(store, fit.fn(table_of(crops, place), 64, place))
    assert fitted.pixels(store).shape == (24, 64, 64)
    assert [width for _, width in fitted.joints] == [crop.shape[1] for crop in crops.values()]
    assert fitted.joints[5][0] == Artifact.of_bytes(encode_png(list(crops.values())[5]), "").sha256


def test_a_bucket_without_joints_is_an_empty_stack(place: Placement) -> None:
    fitted = Fitted.read(place.open(), fit.fn(table_of({}, place), 64, place))
    assert fitted.joints == []
    assert fitted.pixels(place.open()).shape == (0, 64, 64)
