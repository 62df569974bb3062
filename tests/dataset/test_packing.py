"""The packed dataset: nothing is lost, nothing is moved, and the bytes repeat."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jsl_core.cohort import read_cohort
from jsl_core.cohort.fixed_split import is_tested_by_number
from jsl_core.config import PackSettings
from jsl_core.dataset import PackedDataset, pack, pack_from_paths
from jsl_core.errors import BadTable
from tests.learning.conftest import SIZE, draw_cohort


def test_rows_are_sorted_by_id_and_pixels_are_as_on_the_film(tmp_path: Path) -> None:
    joints, table = draw_cohort(5)
    pack(reversed(joints.items()), table.sample(frac=1, random_state=0), PackSettings(size=SIZE), tmp_path)
    packed = PackedDataset.load(tmp_path)
    assert list(packed.table["ID"]) == sorted(joints)
    assert list(packed.left) == [name.endswith("_2") for name in packed.table["ID"]]
    for row, name in enumerate(packed.table["ID"]):
        np.testing.assert_array_equal(packed.images[row], joints[name])


def test_crops_of_any_size_are_resized_without_aliasing(tmp_path: Path) -> None:
    _, table = draw_cohort(1)
    stripes = np.tile(np.array([0, 255], np.uint8), (300, 150))
    pack({"1000001_1": stripes, "1000001_2": stripes[:150, :150]}, table, PackSettings(size=64), tmp_path)
    images = PackedDataset.load(tmp_path).images
    assert images.shape == (2, 64, 64)
    assert np.abs(images[:, 4:-4, 4:-4].astype(float) - 127).max() < 20


def test_knees_without_crop_and_crops_without_row_become_rejected_rows(tmp_path: Path) -> None:
    joints, table = draw_cohort(3)
    del joints["1000002_1"]
    joints["1000009_1"] = joints["1000001_1"]
    pack(joints, table, PackSettings(size=SIZE), tmp_path)
    rejected = pd.read_csv(tmp_path / "rejected.csv").set_index("ID")["reason"]
    assert rejected.to_dict() == {"1000002_1": "no_image", "1000009_1": "no_row"}
    assert json.loads((tmp_path / "dataset.json").read_text())["knees"] == 5


def test_joints_of_the_same_pixels_are_nobodys(tmp_path: Path) -> None:
    joints, table = draw_cohort(4)
    joints["1000003_2"] = joints["1000001_1"].copy()
    pack(joints, table, PackSettings(size=SIZE), tmp_path)
    rejected = pd.read_csv(tmp_path / "rejected.csv").set_index("ID")
    assert rejected["reason"].to_dict() == {"1000001_1": "duplicate", "1000003_2": "duplicate"}
    assert "1000003_2" in rejected.loc["1000001_1", "sentence"]
    assert len(PackedDataset.load(tmp_path).images) == 6


def test_joints_find_their_row_however_they_are_named(tmp_path: Path) -> None:
    joints, table = draw_cohort(3)
    films = {f"{name[:4]} {name[4:7]}.0{name[7:]}": crop for name, crop in joints.items()}
    films["01000002_1"] = films["1000003_1"] = np.ascontiguousarray(joints["1000002_1"].T)
    pack(films, table, PackSettings(size=SIZE), tmp_path)
    packed = PackedDataset.load(tmp_path)
    assert list(packed.table["ID"]) == sorted(joints)
    np.testing.assert_array_equal(packed.images[4], joints["1000003_1"])
    rejected = pd.read_csv(tmp_path / "rejected.csv", dtype=str).set_index("ID")
    assert rejected["reason"].to_dict() == {"01000002_1": "no_row", "1000003_1": "duplicate"}
    assert "but one for 1000002_1; if they are one person, write them alike" in rejected.iloc[0]["sentence"]


def test_one_picture_under_several_knees_is_refused_with_its_rows(tmp_path: Path) -> None:
    joints, table = draw_cohort(3)
    table["Img_path"] = [f"{name}.png" for name in table["ID"]]
    for name in table["ID"]:
        Image.fromarray(joints[name]).save(tmp_path / f"{name}.png")
    table.loc[4, "Img_path"] = "copy.tif"  # another file, another format, the same pixels
    Image.fromarray(joints["1000001_2"]).save(tmp_path / "copy.tif")
    table.drop(columns=["participant", "side"]).to_csv(tmp_path / "t.csv", index=False)
    read = read_cohort(tmp_path / "t.csv", needs=["Img_path"])
    with pytest.raises(BadTable, match=r"rows 3 and 6: knees 1000001_2, 1000003_1 share one picture"):
        pack_from_paths(read, tmp_path, PackSettings(size=SIZE), tmp_path / "out")
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    joints, table = draw_cohort(6)
    for folder in ("a", "b"):
        pack(joints, table, PackSettings(size=SIZE), tmp_path / folder)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"images.npy", "table.csv", "rejected.csv", "dataset.json"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_crops_on_disk_are_packed_as_their_table_says(tmp_path: Path) -> None:
    joints, table = draw_cohort(3)
    kinds = ["png", "webp", "jpg", "png", "png", "png"]
    table["Img_path"] = [f"{name}.{kind}" for name, kind in zip(table["ID"], kinds, strict=True)]
    for name, path in zip(table["ID"], table["Img_path"], strict=True):
        Image.fromarray(joints[name]).save(tmp_path / path, quality=95)
    (tmp_path / table["Img_path"].iloc[3]).write_bytes(b"not an image")
    (tmp_path / table["Img_path"].iloc[4]).unlink()
    table.loc[5, "Img_path"] = ""
    pack_from_paths(table, tmp_path, PackSettings(size=SIZE), tmp_path / "out")
    packed = PackedDataset.load(tmp_path / "out")
    assert list(packed.table["ID"]) == list(table["ID"][:3])
    np.testing.assert_array_equal(packed.images[0], joints["1000001_1"])
    assert np.abs(packed.images[2].astype(int) - joints["1000002_1"]).mean() < 8
    codes = pd.read_csv(tmp_path / "out" / "rejected.csv").set_index("ID")["reason"].to_dict()
    assert codes == {"1000002_2": "unreadable_image", "1000003_1": "no_image", "1000003_2": "no_image"}


def test_nothing_to_pack_and_no_dataset_are_one_clear_line_each(tmp_path: Path) -> None:
    _, table = draw_cohort(2)
    with pytest.raises(BadTable, match="no knee of the table has a joint crop"):
        pack({}, table, PackSettings(size=SIZE), tmp_path)
    with pytest.raises(BadTable, match="not a packed dataset"):
        PackedDataset.load(tmp_path)


@pytest.mark.parametrize("name", ["dataset.json", "images.npy", "table.csv"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\0", b"[1]"])
def test_a_damaged_dataset_is_one_clear_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    joints, table = draw_cohort(2)
    pack(joints, table, PackSettings(size=SIZE), tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(BadTable, match=f"^{tmp_path}"):
        PackedDataset.load(tmp_path)


def test_the_packed_table_has_the_mm_per_pixel(tmp_path: Path) -> None:
    _, table = draw_cohort(1)
    crop = np.zeros((300, 300), np.uint8)
    pack(
        {"1000001_1": crop, "1000001_2": crop + 1},
        table,
        PackSettings(size=60),
        tmp_path,
        {"1000001_1": 0.14},
    )
    spacing = PackedDataset.load(tmp_path).table["mm_per_pixel"]
    assert spacing[0] == pytest.approx(0.7)
    assert np.isnan(spacing[1])


def test_a_crop_with_nan_pixels_is_a_row_and_a_16_bit_one_is_scaled(tmp_path: Path) -> None:
    joints, table = draw_cohort(1)
    table["Img_path"] = ["nan.tif", "deep.png"]
    broken = joints["1000001_1"].astype(np.float32)
    broken[3, 3] = np.nan
    Image.fromarray(broken).save(tmp_path / "nan.tif")
    Image.fromarray(joints["1000001_2"].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    pack_from_paths(table, tmp_path, PackSettings(size=SIZE), tmp_path / "out")
    np.testing.assert_array_equal(PackedDataset.load(tmp_path / "out").images[0], joints["1000001_2"])
    rejected = pd.read_csv(tmp_path / "out" / "rejected.csv").iloc[0]
    assert (rejected["ID"], rejected["reason"]) == ("1000001_1", "not_finite")
    assert "NaN" in rejected["sentence"]


def test_a_table_unlike_that_of_read_cohort_cannot_be_packed(tmp_path: Path) -> None:
    joints, table = draw_cohort(2)
    table["BMI"] = table["BMI"].astype(object)
    table.loc[1, "BMI"] = "heavy"
    with pytest.raises(BadTable, match="the cohort table: BMI is not a number everywhere"):
        pack(joints, table, PackSettings(size=SIZE), tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("BL_KL_grade", "7", r"BL_KL_grade of knee 1000001_2 is 7.0; it must be 0, 1, 2, 3, 4"),
        ("JSL_Prog", "0.5", r"JSL_Prog of knee 1000001_2 is 0.5; it must be 0, 1"),
        ("split", "tset", r"split of knee 1000001_2 is tset; it must be train, val, test"),
        ("Age", "old", r"Age is not a number everywhere"),
    ],
)
def test_a_packed_table_edited_to_nonsense_is_one_clear_line(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    joints, table = draw_cohort(3)
    pack(joints, table, PackSettings(size=SIZE), tmp_path)
    edited = pd.read_csv(tmp_path / "table.csv", dtype=str)
    edited.loc[1, column] = value
    edited.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(BadTable, match=message):
        PackedDataset.load(tmp_path)


def test_a_dataset_in_which_any_byte_changed_is_one_line_or_the_same(tmp_path: Path) -> None:
    joints, table = draw_cohort(2)
    pack(joints, table, PackSettings(size=SIZE), tmp_path)
    before, rng = PackedDataset.load(tmp_path), np.random.default_rng(4)
    for number in range(90):
        path = tmp_path / ("dataset.json", "images.npy", "table.csv")[number % 3]
        whole = path.read_bytes()
        data = bytearray(whole)
        place = int(rng.integers(len(data)))
        if number % 2:
            data[place] ^= 1 << int(rng.integers(8))
        else:
            del data[place : place + int(rng.integers(1, 9))]
        path.write_bytes(data)
        try:
            after = PackedDataset.load(tmp_path)
        except BadTable:
            path.write_bytes(whole)
            continue
        path.write_bytes(whole)
        assert (after.digest, after.test_from_table) == (before.digest, before.test_from_table)
        np.testing.assert_array_equal(after.images, before.images)
        pd.testing.assert_frame_equal(after.table, before.table)


def test_a_site_that_is_held_out_is_tested_on_and_learned_from_by_nobody(tmp_path: Path) -> None:
    joints, table = draw_cohort(40)
    table["Site"] = ["A" if int(name) % 2 else "B" for name in table["participant"]]
    pack(joints, table, PackSettings(size=SIZE, split="jsl-1-site-A"), tmp_path)
    packed = PackedDataset.load(tmp_path).table
    assert set(packed.loc[packed["split"] == "test", "Site"]) == {"A"}
    assert set(packed.loc[packed["split"] != "test", "Site"]) == {"B"}
    tested = packed["participant"].astype(str).map(is_tested_by_number)
    assert tested.equals(packed["split"] == "test")
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert set(rejected["reason"]) == {"left_out"}
    assert len(rejected) + len(packed) == 80
    assert json.loads((tmp_path / "dataset.json").read_text())["given"] == ["test"]
